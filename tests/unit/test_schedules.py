"""Long random schedules on several CPUs: the state machine against an independent reference."""

from __future__ import annotations

import random

import pytest
from harness.machine import SIZES, Machine
from harness.schedule import Schedule
from harness.world import World

from tracer.analysis.run import counts, ledger


@pytest.mark.parametrize("seed", range(20))
def test_random_schedule_against_the_reference(machine: Machine, seed: int) -> None:
    s = Schedule(World(machine), seed)
    s.play(150, 1500, s.compare)
    s.compare()
    recording = s.w.assert_closed()
    assert ledger.cpu(recording).residual_ns == 0
    wall = ledger.wall(recording)
    assert {name: ns for name, ns in wall.parts.items() if ns} == +s.main.path
    head = ledger.headline(recording)
    shares = (head.io, head.switching, head.user, head.system, head.waiting, head.unknown)
    assert sum(share or 0 for share in shares) == pytest.approx(1, abs=1e-12)
    kinds = counts.wakeups(recording)
    assert kinds.pop("total") == sum(kinds.values())
    kinds.pop("pending")
    assert {name: n for name, n in kinds.items() if n} == +s.kinds
    switches = counts.switches(recording)
    assert switches.voluntary == s.switches["voluntary"]
    assert switches.involuntary == s.switches["involuntary"]


@pytest.mark.parametrize("seed", range(10))
def test_clocks_a_few_ns_apart(machine: Machine, seed: int) -> None:
    """No path loses or gains a nanosecond although the CPUs' clocks differ by up to 9 ns."""
    w = World(machine)
    rng = random.Random(seed)
    offset = [rng.randrange(10) for _ in range(SIZES.cpus)]
    for name in ("switch", "waking", "create", "enter", "leave"):
        _shift(w, name, offset)
    s = Schedule(w, seed)
    s.play(100, 1500)
    recording = w.recording()
    assert w.losses() == {}
    assert ledger.wall(recording).residual_ns == 0


def _shift(w: World, name: str, offset: list[int]) -> None:
    event = getattr(w, name)

    def shifted(now: int, cpu: int, *args: object, **kwargs: object) -> object:
        return event(now + offset[cpu], cpu, *args, **kwargs)

    setattr(w, name, shifted)
