"""The sampled path of a run against the path that a recording of its events gives exactly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from programs import traced

from tracer.analysis.events.naming import Naming
from tracer.analysis.events.path_pieces import path_sums
from tracer.analysis.events.saved import recorded
from tracer.analysis.events.slices import Slice

#: An error is the half of a 95 % interval: this many of them are missed by one share in 10,000.
FAR = 2.0


class Both(NamedTuple):
    """A run's report, and of the events of the same run the path by (thread, part, call), ns."""

    document: Any
    exact: Counter[tuple[str, str, str | None]]

    def by(self, *fields: int) -> Counter[tuple[str | None, ...]]:
        found: Counter[tuple[str | None, ...]] = Counter()
        for key, ns in self.exact.items():
            found[tuple(key[field] for field in fields)] += ns
        return found


@pytest.fixture
def run(tmp_path: Path, compiled: Callable[[str], str]) -> Both:
    events = tmp_path / "events"
    options = ("--grid", "200", "--probe", "sched,syscalls,stacks", "--record", str(events))
    document = traced(tmp_path, (compiled("stages"), "300"), *options)
    found = recorded(events)
    if found.lost:
        pytest.skip(f"{found.lost} events found no room on this busy host")
    whole = Slice(found.replay.start_ns, found.replay.end_ns, "")
    naming = Naming(found.meta["threads"], found.meta["machine"])
    exact: Counter[tuple[str, str, str | None]] = Counter()
    for piece in path_sums(found.replay, whole, naming):
        assert piece.thread
        exact[piece.thread.group, piece.part, piece.call] += piece.ns
    return Both(document, exact)


def test_the_parts_are_those_of_the_events(run: Both) -> None:
    wall = run.document["ledgers"]["wall"]
    books = Counter(wall["parts"]) + Counter({"unknown": wall["residual_ns"]})
    assert run.by(1) == Counter({(part,): ns for part, ns in books.items()})


def test_who_was_on_the_path_is_right_within_its_error(run: Both) -> None:
    window_ns = run.document["window_ns"]
    rows = {row["group"]: row for row in run.document["who"]["rows"]}
    assert {"stage-a", "stage-b", "stage-c"} <= rows.keys()
    for (thread,), ns in run.by(0).items():
        row = rows.get(thread, {"share": 0, "error": 0.001})
        assert row["share"] == pytest.approx(ns / window_ns, abs=FAR * row["error"]), thread
        for did in row.get("doing", ()):
            # a part of a row can be off by what the row can, if another is by as much
            exact_ns = run.exact[thread, did["part"], did["call"]]
            assert did["time_ns"] == pytest.approx(exact_ns, abs=0.02 * window_ns), did


def test_a_place_has_the_time_of_its_call_within_its_error(run: Both) -> None:
    """Each call is made at one place, so the events know the time of that place and part."""
    window_ns, exact = run.document["window_ns"], run.by(1, 2)
    seen = 0
    for place in run.document["where"]["places"]:
        if not place["function"].startswith("stage_") or len(place["calls"]) != 1:
            continue
        share = exact[place["part"], place["calls"][0]] / window_ns
        if place["part"] == "preempted":
            continue  # in the call or beside it: the place does not tell
        # the error is of the share that was met: of too small a one it is too small as well
        error = place["error"] * max(share / place["share"], 1) ** 0.5
        assert place["share"] == pytest.approx(share, abs=FAR * error), place
        seen += 1
    assert seen >= 6
