"""Statistics on synthetic data whose truth is known; every simulation is seeded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from tracer.analysis.statistics import intervals
from tracer.analysis.statistics.intervals import (
    ENOUGH_BLOCKS,
    INTERVAL_VALUES,
    Interval,
    median_interval,
    paired_ratio,
    share_interval,
    sign_flip_p,
    student_t,
)
from tracer.analysis.statistics.modes import Modes, find_modes
from tracer.analysis.statistics.wording import (
    duration_bounds,
    duration_text,
    interval_name,
    microseconds_bounds,
    ratio_text,
    share_text,
)

Noise = Callable[[np.random.Generator, tuple[int, ...]], NDArray[np.float64]]
NOISES: dict[str, Noise] = {
    "normal": lambda rng, shape: rng.normal(0, 0.1, shape),
    "laplace": lambda rng, shape: rng.laplace(0, 0.07, shape),
    "outliers": lambda rng, shape: rng.normal(0, 0.03, shape) + (rng.random(shape) < 0.05),
}


@pytest.fixture
def _few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of intervals are made below; 600 resamples each move an end by a few percent."""
    monkeypatch.setattr(intervals, "_RESAMPLES", 600)


@pytest.mark.usefixtures("_few_resamples")
@pytest.mark.parametrize("ratio", [1.0, 2.2])
@pytest.mark.parametrize("noise", NOISES)
def test_the_interval_covers_the_truth_93_to_97_times_in_100(ratio: float, noise: str) -> None:
    rng = np.random.default_rng(42)
    trials = 1500
    a, b = np.exp(NOISES[noise](rng, (2, trials, ENOUGH_BLOCKS)))
    ratios = [paired_ratio(x * ratio, y) for x, y in zip(a, b, strict=True)]
    covered = np.mean([r.low <= ratio <= r.high for r in ratios])
    assert 0.93 <= covered <= 0.97


@pytest.mark.usefixtures("_few_resamples")
@pytest.mark.parametrize("noise", NOISES)
def test_equals_raise_at_most_5_false_alarms_in_100(noise: str) -> None:
    rng = np.random.default_rng(7)
    trials = 1500
    a, b = np.exp(NOISES[noise](rng, (2, trials, ENOUGH_BLOCKS)))
    alarms = [r.p <= 0.05 and r.differs for r in map(paired_ratio, a, b)]
    assert np.mean(alarms) <= 0.05


def test_sign_flip_p_is_the_exact_one() -> None:
    data = [0.3, -0.1, 0.7, 0.2, 0.4]
    sums = [
        abs(sum(sign * x for sign, x in zip(signs, data, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(data))
    ]
    assert sign_flip_p(data) == sum(s >= 1.5 - 1e-9 for s in sums) / len(sums)
    assert sign_flip_p([1.0] * 12) == 2 / 4096
    assert sign_flip_p([0.0] * 12) == 1.0
    assert sign_flip_p(np.ones(40)) <= 2 / 65536


def test_sign_flip_agrees_with_wilcoxon_in_size() -> None:
    """Under no difference p is uniform: 1 of 10 is below 0.1."""
    rng = np.random.default_rng(3)
    below = [sign_flip_p(rng.normal(size=12)) <= 0.1 for _ in range(1000)]
    assert 0.08 <= np.mean(below) <= 0.12


def test_ratio_of_known_blocks() -> None:
    b = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    ratio = paired_ratio(2 * b, b)
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((2, 2, 2))
    assert (ratio.blocks, ratio.slower, ratio.p) == (5, 5, 2 / 32)
    assert ratio.differs and not ratio.is_enough
    assert ratio.blocks_needed() == ENOUGH_BLOCKS


def test_more_noise_needs_more_blocks() -> None:
    rng = np.random.default_rng(1)
    a = np.exp(rng.normal(math.log(1.1), 0.5, 12))
    ratio = paired_ratio(a, np.ones(12))
    effect = max(abs(math.log(ratio.median)), math.log(1.05))
    assert ratio.noise == pytest.approx(np.log(a).std(ddof=1))
    assert ratio.blocks_needed() == math.ceil((2 * 1.96 * ratio.noise / effect) ** 2) > 12


def test_an_interval_of_one_value_has_no_width() -> None:
    assert median_interval([3.0]) == Interval(3.0, 3.0, 3.0)


def test_student_t_against_published_quantiles() -> None:
    """Abramowitz and Stegun, table 26.10, column 0.975."""
    published = {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365, 8: 2.306,
                 9: 2.262, 10: 2.228, 11: 2.201, 15: 2.131, 30: 2.042, 120: 1.980}  # fmt: skip
    for degrees, value in published.items():
        assert student_t(degrees) == pytest.approx(value, abs=0.001), degrees
    assert student_t(10**9) == pytest.approx(1.95996, abs=1e-5), "the normal quantile"


@pytest.mark.parametrize("degrees", [0, -1])
def test_student_t_needs_a_degree_of_freedom(degrees: int) -> None:
    with pytest.raises(ValueError, match="degree of freedom"):
        student_t(degrees)


def test_student_t_falls_with_every_degree_of_freedom() -> None:
    quantiles = [student_t(degrees) for degrees in range(1, 200)]
    assert quantiles == sorted(quantiles, reverse=True)


@pytest.mark.usefixtures("_few_resamples")
@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("whole", [0.4, 1.2])
def test_the_interval_of_a_share_covers_the_truth_93_to_97_times_in_100(
    noise: str, whole: float
) -> None:
    """A third condition adds 30 % of what the second adds to the first, on a host that drifts by
    20 % between blocks; the truth is that of 200,000 blocks."""
    rng = np.random.default_rng(9)

    def blocks(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        drift = np.exp(rng.normal(0, 0.2, shape))
        first, second, third = (
            drift * factor * np.exp(NOISES[noise](rng, shape))
            for factor in (1, 1 + whole, 1 + 1.3 * whole)
        )
        return third - second, second - first

    parts, wholes = blocks((200_000,))
    truth = np.median(parts) / np.median(wholes)
    found = [share_interval(p, w) for p, w in zip(*blocks((1500, ENOUGH_BLOCKS)), strict=True)]
    covered = np.mean([f.low <= truth <= f.high for f in found if f is not None])
    assert None not in found
    assert 0.93 <= covered <= 0.97


def test_a_share_of_known_blocks() -> None:
    wholes = np.array([1.0, 20.0, 3.0, 40.0, 5.0])
    exact = share_interval(wholes / 4, wholes)
    assert exact is not None
    assert (exact.median, exact.low, exact.high) == pytest.approx((0.25, 0.25, 0.25))
    few = share_interval([1.0, 5.0, -3.0], [10.0, 20.0, -1.0])
    assert few is not None
    assert (few.median, few.low, few.high) == pytest.approx((0.1, 0.1, 0.25))
    assert share_interval([1.0] * 5, [-1.0] * 5) is None
    assert share_interval([], []) is None


def test_fewer_than_5_values_have_minimum_and_maximum_and_are_called_so() -> None:
    values = [8.0, 2.0, 4.0, 1.0]
    assert len(values) == INTERVAL_VALUES - 1
    few = median_interval(values)
    assert (few.median, few.low, few.high) == (3, 1, 8)
    ratio = paired_ratio(values, [2.0] * 4)
    assert (ratio.low, ratio.high) == pytest.approx((0.5, 4))
    assert (interval_name(4), interval_name(5)) == ("minimum to maximum", "95 % interval")
    assert median_interval([*values, 5.0]).high < 8


@pytest.mark.parametrize("n", [12, 24, 48])
def test_two_modes_are_flagged_and_one_is_not(n: int) -> None:
    rng = np.random.default_rng(n)
    trials = 200
    one = [find_modes(np.exp(rng.normal(0, 0.1, n))) is not None for _ in range(trials)]
    two = []
    for _ in range(trials):
        slow = np.zeros(n, dtype=bool)
        slow[: max(4, n // 3)] = True
        values = np.exp(rng.normal(0, 0.1, n) + math.log(2) * slow)
        two.append(find_modes(values) is not None)
    assert np.mean(one) <= 0.02
    assert np.mean(two) >= 0.9


def test_each_mode_is_reported() -> None:
    values = [100, 101, 99, 102, 98, 100, 220, 221, 219, 222, 218]
    assert find_modes(values) == Modes(low=100, low_count=6, high=220, high_count=5)


def test_one_outlier_is_no_mode() -> None:
    assert find_modes([100, 101, 99, 102, 98, 100, 101, 99, 100, 101, 300]) is None


# ---- as text ----


def test_intervals_as_text() -> None:
    assert ratio_text(Interval(2.194, 2.02, 2.375)) == "2.19x [2.02, 2.38]"
    assert ratio_text(paired_ratio([2.0, 4.0], [1.0, 2.0])) == "2.00x [2.00, 2.00]"
    assert share_text(Interval(0.716, -0.004, 0.81)) == "72 % [0, 81]"
    assert duration_text(Interval(7461, 7170, 7750)) == "7.46 us [7.17 us, 7.75 us]"
    assert duration_bounds(Interval(7461, 999, 1_200_000)) == "[999 ns, 1.20 ms]"
    assert microseconds_bounds(Interval(0, -3, 123_456)) == "[0.00, 123]"
