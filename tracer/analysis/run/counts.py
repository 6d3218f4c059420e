"""Switches, migrations, wake-ups, open calls and losses of a Recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.run.latest import of_latest
from tracer.analysis.run.ledger import in_window, own_behind, thread_times, touched, touched_cpus
from tracer.model.recording import Recording
from tracer.model.states import (
    BEHIND,
    KERNEL_WORKERS,
    LOSSES,
    ON_CPU_PARTS,
    OWN_PARTS,
    PART,
    REPAIRS,
    SOURCES,
    UNKNOWN,
    USER,
    RunState,
)
from tracer.model.syscalls import name_of
from tracer.model.threads import WAKING, comm, is_in, pattern
from tracer.probes.sched import SchedRecord
from tracer.probes.syscalls import CallRecord


@dataclass(frozen=True)
class Switches:
    """Context switches away from the target's threads, as getrusage counts them.

    `yielded` of the involuntary ones were by sched_yield: the thread gave its CPU up.
    """

    voluntary: int
    involuntary: int
    migrations: int
    yielded: int = 0

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
        yielded=total("yielded"),
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
    """Events that could not be recorded, by kind.

    An entry or a return of a system call that the kernel could not report is none where the
    thread's next event told it (`repairs`). A call of which both are missing is told by none; that
    takes a thread that runs while a program on each of the two tracepoints is preempted on its CPU.
    What else was not told are calls of programs outside the target.
    """
    told, missed = repairs(recording), recording.missed
    unseen_calls = min(
        max(missed.entries - told["call_entry_not_seen"], 0),
        max(missed.returns - told["call_return_not_seen"], 0),
    )
    if not touched_cpus(recording)["blind"].any():
        unseen_calls = 0
    recursion = missed.others + 2 * unseen_calls
    return {**_sums(recording.cpus, "losses", LOSSES), "recursion": recursion}


def repairs(recording: Recording) -> dict[str, int]:
    """Impossible orders of events after which the state machine resynchronised, by kind.

    A return without an entry is none where the kernel reported all: such a call was refused before
    it began (seccomp).
    """
    found = _sums(touched_cpus(recording), "repairs", REPAIRS)
    if not recording.missed.any_call:
        found["call_entry_not_seen"] = 0
    return found | {"interrupt_not_seen": recording.missed.interrupts}


def unnamed_ns(recording: Recording) -> dict[str, int]:
    """Of all threads, the time of which nothing is known until such an event, by kind of repair."""
    return _sums(touched_cpus(recording), "unnamed_ns", REPAIRS)


def inferred_ns(recording: Recording) -> int:
    """Time that system calls without an event may have in the wrong place, at most."""
    if not recording.missed.any_call:
        return 0
    return int(touched_cpus(recording)["inferred_ns"].sum())


@dataclass(frozen=True)
class OtherProgram:
    """A process outside the target and its time on CPUs in the window, ns."""

    pid: int
    name: str
    ns: int


def other_programs(recording: Recording) -> list[OtherProgram]:
    """The processes outside the target that ran in the window, most time first.

    Of very many some have no row: their time is in the CPU ledger's `other` alone.
    """
    rows = recording.others
    ns_of: dict[int, int] = {}
    name_of_pid: dict[int, str] = {}
    for row in rows[rows["tgid"] != 0]:
        pid = int(row["tgid"])
        ns_of[pid] = ns_of.get(pid, 0) + int(row["ns"])
        name_of_pid[pid] = comm(row)
    programs = [OtherProgram(pid, name_of_pid[pid], ns) for pid, ns in ns_of.items() if ns]
    return sorted(programs, key=lambda program: (-program.ns, program.pid))


def open_calls(recording: Recording) -> Mapping[str, int]:
    """System calls entered and not yet returned at the end of the window, by name."""
    threads = recording.threads
    outside = [PART[USER], PART[KERNEL_WORKERS], PART[UNKNOWN]]
    inside = in_window(recording) & ~np.isin(threads["on_cpu_part"], outside)
    inside &= ~is_in(threads, RunState.DEAD)
    inside[recording.end_slot] = False
    numbers, times = np.unique(threads["call_nr"][inside], return_counts=True)
    return {name_of(number): n for number, n in zip(numbers.tolist(), times.tolist(), strict=True)}


@dataclass(frozen=True)
class ThreadRow:
    """One thread: its own time by part, ns, behind whom it waited for its CPU (`BEHIND`, ns), and
    its switches and migrations."""

    tid: int
    name: str
    parts: Mapping[str, int]
    behind: Mapping[str, int]
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
    behind: Mapping[str, int]
    voluntary: int
    involuntary: int
    migrations: int


class _Slots:
    """Sums over chosen slots of a recording's thread table."""

    def __init__(self, recording: Recording) -> None:
        self._own = thread_times(recording)
        self._behind = own_behind(recording)
        self._rows = recording.threads
        self._touched = touched(recording)
        #: On-CPU time of each slot, ns, shape (slots,).
        self.on_cpu_ns = self._own[:, : len(ON_CPU_PARTS)].sum(axis=1)

    def parts(self, slots: NDArray[np.intp]) -> dict[str, int]:
        """Own time by part, ns."""
        return dict(zip(OWN_PARTS, self._own[slots].sum(axis=0).tolist(), strict=True))

    def behind(self, slots: NDArray[np.intp]) -> dict[str, int]:
        """Behind whom they waited for a CPU, ns."""
        return dict(zip(BEHIND, self._behind[slots].sum(axis=0).tolist(), strict=True))

    def time_ns(self, slots: NDArray[np.intp]) -> int:
        """Own time of all parts, ns."""
        return int(self._own[slots].sum())

    def switches(self, slots: NDArray[np.intp]) -> Switches:
        rows = self._rows[slots[self._touched[slots]]]
        return Switches(
            voluntary=int(rows["voluntary"].sum()),
            involuntary=int(rows["involuntary"].sum()),
            migrations=int(rows["migrations"].sum()),
            yielded=int(rows["yielded"].sum()),
        )


@of_latest
def group_names(recording: Recording) -> dict[int, str]:
    """The group of each thread of the window, by slot: the pattern of its name.

    A group whose threads all have one name keeps that name.
    """
    names = {s: recording.name_of(s) for s in np.flatnonzero(in_window(recording)).tolist()}
    names_of: dict[str, set[str]] = {}
    for name in names.values():
        names_of.setdefault(pattern(name), set()).add(name)
    label = {of: of if len(found) > 1 else min(found) for of, found in names_of.items()}
    return {slot: label[pattern(name)] for slot, name in names.items()}


def thread_groups(recording: Recording) -> list[GroupRow]:
    """The threads of the window by the pattern of their names, most time on a CPU first.

    Threads whose slot was given to another thread are not here.
    """
    slots_of: dict[str, list[int]] = {}
    for slot, name in group_names(recording).items():
        slots_of.setdefault(name, []).append(slot)
    table = _Slots(recording)
    groups = [_group(table, name, np.array(slots)) for name, slots in slots_of.items()]
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
        behind=table.behind(slots[ran]),
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
        behind=table.behind(slots),
        voluntary=switches.voluntary,
        involuntary=switches.involuntary,
        migrations=switches.migrations,
    )
