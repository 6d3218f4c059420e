"""The state machine with records of all events."""

from __future__ import annotations

import pytest
from harness.machine import Machine, compiler
from harness.recorded_world import recording_machine


@pytest.fixture(scope="session")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The state machine with records of all events."""
    if compiler() is None:
        pytest.skip("no C compiler")
    return recording_machine(tmp_path_factory.mktemp("machine"))
