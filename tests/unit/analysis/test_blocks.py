"""Outcomes by label and block: what has both sides is paired, what was not run is None."""

from __future__ import annotations

import pytest

from tracer.analysis.blocks import Blocks
from tracer.model.trial import Outcome, Surroundings, Trial

AROUND = Surroundings(1, 1, 1, 0, 0)


def outcome(label: str, block: int, ns: float, report: dict[str, int] | None = None) -> Outcome:
    trial = Trial(label, report is not None, block)
    return Outcome(trial, {"ns_per_unit": ns}, AROUND, report)


#: B has no block 1 and A no block 3; C has a traced run only.
BLOCKS = Blocks(
    [
        outcome("A", 0, 20.0),
        outcome("B", 0, 10.0),
        outcome("A", 0, 99.0, {"block": 0}),
        outcome("A", 1, 50.0),
        outcome("B", 2, 10.0),
        outcome("A", 2, 40.0),
        outcome("A", 2, 99.0, {"block": 2}),
        outcome("B", 3, 70.0),
        outcome("C", 0, 5.0, {"block": 0}),
    ]
)


def test_untraced_times_and_traced_documents_are_apart() -> None:
    assert BLOCKS.labels == ["A", "B"]
    assert {n: o.ns_per_unit for n, o in BLOCKS.untraced("A").items()} == {0: 20, 1: 50, 2: 40}
    assert BLOCKS.documents("A") == [{"block": 0}, {"block": 2}]
    assert (BLOCKS.untraced("C"), BLOCKS.documents("C")) == ({}, [{"block": 0}])
    assert (BLOCKS.untraced("D"), BLOCKS.documents("D")) == ({}, [])


def test_only_blocks_with_both_are_compared() -> None:
    pairs = [(a.ns_per_unit, b.ns_per_unit) for a, b in BLOCKS.paired("A", "B")]
    assert pairs == [(20, 10), (40, 10)]
    ratio, difference = BLOCKS.ratio("A", "B"), BLOCKS.difference("A", "B")
    assert ratio is not None and difference is not None
    assert (ratio.median, ratio.blocks, ratio.slower) == (pytest.approx(8**0.5), 2, 2)
    assert difference.median == 20
    product = BLOCKS.combined("A", "B", lambda a, b: a * b)
    assert product is not None and product.median == 300


def test_the_interval_is_over_all_blocks_of_a_label() -> None:
    interval = BLOCKS.interval("A")
    assert interval is not None
    assert interval.median == 40
    assert interval.low < 40 < interval.high


def test_what_was_not_run_is_none() -> None:
    assert BLOCKS.interval("C") is BLOCKS.ratio("A", "C") is BLOCKS.difference("C", "A") is None
    assert BLOCKS.combined("A", "D", lambda a, b: a) is None
