"""A World whose events are kept as a recording keeps them, and the comparison of both books.

The C state machine decides; what it decided in a race (the state in which an event left a thread)
is in the records, as in those of probe events. All else must come out again from the records.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.world import Task, World
from tracer.analysis.events.replay import Replayed, replay
from tracer.model.events import EVENT_DTYPE, Events, Kind, Outcome
from tracer.model.states import OWN_PARTS, PATH_PARTS, RunState

#: Members of a thread's row that both have.
COUNTS = ("voluntary", "involuntary", "migrations", "yielded")
VECTORS = ("own", "path", "path_behind", "path_awaited", "own_behind")


class RecordedWorld(World):
    """Writes a record for every event of the target and every switch."""

    rows: list[tuple[int, int, int, int, int, int]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.rows = []
        self._cpu, self._now = 0, 0
        super().__init__(*args, **kwargs)

    # ---- records ----

    def _keep(self, kind: Kind, thread: int = 0, extra: int = 0, what: int = 0) -> None:
        self.rows.append((self._now, what & (1 << 64) - 1, thread, extra & 0xFFFFFFFF, self._cpu,
                          int(kind)))  # fmt: skip

    def _before(self, now: int, cpu: int) -> None:
        self._now, self._cpu = now, cpu
        self._phase = int(self.ctl["phase"])
        self._epoch = int(self.ctl["epoch"])
        self._threads = self.m.arrays["threads"][: int(self.ctl["next_slot"])].copy()

    def _edges(self) -> None:
        """What begins with this event: the window, and the rows that it is the first event of."""
        phase, epoch = int(self.ctl["phase"]), int(self.ctl["epoch"])
        if phase == 1 and self._phase == 0:
            self._keep(Kind.WINDOW, self._slot_on(self._cpu), 1)
        rows = self.m.arrays["threads"]
        for slot, was in enumerate(self._threads):
            if rows[slot]["epoch"] == epoch != was["epoch"] and was["tid"]:
                if was["state"] == RunState.DEAD:
                    continue
                extra = int(was["on_cpu_part"]) | int(was["blocked_part"]) << 8
                extra |= int(was["source"]) << 16 | int(was["is_worker"] != 0) << 24
                what = int(was["state"]) | int(was["tid"]) << 8 | int(was["call_nr"]) << 40
                self._keep(Kind.BEGIN, slot, extra, what)
        if phase == 2 and self._phase == 1:
            self._keep(Kind.WINDOW, int(self.ctl["end_slot"]), 2)

    @property
    def _is_closed(self) -> bool:
        return self._phase == 2

    def _slot_on(self, cpu: int) -> int:
        """The thread of the target that runs there, as the state machine knows."""
        return int(self.m.arrays["cpus"][cpu]["slot"])

    def _state(self, slot: int) -> RunState:
        return RunState(int(self.m.arrays["threads"][slot]["state"]))

    # ---- events ----

    def switch(
        self, now: int, cpu: int, to: Task | None, state: int = 0, preempt: bool = False
    ) -> None:
        by = self.on[cpu]
        self._before(now, cpu)
        super().switch(now, cpu, to, state, preempt)
        if self._is_closed:
            return
        self._edges()
        slot = by.slot if by.slot and by in self.targets else 0
        left = self._state(slot) if slot else RunState.DEAD
        throttled = slot and self.row(by)["is_throttled"]
        what = self._slot_on(cpu) | (state & 0xFF) << 32 | int(preempt) << 40
        what |= int(left == RunState.WAKING_EARLY) << 41 | int(left == RunState.YIELDED) << 42
        what |= int(bool(throttled)) << 43 | int(by.pid == 0) << 44
        self._keep(Kind.SWITCH, slot, self.on[cpu].pid, what)

    def waking(self, now: int, cpu: int, who: Task, **depth: int) -> None:
        was = self._state(who.slot) if who.slot else RunState.DEAD
        self._before(now, cpu)
        holder = self._holder_of(who)
        super().waking(now, cpu, who, **depth)
        if self._is_closed or who not in self.targets:
            return
        self._edges()
        row, state = self.row(who), self._state(who.slot)
        ended = state == RunState.WAKING and was != RunState.WAKING
        early = state == RunState.RUNNING_EARLY and was == RunState.RUNNING
        outcome = Outcome.ENDED_SLEEP if ended else Outcome.EARLY if early else Outcome.ON_ITS_WAY
        source = int(row["source"]) if outcome else 0
        taken = holder if ended and source == 1 else 0
        awaited = 1 + int(row["awaited"]) if ended and source not in (0, 6) and not taken else 0
        what = who.slot | source << 32 | int(outcome) << 40 | awaited << 48
        self._keep(Kind.WAKING, self._slot_on(cpu), taken, what)

    def _holder_of(self, who: Task) -> int:
        """Tests that have a lock's holder say whose path a timed wait takes over."""
        return 0

    def create(self, now: int, cpu: int, pid: int, *args: Any, **kwargs: Any) -> Task:
        self._before(now, cpu)
        child = super().create(now, cpu, pid, *args, **kwargs)
        if child.slot and not self._is_closed:
            self._edges()
            row = self.row(child)
            what = child.slot | int(row["is_worker"] != 0) << 31 | int(row["tgid"]) << 32
            self._keep(Kind.NEW, self._slot_on(cpu), pid, what)
            if int(row["queue_cpu"]) != cpu:
                self._keep(Kind.MIGRATE, child.slot, int(row["queue_cpu"]), 1)
        return child

    def enter_number(
        self, now: int, cpu: int, number: int, *arguments: int, compat: bool = False
    ) -> None:
        self._before(now, cpu)
        super().enter_number(now, cpu, number, *arguments, compat=compat)
        self._edges()
        slot = self._slot_on(cpu)
        if slot and not self._is_closed and int(self.ctl["phase"]) != 2:
            number = int(self.m.arrays["threads"][slot]["call_nr"])
            self._keep(Kind.ENTER, slot, arguments[0] if arguments else 0, number)

    def leave(self, now: int, cpu: int, result: int = 0) -> None:
        self._before(now, cpu)
        super().leave(now, cpu, result)
        if self._is_closed:
            return
        self._edges()
        slot = self._slot_on(cpu)
        if slot:
            number = int(self.m.arrays["threads"][slot]["call_nr"])
            self._keep(Kind.EXIT, slot, number, result)

    def exec_event(self, now: int, cpu: int, old_pid: int) -> None:
        self._before(now, cpu)
        super().exec_event(now, cpu, old_pid)
        if self._is_closed:
            return
        self._edges()
        if slot := self.on[cpu].slot:
            self._keep(Kind.EXEC, slot, self.on[cpu].pid, old_pid)

    def process_exit(self, now: int, cpu: int) -> None:
        self._before(now, cpu)
        super().process_exit(now, cpu)
        if self._is_closed:
            return
        self._edges()
        if slot := self._slot_on(cpu):
            self._keep(Kind.DYING, slot)

    def migrate(self, now: int, cpu: int, who: Task, to_cpu: int = 0) -> None:
        self._before(now, cpu)
        super().migrate(now, cpu, who, to_cpu)
        if self._phase == 1 and who.slot:
            self._keep(Kind.MIGRATE, who.slot, to_cpu)

    # ---- both books ----

    def events(self) -> Events:
        """What was recorded."""
        rows = np.array(self.rows, EVENT_DTYPE)
        rows = rows[np.argsort(rows["t_ns"], kind="stable")]
        ctl = self.ctl
        return Events(rows, int(ctl["start_ns"]), int(ctl["end_ns"]), int(ctl["end_slot"]))

    def replayed(self) -> Replayed:
        first = self.m.arrays["threads"][1]
        return replay(self.events(), [(1, int(first["tid"]), int(first["tgid"]))],
                      machine="x86_64")  # fmt: skip

    def compare(self) -> Replayed:
        """Both books have the same rows of the window."""
        found = self.replayed()
        epoch = int(self.ctl["epoch"])
        rows = self.m.arrays["threads"]
        latest = {int(row["slot"]): row for row in found.threads}
        for slot in range(1, int(self.ctl["next_slot"])):
            kept = rows[slot]
            if kept["epoch"] != epoch:
                continue
            row = latest[slot]
            for name in (*VECTORS, *COUNTS):
                assert row[name].tolist() == kept[name].tolist(), (
                    *(slot, name, _named(row[name])),
                    *(_named(kept[name]), "replayed and kept"),
                )
            assert row["state"] == kept["state"], (slot, row["state"], kept["state"])
        return found


def _named(values: Any) -> Any:
    names = {len(PATH_PARTS): PATH_PARTS, len(OWN_PARTS): OWN_PARTS}.get(np.size(values))
    if not names:
        return values
    return {name: int(v) for name, v in zip(names, values, strict=True) if v}
