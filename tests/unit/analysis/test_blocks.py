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


def test_what_is_saved_comes_from_the_ratio() -> None:
    saved = BLOCKS.saved("A", "B")
    assert saved is not None
    # of 40: one half in the block where A takes twice as long, three quarters in the other
    assert (saved.low, saved.high) == (pytest.approx(20), pytest.approx(30))
    assert saved.median == pytest.approx(40 * (1 - 8**-0.5))
    assert BLOCKS.saved("A", "C") is None


def test_the_interval_is_over_all_blocks_of_a_label() -> None:
    interval = BLOCKS.interval("A")
    assert interval is not None
    assert interval.median == 40
    assert interval.low < 40 < interval.high


def test_what_was_not_run_is_none() -> None:
    assert BLOCKS.interval("C") is BLOCKS.ratio("A", "C") is BLOCKS.difference("C", "A") is None
    assert BLOCKS.combined("A", "D", lambda a, b: a) is None


def untraced(times: dict[str, list[float]]) -> Blocks:
    """One run for each label and block, ns per unit."""
    return Blocks(
        [outcome(label, n, ns) for label, series in times.items() for n, ns in enumerate(series)]
    )


def test_a_drift_common_to_a_block_cancels() -> None:
    drift = [1.0, 3.0, 9.0, 2.0, 5.0]
    ratio = untraced({"a": [110 * d for d in drift], "b": [100 * d for d in drift]}).ratio("a", "b")
    assert ratio is not None
    assert (ratio.median, ratio.low, ratio.high) == pytest.approx((1.1, 1.1, 1.1))


def test_the_share_of_what_another_one_adds() -> None:
    blocks = untraced({"base": [100.0] * 5, "ours": [110.0] * 5, "theirs": [140.0] * 5})
    share = blocks.share(("ours", "base"), ("theirs", "base"))
    assert share is not None
    assert (share.median, share.low, share.high) == pytest.approx((0.25, 0.25, 0.25))
    assert blocks.share(("ours", "base"), ("base", "theirs")) is None


def test_what_is_added_on_top_as_a_share_of_what_was_added_before() -> None:
    """Half of it, whatever a block adds to all its runs alike."""
    drift = [0.0, 500.0, 90.0, 2000.0, 5.0]
    sums = {"none": 1000.0, "some": 1200.0, "more": 1300.0}
    blocks = untraced({label: [ns + d for d in drift] for label, ns in sums.items()})
    share = blocks.share(("more", "some"), ("some", "none"))
    assert share is not None
    assert (share.median, share.low, share.high) == pytest.approx((0.5, 0.5, 0.5))


def test_a_share_is_over_the_blocks_with_all_four() -> None:
    blocks = untraced({"base": [0.0, 0.0, 0.0], "ours": [1.0, 3.0], "theirs": [10.0, 10.0, 1.0]})
    share = blocks.share(("ours", "base"), ("theirs", "base"))
    assert share is not None
    assert (share.median, share.low, share.high) == pytest.approx((0.2, 0.1, 0.3))
    assert blocks.share(("missing", "base"), ("theirs", "base")) is None
