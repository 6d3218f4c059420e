"""What the tests of the analysis share."""

from __future__ import annotations

import pytest
from harness.machine import Machine
from harness.recorded import Hand

from tracer.analysis.statistics import intervals


@pytest.fixture
def hand(machine: Machine) -> Hand:
    """A recording of 5 threads on 2 CPUs, to be filled by hand."""
    return Hand(machine)


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the resamples: the ends of intervals move by about 1 % of their width."""
    monkeypatch.setattr(intervals, "_RESAMPLES", 1000)
