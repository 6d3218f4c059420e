"""What a page shows is what the document says: sums close, nothing is lost on the way."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from harness.pages import planted
from harness.profiled import PROFILE, WALL
from harness.summarized import planted_summaries

from tracer.analysis.run.document import document
from tracer.analysis.where.profile import where
from tracer.model import states
from tracer.model.histogram import BUCKETS, Histogram, lower_bound_ns
from tracer.report.html import flame, intervals, run, wakeups
from tracer.report.html.parts import NAMES, part_of
from tracer.report.html.threads import sums_of
from tracer.report.html.views import page_of


def blocks_of(view: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = [block for section in view["sections"] for block in section["blocks"]]
    return [block for block in found if block["kind"] == kind]


@pytest.mark.parametrize("kind", planted_summaries())
def test_the_ledgers_shares_are_the_headlines(kind: str) -> None:
    summary = planted_summaries()[kind]
    data = document(summary)
    (ledger,) = blocks_of(run.view(data), "ledger")
    shares = {part["name"]: part["value"] for part in ledger["parts"]}
    for name, share in data["headline"].items():
        if share:
            assert shares[name] == share


def test_every_state_has_a_part_and_sums_are_kept() -> None:
    for state in states.OWN_PARTS:
        assert part_of(state) in NAMES
        assert (part_of(state) == "unknown") == (state == states.UNKNOWN)
    sums = sums_of(dict.fromkeys(states.OWN_PARTS, 3))
    assert sum(sums.values()) == 3 * len(states.OWN_PARTS)


def test_a_thread_without_a_name_is_said_to_have_none() -> None:
    data = planted("command")
    data["thread_groups"][0]["name"], data["threads"] = "   ", []
    tables = {table["title"]: table for table in blocks_of(run.view(data), "table")}
    assert "(no name)" in [row[0] for row in tables["Threads by name"]["rows"]]


@pytest.mark.parametrize("kind", ["light", "sampled"])
def test_time_on_a_cpu_that_is_not_split_is_no_own_code(kind: str) -> None:
    view = run.view(planted(kind))
    (table,) = [one for one in blocks_of(view, "table") if one["title"] == "The busiest threads"]
    names = [column["name"] for column in table["columns"]]
    assert "on a CPU" in names and not {"own code", "in calls"} & set(names)
    assert all(len(row) == len(names) for row in table["rows"])
    (bars,) = [one for one in blocks_of(view, "bars") if one["title"] == "Threads by state"]
    drawn = {part["name"] for row in bars["rows"] for part in row["parts"]}
    assert "on_cpu" in drawn and not {"user", "io", "system"} & drawn


def test_tasks_are_told_apart_and_descriptors_are_none() -> None:
    data = planted()
    row = {"name": "work", "time_ns": 5, "share": 0.5, "samples": 2}
    data["where"]["tasks"] = [
        {**row, "runtime": "tokio", "number": 7, "label": None},
        {**row, "runtime": "asyncio", "number": None, "label": "Task-8"},
        {**row, "runtime": "fd", "number": 9, "name": "recvfrom", "label": None},
    ]
    tables = {table["title"]: table for table in blocks_of(run.view(data), "table")}
    assert [row[:3] for row in tables["Tasks on the path"]["rows"]] == [
        ["work", "tokio", "7"],
        ["work", "asyncio", "Task-8"],
    ]
    data["where"]["tasks"] = data["where"]["tasks"][2:]
    assert "Tasks on the path" not in page_of([data])


# ---- flame graphs ----

STACKS: list[flame.Stack] = [
    (["main", "a", "[x]"], "user", 10),
    (["main", "b", "[x]"], "syscall:io", 20),
    (["main", "a", "[x]"], "user", 30),
]


def tree_of(block: dict[str, Any], number: int) -> Any:
    """The tree with names and parts in the place of their numbers."""

    def named(row: list[Any]) -> tuple[Any, ...]:
        children = [named(child) for child in row[3]] if len(row) > 3 else []
        return block["names"][row[0]], row[1], block["parts"][row[2]], children

    return named(block["trees"][number]["tree"])


def test_left_heavy_joins_what_is_alike_and_time_keeps_the_order() -> None:
    block = flame.flame(STACKS, in_time=True)
    assert block is not None
    a = ("a", 40, "user", [("[x]", 40, "user", [])])
    b = ("b", 20, "io", [("[x]", 20, "io", [])])
    assert tree_of(block, 0) == ("all", 60, "user", [("main", 60, "user", [a, b])])
    names = [(child[0], child[1]) for child in tree_of(block, 1)[3][0][3]]
    assert names == [("a", 10), ("b", 20), ("a", 30)]


@pytest.mark.parametrize("in_time", [False, True])
def test_many_frames_are_joined_and_their_time_is_kept(in_time: bool) -> None:
    stacks: list[flame.Stack] = [
        (["main", f"f{n}", *(f"g{n}-{d}" for d in range(60))], "user", 1 + n % 7)
        for n in range(300)
    ]
    block = flame.flame(stacks, in_time=True)
    assert block is not None
    tree = block["trees"][int(in_time)]
    assert "are joined into one" in tree["note"]

    def check(row: list[Any]) -> int:
        children = row[3] if len(row) > 3 else []
        assert sum(child[1] for child in children) in (0, row[1])
        return 1 + sum(map(check, children))

    assert tree["tree"][1] == sum(ns for *_, ns in stacks)
    assert check(tree["tree"]) <= 12_000


def test_the_flame_graph_of_a_run_is_its_window() -> None:
    found = where(PROFILE, WALL)
    block = flame.flame(flame.of_pieces(found.path), in_time=True)
    assert block is not None
    assert [tree["tree"][1] for tree in block["trees"]] == [WALL.total_ns, WALL.total_ns]
    own = flame.self_times(flame.of_pieces(found.path))
    assert sum(ns for _name, ns, _total in own) == WALL.total_ns


def test_a_saved_reports_flame_graph_has_the_time_of_its_places() -> None:
    data = planted()
    (block,) = blocks_of(run.view(data), "flame")
    assert block["trees"][0]["tree"][1] == sum(row["time_ns"] for row in data["where"]["places"])
    assert "whole stacks are kept" in block["trees"][0]["note"]


# ---- distributions ----


def test_a_distribution_keeps_all_that_was_counted() -> None:
    random = np.random.default_rng(7)
    values = np.exp(random.normal(10, 2, 5000)).astype(np.int64) + 16
    lows = np.array([lower_bound_ns(n) for n in range(BUCKETS)])
    buckets = np.bincount(np.searchsorted(lows, values, "right") - 1, minlength=BUCKETS)
    histogram = Histogram(buckets, int(values.sum()), int(values.max()))
    kinds = {"same_cpu": {**histogram.data(), "buckets": histogram.counts()}}
    block = wakeups.distribution({"wakeup_latency_ns": kinds})
    assert block is not None
    x, y = block["x"], block["series"][0]["y"]
    shares = [
        height * 4 * math.log2(high / low)
        for height, (low, high) in zip(y, pairwise(x), strict=False)
    ]
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    for low, high, share in zip(x, x[1:], shares, strict=False):
        inside = np.count_nonzero((values >= low) & (values < high)) / len(values)
        assert share == pytest.approx(inside, abs=1e-4)


def test_an_older_report_has_no_distribution_and_says_so() -> None:
    data = planted("all")
    for figures in data["sched"]["wakeup_latency_ns"].values():
        figures.pop("buckets")
    block = wakeups.distribution(data["sched"])
    assert block is not None and "older tracer" in block["lines"][0]
    assert run.view(data)


# ---- intervals ----


def test_intervals_are_stacked_one_behind_another() -> None:
    documents = [planted("attach") for _ in range(3)]
    view = intervals.view(documents, "title", 2)
    shares, threads = blocks_of(view, "states")
    assert shares["x"] == threads["x"] == [0, 100, 200, 300]
    parts = documents[0]["ledgers"]["threads"]["parts"]
    assert sum(part["y"][0] for part in threads["parts"]) == pytest.approx(
        sum(parts.values()) / documents[0]["window_ns"]
    )
    for part in shares["parts"]:
        assert part["y"] == 4 * [documents[0]["headline"][part["name"]]]
    assert "2 earlier ones not shown" in view["sections"][0]["lead"]
