"""The replay against the state machine in C: random schedules, and those of its own tests."""

from __future__ import annotations

import pytest
from harness.machine import Machine
from harness.recorded_world import RecordedWorld
from harness.schedule import Schedule

from tracer.model.states import PATH_PARTS


def run(machine: Machine, seed: int, steps: int = 400) -> RecordedWorld:
    world = RecordedWorld(machine)
    schedule = Schedule(world, seed)
    for _ in range(60):
        schedule.step()
    schedule.open()
    for _ in range(steps):
        schedule.step()
    schedule.close()
    return world


@pytest.mark.parametrize("seed", range(20))
def test_random_schedules(recording: Machine, seed: int) -> None:
    world = run(recording, seed)
    found = world.compare()
    path = world.row(world.main)["path"]
    parts = [int((found.path["end_ns"] - found.path["start_ns"])[found.path["part"] == p].sum())
             for p in range(len(PATH_PARTS))]  # fmt: skip
    assert parts == path.tolist()
