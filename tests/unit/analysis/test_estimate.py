"""The estimate of what tracing cost, from planted samples whose costs are known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tracer.analysis.run.estimate import OF_CALLS, OF_SWITCHES, Estimate, Load, estimate
from tracer.model.cost import Calibration, Cost, EventCost, RunTime, Sample

CLOCK_NS = 50
CALIBRATION = Calibration(
    call=EventCost(floor_ns=70, whole_ns=130, bystander_ns=45),
    switch=EventCost(floor_ns=100, whole_ns=240, bystander_ns=110),
    clock_ns=CLOCK_NS,
)
#: 0.1 s on a CPU of two, all others idle.
LOAD = Load(10_000, 8_000, 100_000_000, 0, 100_000_000, 200_000_000)


def timed(runs: int, each_ns: int) -> RunTime:
    """Runs of programs that take this long each, as the kernel times them."""
    return RunTime(runs, runs * (each_ns + CLOCK_NS))


def sample(**changed: object) -> Sample:
    """1,000 events of the target, nothing of others: 800 of calls at 60 ns, the rest at 140."""
    planted = Sample(10_000_000, 1000, timed(800, 60), timed(200, 140), RunTime())
    return replace(planted, **changed)  # type: ignore[arg-type]


def by_samples(*samples: Sample, load: Load = LOAD) -> Estimate:
    return estimate(Cost(CALIBRATION, samples), load)


def test_programs_as_timed_and_the_floor_as_calibrated() -> None:
    found = by_samples(sample(), sample(), sample())
    programs_ns = 8000 * 60 + 2000 * 140
    timing_ns = 3 * 1000 * 2 * CLOCK_NS
    floor_ns = (8000 * 70, 2000 * 100)
    beside_ns = OF_CALLS * floor_ns[0] + OF_SWITCHES * floor_ns[1]
    middle_ns = programs_ns + timing_ns + sum(floor_ns)
    assert found.low_ns == pytest.approx(middle_ns - beside_ns)
    assert found.high_ns == pytest.approx(middle_ns + beside_ns)
    assert (found.samples, found.events, found.on_cpu_ns) == (3, 10_000, 100_000_000)
    assert found.event_cost_ns == pytest.approx(middle_ns / 10_000)


def test_shares_are_of_the_time_without_tracing() -> None:
    found = Estimate(events=10, on_cpu_ns=1000, low_ns=100, high_ns=200, samples=0)
    assert (found.low, found.high) == (pytest.approx(100 / 900), pytest.approx(200 / 800))


def test_without_samples_all_is_calibrated() -> None:
    few = sample(events=199)  # too few to say anything
    no_clock = replace(CALIBRATION, clock_ns=None)
    for cost in (Cost(CALIBRATION), Cost(CALIBRATION, (few,)), Cost(no_clock, (sample(),))):
        found = estimate(cost, LOAD)
        calls_ns, switches_ns = 8000 * 130, 2000 * 240
        beside_ns = OF_CALLS * calls_ns + OF_SWITCHES * switches_ns
        assert found.samples == 0
        assert found.low_ns == pytest.approx(calls_ns + switches_ns - beside_ns)
        assert found.high_ns == pytest.approx(calls_ns + switches_ns + beside_ns)


def test_runs_for_other_processes_are_not_the_targets() -> None:
    """800 calls of the target at 60 ns beside 2,400 of others at 45: the truth is in the range."""
    alone = by_samples(sample())
    mixed = RunTime(3200, 800 * (60 + CLOCK_NS) + 2400 * (45 + CLOCK_NS))
    load = replace(LOAD, others_ns=100_000_000)
    beside = by_samples(sample(calls=mixed), load=load)
    assert beside.low_ns < alone.low_ns < beside.high_ns
    assert beside.high_ns < 1.2 * alone.high_ns


def test_of_a_busy_host_at_most_twice_the_average_is_the_targets() -> None:
    slow = timed(100_000, 90)  # others' calls with their data out of the caches
    found = by_samples(sample(calls=slow))
    assert found.high_ns <= 2 * (8000 * 90 + 2000 * 140) + 1.25 * (8000 * 70 + 2000 * 100) + 100_000


@pytest.mark.parametrize("others_ns", [0, 100_000_000])
def test_programs_on_interrupts_by_the_targets_share_of_the_time(others_ns: int) -> None:
    """100 runs in 10 ms, 1,000 in the window of 0.1 s, at 40 ns and the floor. The target has half
    of the CPUs' time: all of the busy time, or half of that too."""
    load = replace(LOAD, others_ns=others_ns)
    without = by_samples(sample(), load=load)
    found = by_samples(sample(others=timed(100, 40)), load=load)
    assert found.low_ns - without.low_ns == pytest.approx(1000 * 140 / 2)
    share = 0.5 if others_ns else 1
    assert found.high_ns - without.high_ns == pytest.approx(1000 * 140 * share)


def test_the_range_is_positive_and_ordered_whatever_was_timed() -> None:
    """Also without an event, with programs faster than the clock, and where tracing took more than
    the target's own time on CPUs."""
    fast = RunTime(800, 800 * (CLOCK_NS - 20))
    for load in (
        LOAD,
        replace(LOAD, events=0, calls=0),
        replace(LOAD, calls=-5),
        replace(LOAD, calls=20_000),
        replace(LOAD, on_cpu_ns=0),
        replace(LOAD, on_cpu_ns=1000),
    ):
        for cost in (Cost(CALIBRATION), Cost(CALIBRATION, (sample(calls=fast, switches=fast),))):
            found = estimate(cost, load)
            assert 0 < found.low <= found.high
            assert 0 < found.low_ns <= found.high_ns and found.event_cost_ns > 0


def test_with_light_there_are_no_calls() -> None:
    light = replace(CALIBRATION, call=None)
    given = sample(calls=RunTime(), switches=timed(1000, 140))
    found = estimate(Cost(light, (given,)), replace(LOAD, calls=0))
    assert found.low_ns == pytest.approx(10_000 * (140 + 75) + 1000 * 2 * CLOCK_NS)


def test_a_sample_is_sorted_by_tracepoint() -> None:
    times = {
        "sys_enter": RunTime(1, 10), "sys_exit": RunTime(2, 20), "sched_switch": RunTime(4, 40),
        "sched_waking": RunTime(8, 80), "irq_handler_entry": RunTime(16, 160),
        "sched_migrate_task": RunTime(32, 320),
    }  # fmt: skip
    assert Sample.of(5, 6, times) == Sample(
        5, 6, RunTime(3, 30), RunTime(12, 120), RunTime(48, 480)
    )
    light = {name: time for name, time in times.items() if not name.startswith("sys_")}
    assert Sample.of(5, 6, light).calls == RunTime()
