"""A slice of a recording as spans on tracks: who was on each CPU, what each thread did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tracer.analysis.events.naming import Naming
from tracer.analysis.events.slices import Slice
from tracer.model.events import Events, Kind, Outcome

CPU, CALLS, STATE, PATH = "cpu", "calls", "state", "path"
RUNNING, READY, ASLEEP, PUSHED_OFF = "running", "ready", "asleep", "pushed off, ready"
OTHER = "another program"


@dataclass(frozen=True)
class Track:
    """`kind`: CPU, CALLS or STATE of a thread, PATH; `number`: the CPU, the thread's slot."""

    kind: str
    number: int = 0


@dataclass(frozen=True)
class Span:
    """`flow`: of the wake-up that ends here, 0: of none."""

    track: Track
    name: str
    start_ns: int
    end_ns: int
    flow: int = 0


@dataclass(frozen=True)
class Wake:
    """A thread wakes another: the arrow `flow` begins here."""

    track: Track
    name: str
    at_ns: int
    flow: int


@dataclass
class Timeline:
    """Times in ns, CLOCK_MONOTONIC. `ready`: (time, threads that could run and were on no CPU)."""

    spans: list[Span] = field(default_factory=list)
    wakes: list[Wake] = field(default_factory=list)
    ready: list[tuple[int, int]] = field(default_factory=list)


def timeline(events: Events, part: Slice, naming: Naming, path: Sequence[Span] = ()) -> Timeline:
    """The events of a slice. What was before its first event of a CPU or thread follows from that
    event; what is open at its end ends there."""
    building = _Building(part, naming)
    for row in part.rows(events):
        building.take(row)
    building.close()
    made = building.made
    made.spans.extend(path)
    return made


class _Building:
    def __init__(self, part: Slice, naming: Naming) -> None:
        self.made = Timeline()
        self._part = part
        self._naming = naming
        self._open: dict[Track, tuple[str, int, int]] = {}
        self._known: set[Track] = set()
        self._arrow: dict[int, int] = {}
        self._flows = 0
        self._ready: dict[int, bool] = {}

    def take(self, row: np.void) -> None:
        kind, t, slot = int(row["kind"]), int(row["t_ns"]), int(row["thread"])
        if kind == Kind.SWITCH:
            self._switch(row, t, slot)
        elif kind == Kind.WAKING:
            self._waking(row, t, slot)
        elif kind == Kind.ENTER:
            self._began(slot, RUNNING)
            self._begin(Track(CALLS, slot), self._naming.call(int(row["what"])), t)
        elif kind == Kind.EXIT:
            self._began(slot, RUNNING)
            track = Track(CALLS, slot)
            if track not in self._known:
                self._begin(track, self._naming.call(int(row["extra"])), self._part.start_ns)
            self._end(track, t)
        elif kind == Kind.DYING:
            self._end(Track(CALLS, slot), t)

    def _switch(self, row: np.void, t: int, slot: int) -> None:
        what = int(row["what"])
        cpu, come, tid = Track(CPU, int(row["cpu"])), what & 0xFFFFFFFF, int(row["extra"])
        if slot:
            if cpu not in self._known:
                self._begin(cpu, self._naming.thread(slot), self._part.start_ns)
            self._began(slot, RUNNING)
            early, ready = what >> 41 & 1, not what >> 32 & 0xFF or what >> 40 & 1
            state = READY if early else PUSHED_OFF if ready else ASLEEP
            self._state(slot, state, t)
        self._end(cpu, t)
        if come:
            self._began(come, READY)
            self._state(come, RUNNING, t, self._arrow.pop(come, 0))
            self._begin(cpu, self._naming.thread(come), t)
        elif tid:
            self._begin(cpu, f"{OTHER} (tid {tid})", t)
        self._known.add(cpu)

    def _waking(self, row: np.void, t: int, slot: int) -> None:
        what = int(row["what"])
        woken, outcome = what & 0xFFFFFFFF, what >> 40 & 0xFF
        if outcome == Outcome.ON_ITS_WAY:
            return
        if slot:
            self._flows += 1
            self._arrow[woken] = self._flows
            name = f"wakes {self._naming.thread(woken)}"
            self.made.wakes.append(Wake(Track(CALLS, slot), name, t, self._flows))
        if outcome == Outcome.ENDED_SLEEP:
            self._began(woken, ASLEEP)
            self._state(woken, READY, t)

    def _began(self, slot: int, state: str) -> None:
        """The first event of a thread: it says in which state the thread was before."""
        if Track(STATE, slot) not in self._known:
            self._state(slot, state, self._part.start_ns)

    def _state(self, slot: int, state: str, t: int, flow: int = 0) -> None:
        track = Track(STATE, slot)
        self._end(track, t)
        self._begin(track, state, t, flow)
        is_ready = state in (READY, PUSHED_OFF)
        if self._ready.get(slot, False) != is_ready:
            self._ready[slot] = is_ready
            self.made.ready.append((t, 1 if is_ready else -1))

    def _begin(self, track: Track, name: str, t: int, flow: int = 0) -> None:
        self._end(track, t)
        self._known.add(track)
        self._open[track] = (name, t, flow)

    def _end(self, track: Track, t: int) -> None:
        if (begun := self._open.pop(track, None)) is not None:
            name, start_ns, flow = begun
            self.made.spans.append(Span(track, name, start_ns, t, flow))

    def close(self) -> None:
        for track in list(self._open):
            self._end(track, self._part.end_ns)
        self.made.spans.sort(key=lambda span: span.start_ns)
        changes: dict[int, int] = {}
        for t, change in self.made.ready:
            changes[t] = changes.get(t, 0) + change
        value, counted = 0, []
        for t in sorted(changes):
            value += changes[t]
            counted.append((t, value))
        self.made.ready = counted
