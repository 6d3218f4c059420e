"""Estimates of --sample: shares and calls with their error, from groups of pieces made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from harness.summarized import planted_sampled, planted_summaries

from tracer.analysis.run.sampled import sampled
from tracer.kernel.settings import SAMPLE_GROUPS
from tracer.model.sampled import Sampled
from tracer.model.states import ON_CPU_PARTS
from tracer.model.syscalls import TABLE_LENGTH
from tracer.report.run.sampled import words

ONE_IN = 4


def drawn(rng: np.random.Generator, true: float) -> Sampled:
    """16 groups that differ, as pieces of few threads do; time in calls is `true` on average."""
    ns = np.zeros((SAMPLE_GROUPS, len(ON_CPU_PARTS)), np.int64)
    whole = rng.uniform(5e6, 15e6, SAMPLE_GROUPS)
    in_calls = whole * np.clip(rng.normal(true, 0.1, SAMPLE_GROUPS), 0, 1)
    ns[:, 0], ns[:, 1] = whole - in_calls, in_calls
    calls = np.zeros((SAMPLE_GROUPS, TABLE_LENGTH), np.int64)
    return Sampled(ONE_IN, ns, calls, 0, ns.sum(axis=0))


def test_the_interval_holds_19_times_in_20() -> None:
    """Of so much more time than was seen that what was seen is no part of it."""
    rng, held, runs = np.random.default_rng(1), 0, 2000
    for _ in range(runs):
        share = sampled(drawn(rng, 0.4), 10**15, 10**15, None)["on_cpu"]["io"]
        held += share["low"] <= 0.4 <= share["high"]
    assert held / runs == pytest.approx(0.95, abs=0.015)


def test_what_was_seen_as_a_whole_has_no_error() -> None:
    found = drawn(np.random.default_rng(2), 0.4)
    share = sampled(found, int(found.ns.sum()), 1, None)["on_cpu"]["io"]
    assert share["low"] == share["share"] == share["high"]


def test_calls_of_a_name_are_its_share_of_all() -> None:
    """100 of 800 calls were seen, 60 and 40 of them of two names."""
    data = planted_sampled()
    rows = {row["name"]: row for row in data["syscalls"]}
    assert (data["calls"], data["seen_calls"]) == (800, 100)
    assert {name: (row["seen"], row["calls"]) for name, row in rows.items()} == {
        "read": (60, 480),
        "getppid": (40, 320),
    }
    assert rows["read"]["p50_ns"] == 7 and rows["getppid"]["p50_ns"] is None
    assert (data["seen_share"], data["path"]["user"], data["path"]["io"]) == (0.25, 0.6, 0.4)


def test_of_nothing_seen_nothing_is_estimated_and_the_number_of_calls_is_told() -> None:
    data = planted_sampled(seen=False)
    assert data["on_cpu"] is data["path"] is None and data["syscalls"] == []
    first, second = words(data)
    assert "nothing is estimated" in first
    assert second == "system calls: 800 in all, which is exact; 0 of them seen"


def test_that_too_little_was_seen_is_said_once() -> None:
    """Two groups do not tell how much groups differ."""
    found = drawn(np.random.default_rng(3), 0.4)
    found.ns[2:] = 0
    data = sampled(found, 10**15, 10**15, None)
    assert [share["low"] for share in data["on_cpu"].values()] == [None] * 3
    assert "\n".join(words(data)).count("too little was seen") == 1


@pytest.mark.parametrize(("lost", "is_doubted"), [(1, False), (2, True)])
def test_few_lost_events_are_judged_by_all_calls(lost: int, is_doubted: bool) -> None:
    """By what the kernel counted, 10,000 entries and returns, not by those that were seen."""
    run = planted_summaries()["sampled"]
    data = {**planted_sampled(), "calls": 5000}
    losses = {**run.losses, "recursion": lost}
    found = type(run)(**{**vars(run), "sampled": data, "losses": losses})
    assert any("lost" in doubt for doubt in found.doubts) is is_doubted
