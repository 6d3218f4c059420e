"""The observer effect's interval: what it holds when there is none, and when there is one."""

from __future__ import annotations

import numpy as np
import pytest

from tracer.analysis.run.observer import INTERVAL_PAIRS, Pair, observe


def pairs(ratios: list[float], base: float = 1000.0) -> list[Pair]:
    return [Pair(base * ratio, base, 2.0, 1.0) for ratio in ratios]


def test_nothing_from_nothing() -> None:
    assert observe([]) is None


@pytest.mark.parametrize("count", range(1, INTERVAL_PAIRS))
def test_few_pairs_give_minimum_and_maximum(count: int) -> None:
    ratios = [1.2, 0.9, 1.5, 1.1][:count]
    observer = observe(pairs(ratios))
    assert observer is not None
    assert (observer.is_interval, observer.pairs) == (False, count)
    assert (observer.low, observer.high) == (min(ratios), max(ratios))
    assert observer.slowdown == pytest.approx(float(np.median(ratios)))


def test_the_interval_is_students_of_the_mean_log_ratio() -> None:
    logs = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    observer = observe(pairs(np.exp(logs).tolist()))
    assert observer is not None
    half = 2.776445 * np.sqrt(0.025) / np.sqrt(5)  # 4 degrees of freedom, variance 0.1 / 4
    assert observer.low == pytest.approx(np.exp(0.3 - half), rel=1e-3)
    assert observer.high == pytest.approx(np.exp(0.3 + half), rel=1e-3)
    assert observer.slowdown == pytest.approx(np.exp(0.3))


def test_medians_are_of_the_paired_ratio() -> None:
    """A host that slows down over time: the unpaired medians' ratio would be 1.0."""
    observer = observe([Pair(110, 100, 0, 0), Pair(220, 200, 0, 0), Pair(880, 800, 0, 0),
                     Pair(440, 400, 0, 0), Pair(1760, 1600, 0, 0)])  # fmt: skip
    assert observer is not None
    assert observer.slowdown == pytest.approx(1.1)
    assert (observer.low, observer.high) == (pytest.approx(1.1), pytest.approx(1.1))
    assert (observer.baseline_ns_per_unit, observer.traced_ns_per_unit) == (400, 440)
    assert observer.is_interval
    assert not observer.in_noise


def test_switches_are_medians() -> None:
    observer = observe([Pair(1, 1, 3, 1), Pair(1, 1, 5, 2), Pair(1, 1, 9, 4)])
    assert observer is not None
    assert (observer.traced_switches, observer.untraced_switches) == (5, 2)


def test_same_pairs_same_interval() -> None:
    ratios = [1.0, 1.3, 0.8, 1.1, 0.95, 1.05, 1.2]
    assert observe(pairs(ratios)) == observe(pairs(ratios))


@pytest.mark.parametrize("count", [5, 9, 15])
@pytest.mark.parametrize("shape", ["noise", "two modes"])
def test_an_interval_of_equals_holds_one(count: int, shape: str) -> None:
    """A/A: both sides of a pair from one distribution; 95 of 100 intervals hold 1, or more."""
    rng = np.random.default_rng(7)
    trials, held = 2000, 0
    for _ in range(trials):
        sides = rng.lognormal(0, 0.1, (count, 2))
        if shape == "two modes":
            sides *= rng.choice([1.0, 2.0], (count, 2))
        observer = observe([Pair(1000 * a, 1000 * b, 0, 0) for a, b in sides])
        assert observer is not None
        assert observer.low <= observer.slowdown <= observer.high
        held += observer.in_noise
    assert held / trials >= 0.935  # 0.95 less three standard errors of 2,000 trials
    assert held / trials <= 0.995


def test_a_difference_above_the_noise_is_seen() -> None:
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(100):
        observer = observe(pairs((1.2 * rng.lognormal(0, 0.02, 9)).tolist()))
        assert observer is not None
        seen += not observer.in_noise
    assert seen == 100
