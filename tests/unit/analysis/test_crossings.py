"""What a wake-up to another CPU costs, from hand-written documents."""

from __future__ import annotations

from typing import Any

import pytest

from tracer.analysis.pinning import crossings
from tracer.analysis.pinning.crossings import CrossingCosts, crossing_costs


def document(
    same: float | None, idle: float | None, busy: float | None, handover: float | None = 10
) -> dict[str, Any]:
    """10 units; 5 wake-ups on the same CPU, 3 to an idle one, 1 to a busy one, with these mean
    latencies (None: there was none) and this time to handing on."""
    means = {"same_cpu": same, "cross_cpu_idle": idle, "cross_cpu_busy": busy}
    times = {"same_cpu": 5, "cross_cpu_idle": 3, "cross_cpu_busy": 1}
    return {
        "result": {"units": 10},
        "sched": {
            "wakeups": {kind: 0 if means[kind] is None else n for kind, n in times.items()},
            "wakeup_latency_ns": {kind: {"mean": mean} for kind, mean in means.items()},
            "handover_ns": {kind: {"mean": handover} for kind in means},
        },
    }


def test_the_two_kinds_of_crossing_are_weighted_by_their_counts() -> None:
    costs = crossing_costs(document(same=100, idle=500, busy=900))
    assert costs == CrossingCosts(count=0.4, cross_ns=(3 * 510 + 910) / 4, same_ns=110)
    assert costs.extra_ns == pytest.approx(0.4 * (610 - 110))


def test_a_kind_that_did_not_happen_has_no_weight() -> None:
    assert crossing_costs(document(100, 500, None)) == CrossingCosts(0.3, 510, 110)


def test_a_woken_thread_that_wakes_no_other_costs_its_latency() -> None:
    assert crossing_costs(document(100, 500, None, handover=None)) == CrossingCosts(0.3, 500, 100)


def test_without_a_wakeup_on_the_same_cpu_crossing_costs_nothing_extra() -> None:
    costs = crossing_costs(document(None, 500, None))
    assert costs == CrossingCosts(0.3, 510, 510)
    assert costs.extra_ns == 0


def test_without_crossings_nothing_is_extra() -> None:
    costs = crossing_costs(document(100, None, None))
    assert costs is not None
    assert (costs.count, costs.extra_ns) == (0, 0)


def test_single_numbers_are_those_of_the_costs() -> None:
    data = document(100, 500, None)
    assert crossings.cross_ns(data) == 510
    assert crossings.same_ns(data) == 110
    assert crossings.extra_ns(data) == pytest.approx(0.3 * 400)
    for of in (crossing_costs, crossings.cross_ns, crossings.same_ns, crossings.extra_ns):
        assert of({"result": {"units": 10}, "sched": None}) is None
