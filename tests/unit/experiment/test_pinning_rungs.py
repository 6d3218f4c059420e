"""The conditions of the pinning experiment on a made-up machine of 16 CPUs."""

from __future__ import annotations

import pytest

from tracer.analysis.pinning.conditions import FREE, PINNED, cpus_of
from tracer.experiment import interventions, pinning, placements
from tracer.experiment.line import condition
from tracer.host.cpus import Cpu


@pytest.fixture
def _sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    cpus = [Cpu(n, str(n), f"{n // 8}", "node0", 0) for n in range(16)]
    monkeypatch.setattr(placements, "read_cpus", lambda _allowed: cpus)
    monkeypatch.setattr(interventions, "why_not", lambda _name: None)


@pytest.mark.usefixtures("_sixteen")
def test_the_base_runs_on_each_number_of_cpus() -> None:
    base = condition("thread-brigade --tasks 5 --work 7", "base", 1000)
    every, _missing = pinning.conditions(base)
    rungs = {cpus_of(one.label, 16): one for one in every if cpus_of(one.label, 16)}
    assert sorted(rungs) == [1, 2, 4, 8, 16]
    assert rungs[1].label == PINNED and rungs[16].label == FREE and rungs[16].cpus == ()
    assert [len(rungs[count].cpus) for count in (1, 2, 4, 8)] == [1, 2, 4, 8]
    assert rungs[8].cpus == tuple(range(8, 16)), "one last-level cache"
    assert {one.workload for one in rungs.values()} == {"thread-brigade"}
    assert {one.values["work"] for one in rungs.values()} == {base.values["work"]}
    assert {one.intervention for one in rungs.values()} == {""}
