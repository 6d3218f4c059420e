"""The replay against the state machine in C: random schedules, and those of its own tests."""

from __future__ import annotations

import pytest
from harness.machine import Machine
from harness.recorded_world import recorded_run

from tracer.model.states import PATH_PARTS


@pytest.mark.parametrize("seed", range(20))
def test_random_schedules(recording: Machine, seed: int) -> None:
    world = recorded_run(recording, seed)
    found = world.compare()
    path = world.row(world.main)["path"]
    parts = [int((found.path["end_ns"] - found.path["start_ns"])[found.path["part"] == p].sum())
             for p in range(len(PATH_PARTS))]  # fmt: skip
    assert parts == path.tolist()
