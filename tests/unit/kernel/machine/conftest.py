"""Every test of the state machine is one of the replay too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness.machine import Machine, compiler
from harness.recorded_world import RecordedWorld, recording_machine

#: Tests whose events are not those of a recording.
_NOT_RECORDED = {
    "test_clock_skew": "the order of time is not that of the events",
    "test_a_return_without_a_call_is_a_loss": "the record has a number where the kernel has none",
    "test_the_first_end_wins": "it opens the window once more by hand",
}


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The state machine, compiled once, with records of all events."""
    if compiler() is None:
        pytest.skip("no C compiler")
    return recording_machine(tmp_path_factory.mktemp("machine"))


@pytest.fixture
def world(machine: Machine, request: pytest.FixtureRequest) -> Iterator[RecordedWorld]:
    """The replay of what was recorded must come to the same books."""
    world = RecordedWorld(machine)
    yield world
    names = {request.node.originalname, request.node.path.stem}
    if int(world.ctl["phase"]) and not names & set(_NOT_RECORDED):
        world.compare()
