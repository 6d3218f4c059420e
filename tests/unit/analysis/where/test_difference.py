"""Two profiles, function by function."""

from __future__ import annotations

from collections import Counter

import pytest
from harness.profiled import IN_RECV, IN_SPIN, random_profile, sample

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.difference import Change, by_function, changes
from tracer.analysis.where.pieces import part_totals, path_pieces
from tracer.model.profile import Profile


def test_largest_change_first() -> None:
    a = path_pieces(Profile((sample("user", 1, IN_SPIN),)), Ledger(40, {"user": 40}))
    b = path_pieces(
        Profile((sample("user", 1, IN_SPIN), sample("user", 4, IN_RECV))),
        Ledger(60, {"user": 50, "sleep": 10}),
    )
    found = changes(a, b)
    assert found == [
        Change("ring::pass_on", "user", 0, 40),
        Change("ring::spin", "user", 40, 10),
        Change("(no sample)", "sleep", 0, 10),
    ]
    assert [change.difference_ns for change in found] == [40, -30, 10]


@pytest.mark.parametrize("seed", range(20))
def test_differences_sum_to_that_of_the_ledgers(seed: int) -> None:
    one, other = random_profile(seed), random_profile(seed + 1000)
    a, b = path_pieces(*one), path_pieces(*other)
    found = changes(a, b)
    assert sum(change.difference_ns for change in found) == other[1].total_ns - one[1].total_ns
    sums: Counter[str] = Counter()
    for change in found:
        sums[change.part] += change.difference_ns
    of_a, of_b = part_totals(a), part_totals(b)
    for part in {*of_a, *of_b}:
        assert sums[part] == of_b.get(part, 0) - of_a.get(part, 0)
    whole = by_function(found)
    assert len({change.function for change in whole}) == len(whole)
    assert sum(c.b_ns for c in whole) == other[1].total_ns
