"""Hops by kind, and percentiles taken apart."""

from __future__ import annotations

import numpy as np
import pytest

from tracer.analysis.events.anatomy import ASLEEP_LONG, ASLEEP_SHORT, anatomy, ranked
from tracer.model.hops import CPU_ASLEEP, HOP_DTYPE, PART, SAME_CPU, Hops


def _hops(kind: int, returns: list[int], slept: list[int] | None = None) -> np.ndarray:
    """Hops of 10 ns in the first call and of so much in the second."""
    rows = np.zeros(len(returns), HOP_DTYPE)
    rows["kind"], rows["slept_ns"] = kind, -1 if slept is None else slept
    rows["parts_ns"][:, PART["call"]] = 10
    rows["parts_ns"][:, PART["return"]] = returns
    rows["end_ns"] = rows["parts_ns"].sum(axis=1)
    rows["waker_nr"], rows["woken_nr"] = 44, 45
    return rows


def test_percentiles_are_made_of_hops_around_them_and_add_up() -> None:
    found = anatomy(Hops(_hops(SAME_CPU, list(range(1, 1001))), 10**6, 3))
    assert found is not None
    (group,) = found.groups
    assert group.percentiles_ns == {50: 510, 99: 1000}
    assert group.max_ns == 1010
    assert group.mean_ns == 510.5
    middle, high = group.waterfalls
    # ranks 499 to 501 and 989 to 991 of 1000
    assert (middle.hops, middle.parts, middle.total_ns) == (3, {"call": 10, "return": 500}, 510)
    assert (high.hops, high.parts, high.total_ns) == (3, {"call": 10, "return": 990}, 1000)
    assert found.other_wakeups == 3
    (pair,) = found.calls
    assert (pair.waker_nr, pair.woken_nr, pair.count, pair.p50_ns) == (44, 45, 1000, 510)


def test_sleeps_are_divided_evenly_at_a_power_of_two() -> None:
    slept = [1500] * 30 + [9000] * 30 + [40_000] * 60
    found = anatomy(Hops(_hops(CPU_ASLEEP, [20] * 60 + [80] * 60, slept), 10**6, 0))
    assert found is not None
    assert found.limit_ns == 32768
    short, long = found.groups
    assert (short.kind, short.count, short.mean_ns) == (ASLEEP_SHORT, 60, 30)
    assert (long.kind, long.count, long.mean_ns) == (ASLEEP_LONG, 60, 90)
    assert (short.time_share, long.time_share) == (0.25, 0.75)


def test_one_octave_is_not_divided() -> None:
    found = anatomy(Hops(_hops(CPU_ASLEEP, [20, 20], [1100, 1900]), 10**6, 0))
    assert found is not None
    assert found.limit_ns is None
    assert [group.kind for group in found.groups] == ["cross_cpu_asleep"]


@pytest.mark.parametrize("size", [1, 2, 3])
def test_few_hops(size: int) -> None:
    found = anatomy(Hops(_hops(SAME_CPU, [5] * size), 100, 0))
    assert found is not None
    assert not found.every.is_seen
    for waterfall in found.every.waterfalls:
        assert waterfall.total_ns == 15 == sum(waterfall.parts.values())


def test_no_hops() -> None:
    assert anatomy(Hops(np.zeros(0, HOP_DTYPE), 100, 0)) is None


def test_the_longest_first() -> None:
    assert list(ranked(Hops(_hops(SAME_CPU, [5, 9, 1, 9]), 100, 0))) == [1, 3, 0, 2]
