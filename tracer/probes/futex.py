"""Probe futex: every operation, how waits ended, what wakes woke, and at which addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.host.mappings import where
from tracer.model import futex_parks
from tracer.model.futex_parks import Park, parks
from tracer.model.futex_waits import HARDLY_NS, Broadcast, Lock, broadcasts, data_of, locks
from tracer.model.futex_words import CONTENDED, addresses, by_word, groups_of, places
from tracer.model.histogram import Histogram
from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.section import Cell, Scale, Section, Table, Time, Total
from tracer.model.states import indices
from tracer.model.threads import comm
from tracer.units import count, count_or_unknown, plain, rate

#: Rows of the C array per CPU: the operations of futex(2) by number, then the later calls.
OPERATIONS = (
    *("WAIT", "WAKE", "FD", "REQUEUE", "CMP_REQUEUE", "WAKE_OP", "LOCK_PI", "UNLOCK_PI"),
    *("TRYLOCK_PI", "WAIT_BITSET", "WAKE_BITSET", "WAIT_REQUEUE_PI", "CMP_REQUEUE_PI"),
    *("LOCK_PI2", "unknown", "futex_waitv", "futex_wait", "futex_wake", "futex_requeue"),
)
WAITS = frozenset(
    (
        *("WAIT", "LOCK_PI", "TRYLOCK_PI", "WAIT_BITSET", "WAIT_REQUEUE_PI", "LOCK_PI2"),
        *("futex_waitv", "futex_wait"),
    )
)
#: Operations whose result is not a number of threads.
UNCOUNTED = frozenset(("FD", "UNLOCK_PI", "unknown"))
TOP = 10
#: The table of places has 2^16 of them; a place's key ends in the thread's slot.
_PLACE_BITS = 16
_WIDTH = 30  # of a place in the text


@dataclass(frozen=True)
class Operation:
    """One operation. `woken` counts moved threads too; `asleep` and `to_run` are ns per sleep."""

    name: str
    calls: int
    slept: int
    again: int
    timed_out: int
    interrupted: int
    failed: int
    woke_none: int
    woke_one: int
    woke_more: int
    woken: int
    asleep: Histogram
    to_run: Histogram

    @property
    def is_wait(self) -> bool:
        return self.name in WAITS


@dataclass(frozen=True)
class Place:
    """One futex word: process and address of the thread with the most calls there, and the number
    of processes that made any; `waiters` and `wakers`: calls by group of threads."""

    tgid: int
    address: int
    where: str | None
    waits: int
    slept: int
    asleep_ns: int
    wakes: int
    woken: int
    processes: int
    waiters: tuple[tuple[str, int], ...]
    wakers: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class FutexRecord:
    """Operations seen; the busiest places; how many other places, and calls at no known place;
    why places may have no name, empty where nothing is missing; the locks most waited for, the
    words with the most threads woken by wakes of several, and threads that sleep at own words."""

    operations: tuple[Operation, ...]
    places: tuple[Place, ...]
    other_places: int
    unplaced: int
    unnamed: str = ""
    locks: tuple[Lock, ...] = ()
    broadcasts: tuple[Broadcast, ...] = ()
    parks: tuple[Park, ...] = ()


def _place(
    rows: NDArray[np.void], arrays: Arrays, context: Context, stacks: Mapping[int, dict[int, str]]
) -> Place:
    sums = {n: int(rows[n].sum()) for n in ("waits", "slept", "asleep_ns", "wakes", "woken")}
    return Place(
        int(rows["tgid"][0]),
        int(addresses(rows)[0]),
        _name(rows, context, stacks),
        **sums,
        processes=len(np.unique(rows["tgid"])),
        waiters=groups_of(rows, "waits", arrays, context.groups),
        wakers=groups_of(rows, "wakes", arrays, context.groups),
    )


def _name(
    rows: NDArray[np.void], context: Context, stacks: Mapping[int, dict[int, str]]
) -> str | None:
    """Where the word of these rows is."""
    tgid, at_ns, address = int(rows["tgid"][0]), int(rows["first_ns"][0]), int(addresses(rows)[0])
    space = context.spaces.of(tgid, at_ns)
    return where(space, tgid, address, at_ns, stacks[tgid]) if space else None


def _stacks(rows: NDArray[np.void]) -> dict[int, dict[int, str]]:
    """Name of the thread by its stack pointer, by process."""
    found: dict[int, dict[int, str]] = defaultdict(dict)
    stacks = zip(rows["tgid"].tolist(), rows["stack"].tolist(), strict=True)
    for (tgid, stack), n in {stack: n for n, stack in enumerate(stacks)}.items():
        found[tgid][stack] = comm(rows[n])
    return found


def _mapped(arrays: Arrays) -> set[int]:
    return set(np.unique(places(arrays)["tgid"]).tolist())


def _read(arrays: Arrays, context: Context) -> FutexRecord:
    """Sum over CPUs; operations in the order of `OPERATIONS`, those never made left out."""
    rows = arrays["futex_ops"].reshape(-1, len(OPERATIONS))
    found = [_operation(name, rows[:, index]) for index, name in enumerate(OPERATIONS)]
    at = places(arrays)
    words = by_word(at, context.spaces)
    stacks = _stacks(at)

    def named(own: NDArray[np.void]) -> str | None:
        return _name(own, context, stacks)

    return FutexRecord(
        tuple(operation for operation in found if operation.calls or operation.asleep.count),
        tuple(_place(own, arrays, context, stacks) for own in words[:TOP]),
        other_places=max(len(words) - TOP, 0),
        unplaced=int(arrays["futex_unplaced"].sum()),
        unnamed=context.spaces.missing,
        locks=locks(words, arrays, context, named),
        broadcasts=broadcasts(words, arrays, context, named),
        parks=parks(words, arrays, context),
    )


_COUNTERS = (
    *("calls", "slept", "again", "timed_out", "interrupted", "failed"),
    *("woke_none", "woke_one", "woke_more", "woken"),
)


def _operation(name: str, rows: NDArray[np.void]) -> Operation:
    sums = {counter: int(rows[counter].sum()) for counter in _COUNTERS}
    asleep, to_run = (Histogram.merged(rows[h]) for h in ("asleep", "delivery"))
    return Operation(name, **sums, asleep=asleep, to_run=to_run)


# ---- the report ----


def _cut(text: str, width: int) -> str:
    text = plain(text)
    return text if len(text) <= width else f"{text[: width - 2]}.."


def _where(at: Place) -> str:
    """The place, shortened but for its offset; the address where the place is unknown.

    What is too long loses the file that a variable is in.
    """
    name, plus, offset = (at.where or f"{at.address:#x}").rpartition(" + ")
    width = _WIDTH - len(plus + offset)
    if len(plain(name)) > width:
        name = name.removeprefix(name.partition(": ")[0] + ": ")
    return _cut(name, width) + plus + offset


def _group(groups: Sequence[tuple[str, int]]) -> str:
    if not groups:
        return "-"
    more = f" +{len(groups) - 1}" if len(groups) > 1 else ""
    return _cut(groups[0][0], 15) + more


def _counts(record: FutexRecord, scale: Scale) -> list[Table]:
    per = f"per {scale.unit}"

    def row(op: Operation, numbers: Sequence[int | None]) -> list[str]:
        cells = [count_or_unknown(n) for n in numbers]
        return [op.name, count(op.calls), rate(scale.per_unit(op.calls)), *cells]

    waits = [
        row(op, (op.slept, op.again, op.timed_out, op.interrupted, op.failed))
        for op in record.operations
        if op.is_wait
    ]
    wakes = []
    for op in record.operations:
        if not op.is_wait:
            woke: tuple[int | None, ...] = (op.woke_none, op.woke_one, op.woke_more, op.woken)
            if op.name in UNCOUNTED:
                woke = (None,) * 4
            failed = op.again + op.timed_out + op.interrupted + op.failed
            wakes.append(row(op, (*woke, failed)))
    times: list[list[Cell]] = [
        [
            *(op.name, count(op.asleep.count), Total(op.asleep.sum_ns)),
            *(Time.of(h.percentile_ns(q)) for h in (op.asleep, op.to_run) for q in (50, 99)),
            Time.of(op.to_run.max_ns),
        ]
        for op in record.operations
        if op.asleep.count
    ]
    columns = ["slept", "EAGAIN", "time-outs", "signals", "failed"]
    tables = [Table(["wait", "calls", per, *columns], waits)]
    columns = ["woke none", "one", "more", "woken", "failed"]
    tables.append(Table(["wake", "calls", per, *columns], wakes))
    columns = ["sleeps", "asleep", "p50", "p99", "to run p50", "p99", "max"]
    tables.append(Table(["wait", *columns], times))
    return [table for table in tables if table.rows]


def _report(record: FutexRecord, scale: Scale) -> Section:
    """Operations, times and the busiest addresses."""
    title = "Futexes (all threads)"
    data = _data(record, scale)
    if not record.operations:
        return Section(title, ["no futex call was made"], data)
    calls = sum(op.calls for op in record.operations)
    blocks: list[str | Table] = [f"{count(calls)} calls{scale.each(calls)}"]
    for table in _counts(record, scale):
        blocks += [table, ""]
    rows: list[list[Cell]] = [
        [
            *(_where(at), count(at.waits), count(at.slept), Total(at.asleep_ns)),
            *(count(at.wakes), _group(at.waiters), _group(at.wakers)),
        ]
        for at in record.places
    ]
    columns = ["address", "waits", "slept", "asleep", "wakes", "who waits", "who wakes"]
    blocks.append(Table(columns, rows))
    if record.other_places:
        blocks.append(f"and {count(record.other_places)} other addresses")
    if record.unplaced:
        blocks.append(
            f"{count(record.unplaced)} calls are in no line of this table, which was full"
        )
    if record.unnamed and any(at.where is None for at in record.places):
        blocks.append(f"Some addresses have no name: {record.unnamed}")
    return Section(title, blocks, data)


def _data(record: FutexRecord, scale: Scale) -> dict[str, Any]:
    return {
        "operations": [
            {
                "name": op.name,
                "kind": "wait" if op.is_wait else "wake",
                "per_unit": scale.per_unit(op.calls),
                **{name: getattr(op, name) for name in _COUNTERS},
                "asleep_ns": op.asleep.data(),
                "wakeup_latency_ns": op.to_run.data(),
            }
            for op in record.operations
        ],
        "addresses": [
            {
                "tgid": at.tgid,
                "address": f"{at.address:#x}",
                "where": at.where,
                "waits": at.waits,
                "slept": at.slept,
                "asleep_ns": at.asleep_ns,
                "wakes": at.wakes,
                "woken": at.woken,
                "processes": at.processes,
                "waiters": dict(at.waiters),
                "wakers": dict(at.wakers),
            }
            for at in record.places
        ],
        "other_addresses": record.other_places,
        "unplaced_calls": record.unplaced,
        "locks": [data_of(lock) for lock in record.locks],
        "broadcasts": [data_of(word) for word in record.broadcasts],
        "parks": [futex_parks.data_of(park) for park in record.parks],
    }


def _macros(_types: KernelTypes) -> dict[str, object]:
    return {
        **indices("FUTEX_OP_", OPERATIONS),
        "N_FUTEX_OPS": len(OPERATIONS),
        "FUTEX_WAIT_ROWS": sum(1 << row for row, name in enumerate(OPERATIONS) if name in WAITS),
        "FUTEX_PLACE_BITS": _PLACE_BITS,
        "FUTEX_HARDLY_NS": HARDLY_NS,
        "FUTEX_CONTENDED": CONTENDED,
    }


PROBE = Probe(
    summary="futex operations: waits, wakes, time asleep, and the addresses where",
    hooks=("call_entered", "waking", "switched_in", "call_ended"),
    arrays=("futex_ops", "futex_places", "futex_unplaced"),
    states={"futex_calls": ()},
    keys={
        "futex_places": (
            *("key", "birth_ns", "first_ns", "stack", "tgid", "pad", "comm", "expected", "prio"),
            *("holder", "holder_birth_ns", "holder_ns"),
        )
    },
    read=_read,
    report=_report,
    calls=("futex", "futex_waitv", "futex_wait", "futex_wake", "futex_requeue"),
    needs_calls=True,
    macros=_macros,
    mapped=_mapped,
)
