"""A lock: one thread waits again and again for what another one has."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, named, rounded
from tracer.analysis.findings._locks import (
    Lock,
    called,
    each_ns,
    held_shares,
    holder_did,
    is_convoy,
    is_inverted,
    is_timed,
    locks,
    place,
    shorter,
    waited_share,
)  # fmt: skip
from tracer.units import count, duration

NAME = "Lock holder"
#: The longest waiter slept there for this share of the window.
LEAST_SHARE = 0.1


def _lock(document: Document) -> Lock | None:
    every = [lock for lock in locks(document) if lock["holders"]]
    fitting = [lock for lock in every if not is_convoy(lock) and not is_inverted(lock)]
    return max(fitting, key=lambda lock: waited_share(document, lock), default=None)


DERIVED = {
    "each, ns": lambda document: each_ns(_lock(document) or {}),
    "holder on a CPU": lambda document: held_shares(_lock(document) or {})[0],
    "holder ready": lambda document: held_shares(_lock(document) or {})[1],
}


def find(document: Document) -> Finding | None:
    lock = _lock(document)
    if lock is None or waited_share(document, lock) < LEAST_SHARE:
        return None
    longest, holder = lock["longest"], lock["holders"][0]
    times = longest["timed_out"] if is_timed(lock) else longest["slept"]
    waits = "timed waits" if is_timed(lock) else "waits"
    return finding(
        __name__,
        waited_share(document, lock),
        f"thread {named(longest['name'])} waited {duration(longest['asleep_ns'])} for"
        f" {called(lock)} that {named(holder['name'])} had{holder_did(lock)}:"
        f" {count(times)} {waits} of {duration(each_ns(lock))}",
        f"{place(lock)}: {count(lock['waits'])} waits, {count(lock['wakes'])} wakes; the thread"
        f" slept there {rounded(waited_share(document, lock))} of the time",
        shorter(document, lock),
    )
