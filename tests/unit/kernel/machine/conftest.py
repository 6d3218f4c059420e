"""Every test of the state machine is one of the replay too."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from harness.machine import Machine
from harness.recorded_world import RecordedWorld

#: Tests whose events are not those of a recording.
_NOT_RECORDED = {
    "test_clock_skew": "the order of time is not that of the events",
    "test_locks": "who has a lock is not in the records that a RecordedWorld writes",
    "test_a_return_without_a_call_is_a_loss": "the record has a number where the kernel has none",
    "test_a_call_number_beyond_the_table_is_other": "it calls the machine itself",
    "test_what_another_cpus_call_of_a_function_wakes_is_woken_by_an_interrupt": "the same",
    "test_an_interrupt_whose_exit_was_missed_ends_at_the_next_switch": "the same",
    "test_the_first_end_wins": "it opens the window once more by hand",
}


@pytest.fixture
def world(machine: Machine, request: pytest.FixtureRequest) -> Iterator[RecordedWorld]:
    """The replay of what was recorded must come to the same books."""
    world = RecordedWorld(machine)
    yield world
    names = {request.node.originalname, request.node.path.stem}
    if int(world.ctl["phase"]) and not names & set(_NOT_RECORDED):
        world.compare()
