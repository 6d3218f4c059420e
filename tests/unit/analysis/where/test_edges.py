"""Hand-overs from place to place."""

from __future__ import annotations

import pytest
from harness.profiled import IN_RECV, IN_SPIN, PROFILE, WALL, random_profile, sample

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.edges import edges
from tracer.analysis.where.pieces import path_pieces
from tracer.model.profile import Profile


def test_edges_and_the_time_after_them() -> None:
    found = edges(PROFILE.samples, path_pieces(PROFILE, WALL))
    assert [
        (e.waker.function, e.waker.called, e.woken.function, e.woken.called) for e in found
    ] == [
        ("ring::spin", "", "ring::pass_on", "recv"),
        ("ring::pass_on", "recv", "ring::spin", ""),
    ]
    assert [(e.times, e.handovers, e.direct, e.ns) for e in found] == [
        (1, 1, 1, 40_001),
        (1, 4, 0, 20_000),
    ]


def test_equal_edges_are_one() -> None:
    samples = [sample("user", 2, IN_SPIN)]
    for index in range(6):
        one = IN_RECV if index % 2 == 0 else IN_SPIN
        samples.append(sample("user", 1, one, by=index, waker=index, handovers=index + 1))
    profile = Profile(tuple(samples))
    found = edges(profile.samples, path_pieces(profile, Ledger(80, {"user": 80})))
    numbers = {
        (e.waker.function, e.woken.function): (e.times, e.handovers, e.direct, e.ns) for e in found
    }
    assert numbers == {
        ("ring::spin", "ring::pass_on"): (3, 1 + 3 + 5, 1, 30),
        ("ring::pass_on", "ring::spin"): (3, 2 + 4 + 6, 0, 30),
    }


def test_a_path_that_is_never_handed_over_has_none() -> None:
    profile = Profile((sample("user", 2, IN_SPIN), sample("syscall:io", 1, IN_RECV)))
    assert edges(profile.samples, path_pieces(profile, WALL)) == []


@pytest.mark.parametrize("seed", range(30))
def test_edges_hold_all_time_after_the_first_one(seed: int) -> None:
    profile, wall = random_profile(seed)
    pieces = path_pieces(profile, wall)
    found = edges(profile.samples, pieces)
    handed = [i for i, one in enumerate(profile.samples) if one.waker is not None]
    first = handed[0] if handed else len(profile.samples)
    after = sum(p.ns for p in pieces if p.sample is not None and p.sample >= first)
    assert sum(edge.ns for edge in found) == after
    assert sum(edge.times for edge in found) == len(handed)
