"""The error of a sampled share: against the spread of many simulated profiles."""

from __future__ import annotations

import numpy as np
import pytest
from harness.profiled import IN_RECV, IN_SPIN, SAMPLES, WALL, sample
from numpy.typing import NDArray

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.error import PAIRS, Blocks
from tracer.analysis.where.profile import where
from tracer.model.profile import Profile


def half(flags: NDArray[np.bool_]) -> float:
    """The half-width of the share of the points that are flagged, one point a sample."""
    return Blocks([1.0] * len(flags)).half_width(np.flatnonzero(flags).tolist())


def coverage(draw: object, truth: float, times: int = 400) -> tuple[float, float]:
    """How often the interval holds the truth, and the mean half-width."""
    rng = np.random.default_rng(7)
    inside, halves = 0, []
    for _ in range(times):
        flags = draw(rng)  # type: ignore[operator]
        halves.append(half(flags))
        inside += abs(flags.mean() - truth) <= halves[-1]
    return inside / times, float(np.mean(halves))


def test_points_that_are_independent_have_the_binomial_error() -> None:
    held, mean = coverage(lambda rng: rng.random(2000) < 0.3, 0.3)
    assert mean == pytest.approx(2.086 * np.sqrt(0.3 * 0.7 / 2000), rel=0.08)
    assert held > 0.9


def test_points_that_come_in_runs_have_a_larger_one() -> None:
    """Runs of 10 equal points: as if there were a tenth of them."""
    held, mean = coverage(lambda rng: np.repeat(rng.random(200) < 0.3, 10), 0.3)
    assert mean == pytest.approx(2.086 * np.sqrt(0.3 * 0.7 / 200), rel=0.12)
    assert held > 0.9


def test_phases_of_a_program_are_no_error() -> None:
    """First all the time in one place, then in another: the edge is known to a few points."""
    flags = np.arange(4000) < 2345
    assert half(flags) < 0.04
    binomial_of_blocks = 2 * np.sqrt(0.586 * 0.414 / (2 * PAIRS))
    assert binomial_of_blocks > 0.15  # what blocks compared with their mean would give


def test_what_was_never_seen_can_be_three_points() -> None:
    assert half(np.ones(1000, dtype=bool)) == pytest.approx(0.003)
    assert half(np.ones(2, dtype=bool)) == 1.0  # no larger than the share itself


def test_a_long_sample_is_spread_over_the_blocks_it_covers() -> None:
    blocks = Blocks([500.0, 1.0, 499.0])
    assert blocks.half_width([0, 1, 2]) == pytest.approx(0.003)
    assert blocks.half_width([0]) == pytest.approx(0.003)  # ends at the edge of a block
    split = Blocks([1.0] * 1000)
    assert split.half_width(range(500)) == pytest.approx(blocks.half_width([0]))


def test_the_error_is_scaled_to_the_parts_share_of_the_window() -> None:
    samples = tuple(
        sample("user" if index % 2 else "syscall:io", 1, IN_SPIN if index % 4 < 2 else IN_RECV)
        for index in range(400)
    )
    found = where(Profile(samples), Ledger(1000, {"user": 900, "syscall:io": 100}))
    errors = {(s.part, s.place.function): s.error for s in found.places}
    for function in ("ring::spin", "ring::pass_on"):
        user, io = errors["user", function], errors["syscall:io", function]
        assert user is not None and io is not None
        assert user == pytest.approx(9 * io)


def test_no_error_below_50_points() -> None:
    few = where(Profile(SAMPLES[1:3]), WALL)
    assert few.points == 40 and not few.is_enough
    assert all(share.error is None for share in few.places)
    assert all(share.error is not None for share in where(Profile(SAMPLES), WALL).places)
