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
    median_interval,
    paired_ratio,
    sign_flip_p,
)
from tracer.analysis.statistics.modes import find_modes

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
    found = [paired_ratio(x * ratio, y) for x, y in zip(a, b, strict=True)]
    covered = np.mean([f.low <= ratio <= f.high for f in found])
    assert 0.93 <= covered <= 0.97


@pytest.mark.usefixtures("_few_resamples")
@pytest.mark.parametrize("noise", NOISES)
def test_equals_raise_at_most_5_false_alarms_in_100(noise: str) -> None:
    rng = np.random.default_rng(7)
    trials = 1500
    a, b = np.exp(NOISES[noise](rng, (2, trials, ENOUGH_BLOCKS)))
    alarms = [f.p <= 0.05 and f.differs for f in map(paired_ratio, a, b)]
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
    found = paired_ratio(2 * b, b)
    assert (found.median, found.low, found.high) == pytest.approx((2, 2, 2))
    assert (found.blocks, found.slower, found.p) == (5, 5, 2 / 32)
    assert found.differs and not found.is_enough
    assert found.blocks_needed() == ENOUGH_BLOCKS


def test_more_noise_needs_more_blocks() -> None:
    rng = np.random.default_rng(1)
    a = np.exp(rng.normal(math.log(1.1), 0.5, 12))
    found = paired_ratio(a, np.ones(12))
    assert found.blocks_needed() > 12


def test_an_interval_of_one_value_has_no_width() -> None:
    assert median_interval([3.0]).low == median_interval([3.0]).high == 3.0


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
    found = find_modes(values)
    assert found is not None
    assert (found.low, found.low_count, found.high, found.high_count) == (100, 6, 220, 5)


def test_one_outlier_is_no_mode() -> None:
    assert find_modes([100, 101, 99, 102, 98, 100, 101, 99, 100, 101, 300]) is None
