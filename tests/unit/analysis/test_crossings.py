"""What a wake-up to another CPU costs, from hand-written documents."""

from __future__ import annotations

from typing import Any

import pytest

from tracer.analysis.pinning import crossings
from tracer.analysis.pinning.crossings import CrossingCosts, crossing_costs


def document(
    same: float | None,
    idle: float | None,
    busy: float | None,
    handover: float | None = 10,
    times: tuple[int, int, int] = (500, 300, 100),
) -> dict[str, Any]:
    """1000 units; so many wake-ups on the same CPU, to an idle and to a busy one, with these mean
    latencies (None: there was none) and this time to handing on."""
    means = dict(
        zip(("same_cpu", "cross_cpu_idle", "cross_cpu_busy"), (same, idle, busy), strict=True)
    )
    counts = dict(zip(means, times, strict=True))
    return {
        "result": {"units": 1000},
        "sched": {
            "wakeups": {kind: 0 if means[kind] is None else n for kind, n in counts.items()},
            "wakeup_latency_ns": {kind: {"mean": mean} for kind, mean in means.items()},
            "handover_ns": {kind: {"mean": handover} for kind in means},
        },
    }


def test_the_two_kinds_of_crossing_are_weighted_by_their_counts() -> None:
    costs = crossing_costs(document(same=100, idle=500, busy=900))
    assert costs == CrossingCosts(count=0.4, cross_ns=(3 * 510 + 910) / 4, same_ns=110)
    assert costs.extra_ns() == pytest.approx(0.4 * (610 - 110))


def test_a_kind_that_did_not_happen_has_no_weight() -> None:
    assert crossing_costs(document(100, 500, None)) == CrossingCosts(0.3, 510, 110)


def test_a_woken_thread_that_wakes_no_other_costs_its_latency() -> None:
    assert crossing_costs(document(100, 500, None, handover=None)) == CrossingCosts(0.3, 500, 100)


@pytest.mark.parametrize("same", [0, 2, 99])
def test_too_few_wakeups_on_the_same_cpu_give_no_price(same: int) -> None:
    costs = crossing_costs(document(100, 500, None, times=(same, 1000, 0)))
    assert costs == CrossingCosts(1.0, 510, None)
    assert costs.extra_ns() is None
    assert costs.extra_ns(60) == 450, "the price from elsewhere takes its place"


def test_one_in_a_hundred_wakeups_is_the_least_that_is_seen() -> None:
    few, enough = (document(100, 500, None, times=(n, 20_000, 0)) for n in (150, 250))
    assert crossings.same_ns(few) is None
    assert crossings.same_ns(enough) == 110
    assert crossings.extra_ns(enough, 60) == pytest.approx(20 * 400), "its own price comes first"


def test_without_crossings_nothing_is_extra() -> None:
    for data in (document(100, None, None), document(100, 500, None, times=(500, 4, 0))):
        costs = crossing_costs(data)
        assert costs is not None
        assert costs.extra_ns() == 0 and costs.cross_ns is None


def test_crossings_too_few_for_a_mean_and_too_many_for_nothing_have_no_price() -> None:
    costs = crossing_costs(document(100, 500, None, times=(50, 50, 0)))
    assert costs == CrossingCosts(0.05, None, None)
    assert costs.extra_ns(60) is None


def test_single_numbers_are_those_of_the_costs() -> None:
    data = document(100, 500, None)
    assert crossings.cross_ns(data) == 510
    assert crossings.same_ns(data) == 110
    assert crossings.extra_ns(data) == pytest.approx(0.3 * 400)
    for of in (crossing_costs, crossings.cross_ns, crossings.same_ns, crossings.extra_ns):
        assert of({"result": {"units": 10}, "sched": None}) is None


def test_what_crossing_costs_on_a_cpu() -> None:
    data = document(100, 500, 900)
    data["sched"]["handover_ns"] = {"same_cpu": {"mean": 10}, "cross_cpu_idle": {"mean": 30},
                                    "cross_cpu_busy": {"mean": 70}}  # fmt: skip
    assert crossings.on_cpu_ns(data, ("same_cpu",)) == 10
    assert crossings.extra_on_cpu_ns(data, 5) == pytest.approx(0.4 * (40 - 10))
    alone = document(100, 500, 900, times=(4, 900, 96))
    assert crossings.on_cpu_ns(alone, ("same_cpu",)) is None
    assert crossings.extra_on_cpu_ns(alone) is None
    assert crossings.extra_on_cpu_ns(alone, 4) == pytest.approx(0.996 * 6)
    assert crossings.extra_on_cpu_ns(document(100, None, None)) == 0
    assert crossings.extra_on_cpu_ns({"result": {"units": 10}, "sched": None}) is None
