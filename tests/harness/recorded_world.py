"""A World whose events are kept by probe events, and the comparison of both books.

The C state machine decides; what it decided in a race of two CPUs is in the records. All else must
come out again from them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from harness.machine import Machine
from harness.schedule import Schedule
from harness.world import World
from tracer.analysis.events.replay import Replayed, replay
from tracer.model.events import EVENT_DTYPE, Events, decoded
from tracer.model.states import OWN_PARTS, PATH_PARTS, RunState

#: Records of each CPU: more than a test makes.
RING = 1 << 12
#: Members of a thread's row that both have.
COUNTS = ("voluntary", "involuntary", "migrations", "yielded")
VECTORS = ("own", "path", "path_behind", "path_awaited", "own_behind")


def recording_machine(build: Path) -> Machine:
    """The state machine with probe events."""
    more = {"RECORDS_OF_CPU": RING, "NESTED": 4}
    return Machine(build, ("events", "sched", "syscalls"), settings_of_probes=more)


class RecordedWorld(World):
    """On a machine of `recording_machine`."""

    def events(self) -> Events:
        """What was recorded."""
        rings, records = (self.m.arrays[name] for name in ("record_rings", "records"))
        made = [int(n) for n in rings["made"]]
        assert max(made) < RING, "more events than the ring holds"
        rows = [decoded(records[c * RING : c * RING + n], c) for c, n in enumerate(made)]
        all_rows = np.concatenate([np.zeros(0, EVENT_DTYPE), *rows])
        all_rows = all_rows[np.argsort(all_rows["t_ns"], kind="stable")]
        ctl = self.ctl
        return Events(all_rows, int(ctl["start_ns"]), int(ctl["end_ns"]), int(ctl["end_slot"]))

    def replayed(self, events: Events | None = None) -> Replayed:
        first = self.m.arrays["threads"][1]
        known = [(1, int(first["tid"]), int(first["tgid"]))]
        return replay(events or self.events(), known, machine="x86_64")

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
                    *(slot, name, _named(row[name]), "replayed"),
                    *(_named(kept[name]), "kept"),
                )
            assert RunState(int(row["state"])) == RunState(int(kept["state"])), slot
        return found


def recorded_run(machine: Machine, seed: int, steps: int = 400) -> RecordedWorld:
    """A run of a random schedule, whose events are in the rings."""
    world = RecordedWorld(machine)
    schedule = Schedule(world, seed)
    for _ in range(60):
        schedule.step()
    schedule.open()
    for _ in range(steps):
        schedule.step()
    schedule.close()
    return world


def _named(values: Any) -> Any:
    names = {len(PATH_PARTS): PATH_PARTS, len(OWN_PARTS): OWN_PARTS}.get(np.size(values))
    if not names:
        return values
    return {name: int(v) for name, v in zip(names, values, strict=True) if v}
