"""Events written by hand, and what their replay says, in few words."""

from __future__ import annotations

import numpy as np

from harness.event_rows import EventRows
from harness.machine import NUMBER
from tracer.analysis.events.replay import Replayed, replay
from tracer.model.events import Events, Kind
from tracer.model.states import OWN_PARTS, PATH_PARTS, SOURCES

RUNNABLE, SLEEPING, STOPPED, DEAD = 0, 1, 4, 0x80

#: Thread (slot), from, to, part.
Interval = tuple[int, int, int, str]


class Written(EventRows):
    """Writes events; times in ns. Threads are slots of the table, 0 is none of the target."""

    def switch(
        self,
        at: int,
        cpu: int,
        prev: int,
        to: int,
        state: int = SLEEPING,
        *,
        preempt: bool = False,
        early: bool = False,
        yielded: bool = False,
        tid: int | None = None,
    ) -> None:
        """`tid`: of who comes in, 0: the idle task; a thread of the target has 1000 + its slot."""
        number = (1000 + to if to else 0) if tid is None else tid
        self.add_switch(
            at, cpu, prev, to, number, state, preempt=preempt, early=early, yielded=yielded
        )

    def waking(
        self, at: int, cpu: int, by: int, who: int, source: str = "process", outcome: int = 2,
        holder: int = 0,
    ) -> None:  # fmt: skip
        self.add_waking(at, cpu, by, who, SOURCES.index(source), outcome, holder)

    def enter(self, at: int, cpu: int, thread: int, call: str) -> None:
        self.add(at, cpu, Kind.ENTER, thread, 0, NUMBER[call])

    def leave(self, at: int, cpu: int, thread: int, call: str, result: int = 0) -> None:
        self.add(at, cpu, Kind.EXIT, thread, NUMBER[call], result)

    def new(self, at: int, cpu: int, by: int, who: int, tgid: int = 1001) -> None:
        self.add_new(at, cpu, by, who, 1000 + who, tgid)

    def open(self, at: int, cpu: int = 0, thread: int = 1) -> None:
        self.add(at, cpu, Kind.WINDOW, thread, 1)

    def close(self, at: int, cpu: int = 0, thread: int = 1) -> None:
        self.add(at, cpu, Kind.WINDOW, thread, 2)

    def dying(self, at: int, cpu: int, thread: int) -> None:
        self.add(at, cpu, Kind.DYING, thread)

    def begins(self) -> None:
        """Thread 1 runs on CPU 0, in its own code, when the window opens at 1000."""
        self.switch(900, 0, 0, 1)
        self.leave(950, 0, 1, "read", 3)
        self.open(1000)

    def reader(self, slot: int = 2, cpu: int = 1, at: int = 900) -> None:
        """Another thread sleeps in a read, on `cpu`, from `at` on."""
        self.switch(at - 20, cpu, 0, slot)
        self.enter(at - 10, cpu, slot, "read")
        self.switch(at, cpu, slot, 0)

    def events(self, end_slot: int = 0, end_ns: int = 0, start_ns: int = 0) -> Events:
        rows = self.ordered()
        edges = rows[rows["kind"] == Kind.WINDOW]
        starts, ends = (edges["t_ns"][edges["extra"] == n].tolist() for n in (1, 2))
        return Events(rows, starts[0] if starts else start_ns, ends[0] if ends else end_ns,
                      end_slot)  # fmt: skip

    def replayed(self, end_slot: int = 0, end_ns: int = 0, start_ns: int = 0) -> Replayed:
        slots = {row[2] for row in self.rows} | {1}
        known = [(slot, 1000 + slot, 1001) for slot in sorted(slots) if slot]
        return replay(self.events(end_slot, end_ns, start_ns), known, machine="x86_64")


def path(found: Replayed) -> list[Interval]:
    """The critical path; it tiles the window."""
    rows = found.path
    assert rows["start_ns"].tolist() == [found.start_ns, *rows["end_ns"][:-1].tolist()]
    assert int(rows["end_ns"][-1]) == found.end_ns
    slots = found.threads["slot"]
    return [
        (int(slots[row["thread"]]), int(row["start_ns"]), int(row["end_ns"]),
         PATH_PARTS[row["part"]])
        for row in rows
    ]  # fmt: skip


def states(found: Replayed, slot: int) -> list[tuple[int, int, str]]:
    """What the last thread of a slot did in the window, in order of time."""
    thread = int(np.flatnonzero(found.threads["slot"] == slot)[-1])
    rows = found.segments[found.segments["thread"] == thread]
    rows = rows[np.argsort(rows["start_ns"], kind="stable")]
    return [(int(r["start_ns"]), int(r["end_ns"]), OWN_PARTS[r["part"]]) for r in rows]
