"""Switches, migrations, wake-ups, open calls and losses of a Recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tracer.analysis.ledger import WAKING, in_window, thread_times, touched, touched_cpus
from tracer.kernel.states import LOSSES, OWN_PARTS, REPAIRS, RUN_STATES, SOURCES
from tracer.kernel.syscalls import name_of
from tracer.probes.sched import SchedRecord
from tracer.recording import Recording


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
    waking = np.isin(recording.threads["word"], WAKING)
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
    inside = in_window(recording) & (threads["mode"] > 0)
    inside &= threads["word"] != RUN_STATES.index("DEAD")
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


def top_threads(recording: Recording, count: int) -> tuple[list[ThreadRow], ThreadRow]:
    """The `count` threads with the most time on a CPU, and the sum of the others."""
    own = thread_times(recording)
    known = touched(recording)
    on_cpu = own[:, : OWN_PARTS.index("wakeup:idle")].sum(axis=1)
    slots = np.flatnonzero(in_window(recording))
    order = slots[np.argsort(-on_cpu[slots], kind="stable")]

    def row(which: np.ndarray[tuple[int], np.dtype[np.intp]], tid: int, name: str) -> ThreadRow:
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
        row(
            order[i : i + 1],
            int(threads["tid"][slot]),
            recording.names.get(int(slot))
            or bytes(threads["comm"][slot]).split(b"\0")[0].decode(errors="replace"),
        )
        for i, slot in enumerate(order[:count].tolist())
    ]
    return shown, row(order[count:], 0, f"{max(len(order) - count, 0)} others")
