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
    return Switches(
        *(
            int(rows[name].sum()) + int(cpus[f"recycled_{name}"].sum())
            for name in ("voluntary", "involuntary", "migrations")
        )
    )


def wakeups(recording: Recording) -> dict[str, int]:
    """Wake-ups by kind; `pending` were still waiting for a CPU at the end; `total` is their sum."""
    record: SchedRecord = recording.probes["sched"]
    found = {kind: times.count for kind, times in record.woke.items()}
    waking = is_in(recording.threads, *WAKING)
    found["pending"] = int((waking & touched(recording)).sum())
    return {"total": sum(found.values()), **found}


def _sum_by(recording: Recording, field: str, names: tuple[str, ...]) -> dict[str, int]:
    cpus = touched_cpus(recording)
    return dict(zip(names, (int(n) for n in cpus[field].sum(axis=0)), strict=True))


def outside_wakers(recording: Recording) -> dict[str, int]:
    """Wake-ups that handed no path over, by who woke: timer, interrupts, other tasks."""
    found = _sum_by(recording, "sources", SOURCES)
    del found["process"]
    return found


def losses(recording: Recording) -> dict[str, int]:
    """Events that could not be recorded, by kind."""
    return {
        **dict(zip(LOSSES, (int(n) for n in recording.cpus["losses"].sum(axis=0)), strict=True)),
        "recursion": recording.missed,
    }


def repairs(recording: Recording) -> dict[str, int]:
    """Impossible orders of events that the state machine went on from."""
    return _sum_by(recording, "repairs", REPAIRS)


def open_calls(recording: Recording) -> Mapping[str, int]:
    """System calls begun and not yet returned at the end of the window, by name."""
    threads = recording.threads
    inside = in_window(recording) & (threads["on_cpu_part"] != PART["user"])
    inside &= ~is_in(threads, RunState.DEAD)
    inside[recording.end_slot] = False
    numbers, counts = np.unique(threads["call_nr"][inside], return_counts=True)
    return {name_of(int(n)): int(c) for n, c in zip(numbers, counts, strict=True)}


@dataclass(frozen=True)
class ThreadRow:
    """One thread's own time by part, ns."""

    tid: int
    name: str
    parts: Mapping[str, int]
    voluntary: int
    involuntary: int
    migrations: int


@dataclass(frozen=True)
class GroupRow:
    """Threads whose names differ in numbers only, and the sums of their own times, ns.

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


def thread_groups(recording: Recording) -> list[GroupRow]:
    """The threads of the window by the pattern of their names, most time on a CPU first.

    Where all names of a group are the same it keeps the whole name. Threads whose row was given
    to another one are not here.
    """
    own = thread_times(recording)
    known = touched(recording)
    on_cpu = own[:, : len(ON_CPU_PARTS)].sum(axis=1)
    groups: dict[str, list[int]] = {}
    names: dict[str, set[str]] = {}
    for slot in np.flatnonzero(in_window(recording)).tolist():
        name = recording.name_of(slot)
        groups.setdefault(pattern(name), []).append(slot)
        names.setdefault(pattern(name), set()).add(name)
    found = []
    for name, slots in groups.items():
        which = np.array(slots)
        ran = on_cpu[which] > 0
        rows = recording.threads[which[known[which]]]
        sums = own[which[ran]].sum(axis=0).tolist()
        found.append(
            GroupRow(
                name if len(names[name]) > 1 else min(names[name]),
                len(slots),
                int((~ran).sum()),
                int(own[which[~ran]].sum()),
                dict(zip(OWN_PARTS, sums, strict=True)),
                *(int(rows[n].sum()) for n in ("voluntary", "involuntary", "migrations")),
            )
        )
    return sorted(found, key=lambda g: (-sum(g.parts[p] for p in ON_CPU_PARTS), g.name))


def top_threads(recording: Recording, count: int) -> tuple[list[ThreadRow], ThreadRow]:
    """The `count` threads with the most time on a CPU, and the sum of the others."""
    own = thread_times(recording)
    known = touched(recording)
    on_cpu = own[:, : len(ON_CPU_PARTS)].sum(axis=1)
    slots = np.flatnonzero(in_window(recording))
    order = slots[np.argsort(-on_cpu[slots], kind="stable")]

    def row(which: NDArray[np.intp], tid: int, name: str) -> ThreadRow:
        sums = own[which].sum(axis=0).tolist()
        rows = recording.threads[which[known[which]]]
        return ThreadRow(
            tid,
            name,
            dict(zip(OWN_PARTS, sums, strict=True)),
            *(int(rows[n].sum()) for n in ("voluntary", "involuntary", "migrations")),
        )

    threads = recording.threads
    shown = [
        row(order[i : i + 1], int(threads["tid"][slot]), recording.name_of(slot))
        for i, slot in enumerate(order[:count].tolist())
    ]
    return shown, row(order[count:], 0, f"{max(len(order) - count, 0)} others")
