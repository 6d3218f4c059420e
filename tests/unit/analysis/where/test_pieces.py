"""Samples scaled to the ledger: to the nanosecond."""

from __future__ import annotations

import pytest
from harness.profiled import (
    IN_RECV,
    IN_SPIN,
    PROFILE,
    WALL,
    frame,
    random_profile,
    sample,
    stack,
    thread,
)

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.pieces import part_totals, path_pieces, shared, thread_pieces
from tracer.model.profile import Profile, ThreadSample
from tracer.model.states import UNKNOWN


def test_shares_are_whole_numbers_of_the_largest_remainders() -> None:
    assert shared(10, [1, 1, 1]) == [4, 3, 3]
    assert shared(100, [2, 1, 1]) == [50, 25, 25]
    assert shared(7, [5, 3, 1]) == [4, 2, 1]  # 3.89, 2.33, 0.78
    assert shared(0, [5, 3]) == [0, 0]
    assert shared(-3, [1, 1]) == [-1, -2]
    assert shared(5, [0, 0]) == [3, 2]


def test_each_part_has_its_exact_time() -> None:
    pieces = path_pieces(PROFILE, WALL)
    assert part_totals(pieces) == {**WALL.parts, UNKNOWN: 1}
    of_user = [piece.ns for piece in pieces if piece.part == "user"]
    assert of_user == [39_999, 20_000]  # 2/3 and 1/3 of 59,999: remainders .33 and .67
    assert [(p.part, p.ns) for p in pieces if p.sample is None] == [("sleep", 2), (UNKNOWN, 1)]


def test_pieces_are_in_order_of_time() -> None:
    pieces = path_pieces(PROFILE, WALL)
    assert [piece.sample for piece in pieces] == [0, 1, 2, 3, None, None]


def test_points_with_several_stacks_are_split_evenly() -> None:
    profile = Profile((sample("user", 3, IN_SPIN, IN_RECV), sample("user", 1, IN_SPIN)))
    pieces = path_pieces(profile, Ledger(800, {"user": 800}))
    assert [piece.ns for piece in pieces] == [300, 300, 200]
    assert [piece.weight for piece in pieces] == [1.5, 1.5, 1.0]


def test_a_ledger_that_counts_time_twice_keeps_its_sum() -> None:
    pieces = path_pieces(PROFILE, Ledger(95, {"user": 100}))
    assert sum(piece.ns for piece in pieces) == 95
    assert part_totals(pieces)[UNKNOWN] == -5


def test_no_sample_at_all() -> None:
    pieces = path_pieces(Profile(()), Ledger(10, {"user": 10}))
    assert [(piece.part, piece.ns, piece.sample) for piece in pieces] == [("user", 10, None)]


@pytest.mark.parametrize("seed", range(60))
def test_random_samples_sum_to_the_ledger(seed: int) -> None:
    profile, wall = random_profile(seed)
    pieces = path_pieces(profile, wall)
    totals = part_totals(pieces)
    assert sum(totals.values()) == wall.total_ns
    for part, ns in wall.parts.items():
        assert totals.get(part, 0) == ns
    for piece in pieces:
        if piece.sample is not None:
            of_part = [s.points for s in profile.samples if s.part == piece.part]
            exact = wall.parts[piece.part] * piece.weight / sum(of_part)
            assert abs(piece.ns - exact) < 1 + 1e-6 * exact


def test_all_threads_keep_their_time() -> None:
    samples = [
        ThreadSample(thread(1), "blocked:io", 70, "read", stack(frame("app::f"))),
        ThreadSample(thread(2), "user", 30),
    ]
    pieces = thread_pieces(samples)
    assert [(piece.part, piece.ns, piece.call) for piece in pieces] == [
        ("blocked:io", 70, "read"),
        ("user", 30, None),
    ]
