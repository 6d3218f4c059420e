"""Probe futex: every operation, how waits ended, what wakes woke, and at which addresses."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.host import mappings
from tracer.model.histogram import Histogram
from tracer.model.probe import Arrays, KernelTypes, Probe
from tracer.model.section import Scale, Section, Table
from tracer.model.states import indices
from tracer.model.threads import SLOT_BITS
from tracer.units import count, duration, plain, rate

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
    """One address of one process; `waiters` and `wakers`: calls by group of threads."""

    tgid: int
    address: int
    where: str | None
    waits: int
    slept: int
    asleep_ns: int
    wakes: int
    woken: int
    waiters: tuple[tuple[str, int], ...]
    wakers: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class FutexRecord:
    """Operations seen; the busiest places; how many other places, and calls at no known place."""

    operations: tuple[Operation, ...]
    places: tuple[Place, ...]
    other_places: int
    unplaced: int


def _by_place(arrays: Arrays) -> list[tuple[tuple[int, int], NDArray[np.void]]]:
    """((tgid, address), rows), the most calls first, then by address."""
    rows = arrays["futex_places"]
    rows = rows[rows["key"] != 0]
    slots = (rows["key"] & np.uint64((1 << SLOT_BITS) - 1)).astype(np.int64)
    groups: dict[tuple[int, int], list[int]] = defaultdict(list)
    owners = arrays["threads"]["tgid"][slots].tolist()
    for index, (tgid, key) in enumerate(zip(owners, rows["key"].tolist(), strict=True)):
        groups[tgid, key >> SLOT_BITS << 2].append(index)
    calls = (rows["waits"] + rows["wakes"]).astype(np.int64)
    order = sorted(groups, key=lambda at: (-int(calls[groups[at]].sum()), at))
    return [(at, rows[groups[at]]) for at in order]


def _living(arrays: Arrays) -> dict[tuple[int, int], str]:
    """Where the busiest addresses lie, by (tgid, address)."""
    wanted: dict[int, list[int]] = defaultdict(list)
    for (tgid, address), _rows in _by_place(arrays)[:TOP]:
        wanted[tgid].append(address)
    return {
        (tgid, address): place
        for tgid, addresses in wanted.items()
        for address, place in mappings.places(tgid, addresses).items()
    }


def group_of(name: str) -> str:
    """Threads that differ in numbers only are one group: `worker-1` is of `worker-*`."""
    return re.sub(r"\d+", "*", name)


def _groups(rows: NDArray[np.void], role: str) -> tuple[tuple[str, int], ...]:
    """Calls in this role by group of threads, the most first."""
    found: Counter[str] = Counter()
    for comm, calls in zip(rows["comm"], rows[role].tolist(), strict=True):
        if calls:
            found[group_of(bytes(comm).split(b"\0")[0].decode(errors="replace"))] += calls
    return tuple(found.most_common())


def _place(at: tuple[int, int], rows: NDArray[np.void], where: str | None) -> Place:
    sums = {n: int(rows[n].sum()) for n in ("waits", "slept", "asleep_ns", "wakes", "woken")}
    return Place(*at, where, **sums, waiters=_groups(rows, "waits"), wakers=_groups(rows, "wakes"))


def _read(arrays: Arrays, alive: Mapping[tuple[int, int], str] | None) -> FutexRecord:
    """Sum over CPUs; operations in the order of `OPERATIONS`, those never made left out."""
    rows = arrays["futex_ops"].reshape(-1, len(OPERATIONS))
    found = [_operation(name, rows[:, index]) for index, name in enumerate(OPERATIONS)]
    places = _by_place(arrays)
    return FutexRecord(
        tuple(operation for operation in found if operation.calls or operation.asleep.count),
        tuple(_place(at, calls, (alive or {}).get(at)) for at, calls in places[:TOP]),
        other_places=max(len(places) - TOP, 0),
        unplaced=int(arrays["futex_unplaced"].sum()),
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
    """The place, shortened but for its offset; the address where the place is unknown."""
    name, plus, offset = (at.where or f"{at.address:#x}").rpartition(" + ")
    return _cut(name, _WIDTH - len(plus + offset)) + plus + offset


def _group(groups: Sequence[tuple[str, int]]) -> str:
    if not groups:
        return "-"
    more = f" +{len(groups) - 1}" if len(groups) > 1 else ""
    return _cut(groups[0][0], 15) + more


def _counts(record: FutexRecord, scale: Scale) -> list[Table]:
    per = f"per {scale.unit}"

    def row(op: Operation, numbers: Sequence[int | None]) -> list[str]:
        cells = ["-" if n is None else count(n) for n in numbers]
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
    times = [
        [op.name, count(op.asleep.count), duration(op.asleep.sum_ns)]
        + [duration(h.percentile_ns(q)) for h in (op.asleep, op.to_run) for q in (50, 99)]
        + [duration(op.to_run.max_ns)]
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
    blocks: list[str | Table] = [
        f"{count(calls)} calls, {rate(scale.per_unit(calls))} per {scale.unit}"
    ]
    for table in _counts(record, scale):
        blocks += [table, ""]
    rows = [
        [
            *(_where(at), count(at.waits), count(at.slept), duration(at.asleep_ns)),
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
                "waiters": dict(at.waiters),
                "wakers": dict(at.wakers),
            }
            for at in record.places
        ],
        "other_addresses": record.other_places,
        "unplaced_calls": record.unplaced,
    }


def _macros(_types: KernelTypes) -> dict[str, object]:
    return {
        **indices("FUTEX_OP_", OPERATIONS),
        "N_FUTEX_OPS": len(OPERATIONS),
        "FUTEX_WAIT_ROWS": sum(1 << row for row, name in enumerate(OPERATIONS) if name in WAITS),
        "FUTEX_PLACE_BITS": _PLACE_BITS,
    }


PROBE = Probe(
    summary="futex operations: waits, wakes, time asleep, and the addresses where",
    hooks=("call_entered", "switched_in", "call_ended"),
    arrays=("futex_ops", "futex_places", "futex_unplaced"),
    read=_read,
    report=_report,
    calls=("futex", "futex_waitv", "futex_wait", "futex_wake", "futex_requeue"),
    needs_calls=True,
    macros=_macros,
    living=_living,
)
