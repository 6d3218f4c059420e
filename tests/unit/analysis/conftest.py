"""What the tests of the analysis share."""

from __future__ import annotations

import pytest
from harness.machine import Machine
from harness.recorded import Hand


@pytest.fixture
def hand(machine: Machine) -> Hand:
    """A recording of 5 threads on 2 CPUs, to be filled by hand."""
    return Hand(machine)
