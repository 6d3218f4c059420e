"""Switches, migrations, wake-ups, open calls and losses of a Recording."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.run.ledger import in_window, thread_times, touched, touched_cpus
from tracer.model.recording import Recording
from tracer.model.states import LOSSES, ON_CPU_PARTS, OWN_PARTS, PART, REPAIRS, SOURCES, RunState
from tracer.model.syscalls import name_of
from tracer.model.threads import WAKING, is_in
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord


@dataclass(frozen=True)
class Switches:
    """Context switches away from the target's threads, as getrusage counts them."""

    voluntary: int
    involuntary: int
    migrations: int

    @property
    def total(self) -> int:
        return self.voluntary + self.involuntary


def switches(recording: Recording) -> Switches:
    """Switches and migrations inside the window, of living and dead threads."""
    rows = recording.threads[touched(recording)]
    cpus = touched_cpus(recording)

    def total(field: str) -> int:
        return int(rows[field].sum()) + int(cpus[f"recycled_{field}"].sum())

    return Switches(
        voluntary=total("voluntary"),
        involuntary=total("involuntary"),
        migrations=total("migrations"),
    )


def on_cpu_ns(call: CallRecord) -> int:
    """The part of a system call's time that threads spent on a CPU."""
    return max(call.times.sum_ns - call.off_cpu_ns, 0)


def wakeups(recording: Recording) -> dict[str, int]:
    """Wake-ups by kind; `pending` were still waiting for a CPU at the end; `total` is their sum."""
    record: SchedRecord = recording.probes["sched"]
    by_kind = {kind: times.count for kind, times in record.woke.items()}
    waking = is_in(recording.threads, *WAKING)
    by_kind["pending"] = int((waking & touched(recording)).sum())
    return {"total": sum(by_kind.values()), **by_kind}


def _sums(cpus: NDArray[np.void], field: str, names: tuple[str, ...]) -> dict[str, int]:
    """A per-CPU array summed over CPUs, shape (CPUs, len(names)), by name."""
    return dict(zip(names, cpus[field].sum(axis=0).tolist(), strict=True))


def outside_wakers(recording: Recording) -> dict[str, int]:
    """Wake-ups by a waker outside the target, which have no path to hand over: timer, interrupts,
    other tasks."""
    by_waker = _sums(touched_cpus(recording), "sources", SOURCES)
    del by_waker["process"]
    return by_waker


def losses(recording: Recording) -> dict[str, int]:
    """Events that could not be recorded, by kind."""
    return {**_sums(recording.cpus, "losses", LOSSES), "recursion": recording.missed}


def repairs(recording: Recording) -> dict[str, int]:
    """Impossible orders of events after which the state machine resynchronised, by kind."""
    return _sums(touched_cpus(recording), "repairs", REPAIRS)


def open_calls(recording: Recording) -> Mapping[str, int]:
    """System calls entered and not yet returned at the end of the window, by name."""
    threads = recording.threads
    inside = in_window(recording) & (threads["on_cpu_part"] != PART["user"])
    inside &= ~is_in(threads, RunState.DEAD)
    inside[recording.end_slot] = False
    numbers, times = np.unique(threads["call_nr"][inside], return_counts=True)
    return {name_of(number): n for number, n in zip(numbers.tolist(), times.tolist(), strict=True)}


@dataclass(frozen=True)
class ThreadRow:
    """One thread: its own time by part, ns, and its switches and migrations."""

    tid: int
    name: str
    parts: Mapping[str, int]
    voluntary: int
    involuntary: int
    migrations: int


@dataclass(frozen=True)
class GroupRow:
    """Threads whose names differ in numbers only, and the sums of their own times by part, ns.

    `idle` of the `threads` never ran in the window; their time, `idle_ns` in all, is in no part.
    """

    name: str
    threads: int
    idle: int
    idle_ns: int
    parts: Mapping[str, int]
    voluntary: int
    involuntary: int
    migrations: int


def pattern(name: str) -> str:
    """`worker-*` for worker-1, worker-22."""
    return re.sub(r"\d+", "*", name)


class _Slots:
    """Sums over chosen slots of a recording's thread table."""

    def __init__(self, recording: Recording) -> None:
        self._own = thread_times(recording)
        self._rows = recording.threads
        self._touched = touched(recording)
        #: On-CPU time of each slot, ns, shape (slots,).
        self.on_cpu_ns = self._own[:, : len(ON_CPU_PARTS)].sum(axis=1)

    def parts(self, slots: NDArray[np.intp]) -> dict[str, int]:
        """Own time by part, ns."""
        return dict(zip(OWN_PARTS, self._own[slots].sum(axis=0).tolist(), strict=True))

    def time_ns(self, slots: NDArray[np.intp]) -> int:
        """Own time of all parts, ns."""
        return int(self._own[slots].sum())

    def switches(self, slots: NDArray[np.intp]) -> Switches:
        rows = self._rows[slots[self._touched[slots]]]
        return Switches(
            voluntary=int(rows["voluntary"].sum()),
            involuntary=int(rows["involuntary"].sum()),
            migrations=int(rows["migrations"].sum()),
        )


def thread_groups(recording: Recording) -> list[GroupRow]:
    """The threads of the window by the pattern of their names, most time on a CPU first.

    A group whose threads all have one name keeps that name. Threads whose slot was given to
    another thread are not here.
    """
    slots_of: dict[str, list[int]] = {}
    names_of: dict[str, set[str]] = {}
    for slot in np.flatnonzero(in_window(recording)).tolist():
        name = recording.name_of(slot)
        slots_of.setdefault(pattern(name), []).append(slot)
        names_of.setdefault(pattern(name), set()).add(name)
    table = _Slots(recording)
    groups = [
        _group(table, name if len(names_of[name]) > 1 else min(names_of[name]), np.array(slots))
        for name, slots in slots_of.items()
    ]
    return sorted(
        groups, key=lambda group: (-sum(group.parts[p] for p in ON_CPU_PARTS), group.name)
    )


def _group(table: _Slots, name: str, slots: NDArray[np.intp]) -> GroupRow:
    ran = table.on_cpu_ns[slots] > 0
    switches = table.switches(slots)
    return GroupRow(
        name=name,
        threads=len(slots),
        idle=int((~ran).sum()),
        idle_ns=table.time_ns(slots[~ran]),
        parts=table.parts(slots[ran]),
        voluntary=switches.voluntary,
        involuntary=switches.involuntary,
        migrations=switches.migrations,
    )


def top_threads(recording: Recording, count: int) -> tuple[list[ThreadRow], ThreadRow]:
    """The `count` threads with the most time on a CPU, and the sum of the others."""
    table = _Slots(recording)
    slots = np.flatnonzero(in_window(recording))
    busiest_first = slots[np.argsort(-table.on_cpu_ns[slots], kind="stable")]
    tids = recording.threads["tid"]
    top = [
        _thread(table, int(tids[slot]), recording.name_of(slot), np.array([slot]))
        for slot in busiest_first[:count].tolist()
    ]
    others = busiest_first[count:]
    name = "1 other" if len(others) == 1 else f"{len(others)} others"
    return top, _thread(table, 0, name, others)


def _thread(table: _Slots, tid: int, name: str, slots: NDArray[np.intp]) -> ThreadRow:
    switches = table.switches(slots)
    return ThreadRow(
        tid=tid,
        name=name,
        parts=table.parts(slots),
        voluntary=switches.voluntary,
        involuntary=switches.involuntary,
        migrations=switches.migrations,
    )
