"""What the findings on locks share: the lock most waited for, its holder, and their words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tracer.analysis.findings._document import Document, again, rounded, share
from tracer.units import plain

Lock = Mapping[str, Any]

#: Fewer waits are no pattern.
LEAST_WAITS = 5
#: The holder was ready without a CPU for this share of the wait, and others ran instead of it.
LEAST_READY = 0.3
_KINDS = {
    "GIL": "the GIL",
    "malloc": "malloc's lock",
    "Go runtime": "a lock of the Go runtime",
    "mutex": "the mutex",
    "lock": "the lock",
}
_CHANGES = {
    "GIL": "compute in another process (multiprocessing), or make sys.setswitchinterval smaller",
    "malloc": "try another allocator (jemalloc, mimalloc), or allocate less in these threads",
    "Go runtime": "allocate less, or keep fewer goroutines and timers: they share that lock",
}


def locks(document: Document, least: int = LEAST_WAITS) -> Iterator[Lock]:
    """Those with enough waits; none where the probe futex was off, or in older documents."""
    for lock in (document.get("futex") or {}).get("locks") or []:
        if lock["longest"]["waits"] >= least:
            yield lock


def convoys(document: Document) -> Iterator[Lock]:
    """Locks whose waiters are their holders in turn, also where each thread waits only once, as in
    a server with a thread for each request."""
    for lock in (document.get("futex") or {}).get("locks") or []:
        if is_convoy(lock) and lock["waits"] >= LEAST_WAITS:
            yield lock


def is_inverted(lock: Lock) -> bool:
    """Whether the holder was kept from a CPU by threads that the scheduler puts before it."""
    ready = lock["holder_ready_ns"] >= LEAST_READY * max(lock["held_ns"], 1)
    return bool(ready and lock["holders"] and lock["instead"])


def is_convoy(lock: Lock) -> bool:
    """Whether those that wait are those that have it in turn: at least three threads."""
    if not lock["holders"]:
        return False
    name = lock["holders"][0]["name"]
    queue = [one for one in lock["waiters"] if one["name"] == name]
    return bool(queue) and queue[0]["threads"] >= 3


def waited_share(document: Document, lock: Lock) -> float:
    """Of the window, that the thread which waits longest slept there."""
    return share(document, lock["longest"]["asleep_ns"])


def is_timed(lock: Lock) -> bool:
    """Whether the longest waiter mostly slept until a time-out."""
    return bool(2 * lock["longest"]["timed_ns"] > lock["longest"]["asleep_ns"])


def each_ns(lock: Lock) -> float:
    """The mean length of the longest waiter's sleeps; where most timed out, of those that did."""
    longest = lock["longest"]
    if is_timed(lock):
        return float(longest["timed_ns"] / max(longest["timed_out"], 1))
    return float(longest["asleep_ns"] / max(longest["slept"], 1))


def holder_did(lock: Lock) -> str:
    """What the holder did while others waited for it, most of the time."""
    held_ns, ran, ready = max(lock["held_ns"], 1), lock["holder_ran_ns"], lock["holder_ready_ns"]
    if 2 * max(ran, ready) < held_ns:
        return ""
    where = "on a CPU" if ran >= ready else "ready without a CPU"
    return f", {where} for {rounded(max(ran, ready) / held_ns)} of that"


def is_holder_asleep(lock: Lock) -> bool:
    """Whether the holder slept itself for most of the time that others waited for it."""
    return bool(2 * (lock["holder_ran_ns"] + lock["holder_ready_ns"]) < lock["held_ns"])


def held_shares(lock: Lock) -> tuple[float, float]:
    """Of the time waited for a holder, that it was on a CPU, and that it was ready without one."""
    held_ns = max(lock["held_ns"], 1)
    return lock["holder_ran_ns"] / held_ns, lock["holder_ready_ns"] / held_ns


def called(lock: Lock) -> str:
    """`the mutex`, `the GIL`."""
    return _KINDS.get(lock["kind"], "the lock")


def place(lock: Lock) -> str:
    """Where the word is, as in the table of futexes: the variable, or the address."""
    where = lock["where"]
    if where is None:
        return str(lock["address"])
    text = plain(where)
    return text if len(text) <= 40 else f"{text[:37]}..."


def shorter(document: Document, lock: Lock) -> str:
    """What to do about a lock that is held for long."""
    change = _CHANGES.get(lock["kind"])
    return change or again(document, "--probe stacks")


def scheduled(one: Mapping[str, Any] | None) -> str:
    """`nice 19`, `fifo 50`, `policy idle`."""
    if one is None:
        return "unknown"
    if one["policy"] in ("fifo", "rr"):
        return f"{one['policy']} {one['priority']}"
    if one["policy"] in ("idle", "deadline"):
        return f"policy {one['policy']}"
    return f"nice {one['nice']}"
