"""Who waits for whom at futex words: locks with their holders, and wakes of several threads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.model.futex_words import CONTENDED, addresses, each_group, paired, threads_of
from tracer.model.probe import Arrays, Context
from tracer.model.scheduling import Scheduling, scheduling
from tracer.model.states import ON_CPU_PARTS

#: A woken thread that waits again at the same word after less own code than this, and no call but
#: on futexes, was woken in vain, or for very little.
HARDLY_NS = 20_000
#: Words of each kind that are kept.
TOP = 5
#: A word is a lock where this share of the waits knew an owner, or the threads that wait there
#: release it this often for each wait.
_OWNED, _RELEASES = 0.5, 0.25
#: A group ran instead of a lock's holder where it ran for this share of that one's time in queues.
_INSTEAD = 0.1

Rows = NDArray[np.void]
Naming = Callable[[Rows], str | None]


@dataclass(frozen=True)
class Waiter:
    """A thread that waits at a word, or a group of them; times in ns."""

    name: str
    threads: int
    waits: int
    slept: int
    asleep_ns: int
    timed_out: int
    timed_ns: int
    scheduling: Scheduling | None


@dataclass(frozen=True)
class Other:
    """A group of threads in another role, and how long it was in that, ns."""

    name: str
    ns: int
    scheduling: Scheduling | None


@dataclass(frozen=True)
class Lock:
    """A futex word that one thread at a time has.

    `kind`: what it protects, where that is known. For `held_ns` of the waiters' `asleep_ns` it is
    known who had it; of these the holder was ready without a CPU for `holder_ready_ns` and on one
    for `holder_ran_ns`. `longest` is the one thread that slept longest. `holders`: most time first;
    `instead`: groups that the scheduler puts before the first holder, and that ran.
    """

    tgid: int
    address: str
    where: str | None
    kind: str
    waits: int
    asleep_ns: int
    held_ns: int
    holder_ready_ns: int
    holder_ran_ns: int
    wakes: int
    longest: Waiter
    waiters: tuple[Waiter, ...]
    holders: tuple[Other, ...]
    instead: tuple[Other, ...]


@dataclass(frozen=True)
class Caller:
    """A group of threads and its calls."""

    name: str
    calls: int


@dataclass(frozen=True)
class Broadcast:
    """A futex word at which `woke_more` wakes woke several threads, `woken_more` in all; `in_vain`
    of the waits there began again after hardly any work (`HARDLY_NS`)."""

    tgid: int
    address: str
    where: str | None
    wakes: int
    woken: int
    woke_more: int
    woken_more: int
    waits: int
    in_vain: int
    waiters: tuple[Waiter, ...]
    wakers: tuple[Caller, ...]


def data_of(word: Lock | Broadcast) -> dict[str, Any]:
    """As in the JSON document."""
    return asdict(word)


def locks(
    words: Sequence[Rows], arrays: Arrays, context: Context, named: Naming
) -> tuple[Lock, ...]:
    """The locks at which one thread slept longest."""
    found = []
    for rows in paired(words):
        waiting = rows[rows["waits"] > 0]
        if (
            waiting["asleep_ns"].any() and rows["wakes"].any()
        ):  # the kernel wakes who joins a thread
            where = named(rows)
            if kind := _kind(rows, where):
                found.append((_longest(waiting), kind, where, rows))
    found.sort(key=lambda one: -int(one[0]["asleep_ns"].sum()))
    return tuple(_lock(*one, arrays, context) for one in found[:TOP])


def broadcasts(
    words: Sequence[Rows], arrays: Arrays, context: Context, named: Naming
) -> tuple[Broadcast, ...]:
    """The words at which wakes of several threads woke the most."""
    rows_of = [rows for rows in paired(words) if rows["woken_more"].any()]
    rows_of.sort(key=lambda rows: -int(rows["woken_more"].sum()))
    return tuple(_broadcast(rows, named(rows), arrays, context) for rows in rows_of[:TOP])


def _kind(rows: Rows, where: str | None) -> str:
    """What kind of lock a word is; empty for one that is none as far as can be seen."""
    name = where or ""
    if name.startswith("GIL: "):
        return "GIL"
    if name.startswith(("malloc: ", "malloc arena lock")):
        return "malloc"
    waiting = rows[rows["waits"] > 0]
    waits = int(waiting["waits"].sum())
    contended = int(waiting["waits"][waiting["expected"] == CONTENDED].sum())
    if contended >= _OWNED * waits or int(waiting["owned"].sum()) >= _OWNED * waits:
        return "Go runtime" if ": runtime." in name else "mutex"
    both = waiting[waiting["wakes"] >= _RELEASES * waiting["waits"]]
    is_mutual = 2 * int(both["waits"].sum()) > waits and len(both) > 1
    woken, more = int(rows["woken"].sum()), int(rows["woken_more"].sum())
    return "lock" if is_mutual and 2 * more < max(woken, 1) else ""


def _longest(waiting: Rows) -> Rows:
    """The rows of the thread that slept longest."""
    threads, asleep_ns = threads_of(waiting), Counter[tuple[int, int]]()
    for thread, ns in zip(threads, waiting["asleep_ns"].tolist(), strict=True):
        asleep_ns[thread] += ns
    longest = max(asleep_ns, key=lambda thread: asleep_ns[thread])
    return waiting[[thread == longest for thread in threads]]


def _lock(
    longest: Rows, kind: str, where: str | None, rows: Rows, arrays: Arrays, context: Context
) -> Lock:
    waiting = rows[rows["waits"] > 0]
    holders, first = _holders(waiting, arrays, context)
    ready_ns = int(waiting["ready_ns"].sum())
    return Lock(
        **_at(rows, where),
        kind=kind,
        waits=int(waiting["waits"].sum()),
        asleep_ns=int(waiting["asleep_ns"].sum()),
        held_ns=int(waiting["held_ns"].sum()),
        holder_ready_ns=ready_ns,
        holder_ran_ns=int(waiting["ran_ns"].sum()),
        wakes=int(rows["wakes"].sum()),
        longest=_waiter(each_group(longest[:1], arrays, context.groups)[0], longest),
        waiters=_waiters(waiting, arrays, context),
        holders=holders,
        instead=() if first is None else _instead(first, ready_ns, arrays, context),
    )


def _broadcast(rows: Rows, where: str | None, arrays: Arrays, context: Context) -> Broadcast:
    waiting = rows[rows["waits"] > 0]
    calls: Counter[str] = Counter()
    waking = rows[rows["wakes"] > 0]
    names = each_group(waking, arrays, context.groups)
    for name, wakes in zip(names, waking["wakes"].tolist(), strict=True):
        calls[name] += wakes
    sums: dict[str, Any] = {
        name: int(rows[name].sum())
        for name in ("wakes", "woken", "woke_more", "woken_more", "in_vain")
    }
    return Broadcast(
        **_at(rows, where),
        **sums,
        waits=int(waiting["waits"].sum()),
        waiters=_waiters(waiting, arrays, context),
        wakers=tuple(Caller(name, times) for name, times in calls.most_common(TOP)),
    )


def _at(rows: Rows, where: str | None) -> dict[str, Any]:
    at = int(addresses(rows)[0])
    return {"tgid": int(rows["tgid"][0]), "address": f"{at:#x}", "where": where}


def _waiters(waiting: Rows, arrays: Arrays, context: Context) -> tuple[Waiter, ...]:
    """By group, the longest asleep first."""
    names = each_group(waiting, arrays, context.groups)
    every = [_waiter(name, waiting[[n == name for n in names]]) for name in dict.fromkeys(names)]
    return tuple(sorted(every, key=lambda one: (-one.asleep_ns, one.name))[:TOP])


def _waiter(name: str, rows: Rows) -> Waiter:
    sums = ("waits", "slept", "asleep_ns", "timed_out", "timed_ns")
    return Waiter(
        name=name,
        threads=len(set(threads_of(rows))),
        **{field: int(rows[field].sum()) for field in sums},
        scheduling=scheduling(int(rows["prio"].max())),
    )


def _holders(
    waiting: Rows, arrays: Arrays, context: Context
) -> tuple[tuple[Other, ...], Scheduling | None]:
    """Groups that had the lock, by the time for which waiters waited for them; how the first one is
    scheduled."""
    threads, ns_of = arrays["threads"], Counter[str]()
    prio_of: dict[str, int] = {}
    held = waiting[(waiting["holder"] != 0) & (waiting["holder"] < len(threads))]
    # else its row is another thread's by now
    held = held[threads["birth_ns"][held["holder"]] == held["holder_birth_ns"]]
    columns = (held["holder"], held["held_ns"], threads["prio"][held["holder"]])
    for slot, ns, prio in zip(*(column.tolist() for column in columns), strict=True):
        name = context.groups.get(slot)
        if name is not None:
            ns_of[name] += ns
            prio_of[name] = max(prio_of.get(name, 0), prio)
    found = tuple(Other(name, ns, scheduling(prio_of[name])) for name, ns in ns_of.most_common(TOP))
    return found, found[0].scheduling if found else None


def _instead(
    holder: Scheduling, ready_ns: int, arrays: Arrays, context: Context
) -> tuple[Other, ...]:
    """Groups of threads that go before such a holder, by how long they ran."""
    threads, slots = arrays["threads"], np.array(list(context.groups), dtype=np.intp)
    prios = threads["prio"][slots]
    before = [
        prio
        for prio in np.unique(prios).tolist()
        if (own := scheduling(prio)) is not None and own.order < holder.order
    ]
    is_before = np.isin(prios, before) & (threads["epoch"][slots] == arrays["ctl"]["epoch"][0])
    slots = slots[is_before]
    own_ns = threads["own"][slots, : len(ON_CPU_PARTS)].sum(axis=1)
    ran_ns: Counter[str] = Counter()
    prio_of: dict[str, int] = {}
    for slot, ns, prio in zip(
        slots.tolist(), own_ns.tolist(), prios[is_before].tolist(), strict=True
    ):
        name = context.groups[slot]
        ran_ns[name] += ns
        prio_of[name] = prio
    return tuple(
        Other(name, ns, scheduling(prio_of[name]))
        for name, ns in ran_ns.most_common(TOP)
        if ns > _INSTEAD * ready_ns
    )
