"""Blocks that met a busy host: found, marked, left out of verdicts, and told first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.explained import PlantedExperiment

from tracer.analysis import quiet
from tracer.analysis.compare import compare
from tracer.analysis.pinning.answer import explain
from tracer.analysis.pinning.evidence import Evidence
from tracer.analysis.quiet import Load, Resumed, block_loads, is_disturbed
from tracer.analysis.sweep import crossings, sweep_points
from tracer.model.trial import HostShare, Outcome, Surroundings, Trial
from tracer.report import compare as compare_report
from tracer.report import load as report
from tracer.report import pinning as pinning_report
from tracer.report import sweep as sweep_report

pytestmark = pytest.mark.usefixtures("few_resamples")

SECOND = 10**9


def around(others: float = 0.0, steal: float = 0.0, wall_s: float = 10.0) -> Surroundings:
    """Shares of 2 CPUs' time around one run."""
    total_ns = wall_s * SECOND * 2
    return Surroundings(
        10_000_000, 10_000_000, round(wall_s * SECOND), round(steal * total_ns),
        round(others * total_ns), cpus=2,
    )  # fmt: skip


def runs(shares: list[tuple[float, float]], a: float = 2000.0, b: float = 1000.0) -> list[Outcome]:
    """A block for each pair of shares, with A and its twin and B."""
    return [
        Outcome(Trial(label, False, n, twin), {"ns_per_unit": ns * (1 + n / 1000)}, around(*share))
        for n, share in enumerate(shares)
        for label, ns, twin in (("A", a, False), ("B", b, False), ("A", a, True))
    ]


def load_of(outcomes: list[Outcome], **more: Any) -> Load:
    return Load(HostShare(0.0, 0.0), block_loads(outcomes), **more)


def test_a_block_is_disturbed_by_others_or_by_steal_above_a_tenth() -> None:
    outcomes = runs([(0.0, 0.0), (0.11, 0.0), (0.0, 0.11), (0.09, 0.09)])
    found = block_loads(outcomes)
    assert [one.is_disturbed for one in found] == [False, True, True, False]
    assert found[1].share.others == pytest.approx(0.11)
    assert found[2].share.steal == pytest.approx(0.11)
    kept = {outcome.trial.block for outcome in load_of(outcomes).usable(outcomes)}
    assert kept == {0, 3}


def test_shares_are_of_all_runs_of_a_block_and_never_negative() -> None:
    outcomes = [
        Outcome(Trial("A", False, 0), {}, around(others=0.3, wall_s=1.0)),
        Outcome(Trial("B", False, 0), {}, around(others=0.0, wall_s=9.0)),
        Outcome(Trial("A", False, 1), {}, around(others=-0.01)),
    ]
    first, second = block_loads(outcomes)
    assert first.share.others == pytest.approx(0.03) and not first.is_disturbed
    assert second.share.others == 0.0


def test_in_a_short_block_chance_is_no_load() -> None:
    """Ticks of 10 ms: of 0.2 s of CPU time 15 % can be chance, of 20 s not."""
    short = Outcome(Trial("A", False, 0), {}, around(others=0.15, wall_s=0.1))
    long = Outcome(Trial("A", False, 0), {}, around(others=0.15))
    spun = Outcome(Trial("A", False, 0), {}, around(others=0.5, wall_s=0.1))
    assert [is_disturbed(one) for one in (short, long, spun)] == [False, True, True]
    assert quiet.limit_of([long.surroundings]) == quiet.LIMIT


@pytest.mark.parametrize(("quiet_blocks", "allowed"), [(0, False), (1, False), (2, True)])
def test_a_verdict_needs_two_quiet_blocks(quiet_blocks: int, allowed: bool) -> None:
    outcomes = runs([(0.0, 0.0)] * quiet_blocks + [(0.4, 0.0)] * 3)
    load = load_of(outcomes)
    assert load.allows_verdict is allowed
    used = {outcome.trial.block for outcome in load.usable(outcomes)}
    assert len(used) == (quiet_blocks if allowed else quiet_blocks + 3)


def test_one_quiet_block_alone_is_for_the_experiment_to_judge() -> None:
    assert load_of(runs([(0.0, 0.0)])).allows_verdict


def test_runs_before_the_blocks_are_no_block() -> None:
    first = Outcome(Trial("A", True, -1), {}, around(others=0.5))
    assert block_loads([first]) == []
    assert load_of([]).usable([first]) == [first]


# ---- what is said first ----


def first_line(load: Load, noun: str = "block") -> str:
    said = report.lines(load, noun)
    return said[0] if said else ""


def test_the_first_line() -> None:
    assert first_line(load_of(runs([(0.02, 0.0)] * 3))) == ""
    assert first_line(load_of(runs([(0.0, 0.0), (0.43, 0.02), (0.0, 0.0), (0.21, 0.0)]))) == (
        "Busy host: in blocks 2 and 4 of 4 other programs used 43.0 % of the CPUs, the host took"
        " 2.0 % (steal) at most; no verdict rests on them."
    )
    assert first_line(load_of(runs([(0.0, 0.0), (0.0, 0.3)])), "round") == (
        "Busy host: in round 2 of 2 other programs used 0.0 % of the CPUs, the host took 30.0 %"
        " (steal) at most. So no verdict is given: it needs 2 quiet rounds, and 1 was quiet."
        " `--wait-quiet 60` waits for a quiet host."
    )
    before = Load(HostShare(0.5, 0.0), block_loads(runs([(0.0, 0.0)])))
    assert first_line(before).startswith("Busy host before the runs: other programs used 50.0 %")


@pytest.mark.parametrize(
    ("newest_s", "oldest_s", "text"),
    [
        (5, 20, "12 of 30 runs are taken from less than a minute ago"),
        (1500, 1500, "12 of 30 runs are taken from 25 minutes ago"),
        (600, 7100, "12 of 30 runs are taken from 118 minutes to 10 minutes ago"),
        (7300, 72000, "12 of 30 runs are taken from 20 hours to 2 hours ago"),
    ],
)
def test_what_is_taken_from_when(newest_s: float, oldest_s: float, text: str) -> None:
    assert report.resumed(Resumed(12, 30, newest_s, oldest_s)) == text


def test_blocks_of_another_hour_are_marked() -> None:
    outcomes = runs([(0.0, 0.0)] * 3)
    load = Load(None, block_loads(outcomes, old={0, 1}), Resumed(6, 9, 4000, 5000))
    assert report.lines(load) == [
        "6 of 9 runs are taken from 83 minutes to 67 minutes ago.",
        "Of another hour than the rest: blocks 1 and 2.",
    ]
    marked = [one["of_another_hour"] for one in report.document(load)["blocks"]]
    assert marked == [True, True, False]


# ---- what it does to the verdicts ----

QUIET, BUSY = (0.0, 0.0), (0.5, 0.0)


def test_compare_gives_its_verdict_from_quiet_blocks_only() -> None:
    """12 quiet blocks in which A takes twice as long, and 4 busy ones that say the opposite."""
    outcomes = runs([QUIET] * 12)
    for outcome in runs([BUSY] * 4, a=1000.0, b=9000.0):
        trial = outcome.trial
        moved = Trial(trial.condition, False, trial.block + 12, trial.twin)
        outcomes.append(Outcome(moved, outcome.result, outcome.surroundings))
    load = load_of(outcomes)
    result = compare(load.usable(outcomes), "A", "B", "hop", judged=load.allows_verdict)
    assert result is not None
    assert (result.ratio.blocks, result.ratio.slower, result.differs) == (12, 12, True)
    assert compare_report.in_words(result) == "A takes 2.00 times as long as B."


def test_compare_under_load_gives_no_verdict(validate_document: Any) -> None:
    outcomes = runs([BUSY] * 12)
    load = load_of(outcomes)
    result = compare(load.usable(outcomes), "A", "B", "hop", judged=load.allows_verdict)
    assert result is not None and not result.differs
    text = compare_report.render(result, ("a", "b"), load=load)
    assert text.startswith("Busy host: in all 12 blocks other programs used 50.0 % of the CPUs")
    assert "In words: no verdict: the host was busy while this was measured." in text
    data = json.loads(json.dumps(compare_report.document(result, ("a", "b"), {}, load=load)))
    validate_document(data)
    assert data["differs"] is False and data["load"]["verdict_allowed"] is False
    assert [one["disturbed"] for one in data["load"]["blocks"]] == [True] * 12


def test_sweep_under_load_has_no_crossing() -> None:
    outcomes, cells = [], {}
    for tasks, (a, b) in {1: (1000.0, 2000.0), 9: (2000.0, 1000.0)}.items():
        for label, ns in (("a", a), ("b", b)):
            cells[f"{label}{tasks}"] = (label, {"tasks": tasks})
            outcomes += [
                Outcome(Trial(f"{label}{tasks}", False, n), {"ns_per_unit": ns}, around(others=0.5))
                for n in range(3)
            ]
    points = sweep_points(outcomes, cells)
    (judged,) = crossings(points, [("a", "b")], "tasks")
    assert judged.between == (1, 9)
    (unjudged,) = crossings(points, [("a", "b")], "tasks", judged=False)
    assert unjudged.between is None
    assert sweep_report.in_words(unjudged) == (
        "tasks: no verdict, for the host was busy while this was measured"
    )


def planted(busy: set[int]) -> tuple[list[Outcome], Load]:
    """The planted experiment, with load in these blocks."""
    outcomes = [
        Outcome(one.trial, one.result, around(others=0.5) if one.trial.block in busy else around(),
                one.report)
        for one in PlantedExperiment().outcomes()
    ]  # fmt: skip
    return outcomes, load_of(outcomes)


def test_explain_pinning_judges_quiet_blocks(validate_document: Any) -> None:
    for busy in ({0, 5}, set(range(11))):
        outcomes, load = planted(busy)
        evidence = Evidence(load.usable(outcomes), unit="hop")
        labels = list(PlantedExperiment().conditions)
        judged = load.allows_verdict
        answer = explain(evidence, labels, None, "thread-brigade", {}, judged=judged)
        verdicts = {verdict.verdict for verdict in answer.verdicts}
        text = pinning_report.render(answer, "hop", load=load)
        assert text.startswith("Busy host: in blocks 1")
        data = pinning_report.document(answer, "thread-brigade", "hop", 12, {}, load=load)
        validate_document(json.loads(json.dumps(data)))
        if len(busy) == 2:
            assert answer.blocks == 10 and "cause" in verdicts
        else:
            assert answer.answer == ["No verdict: the host was busy while this was measured."]
            assert verdicts == {"not tested"} and answer.advice == []
            assert {verdict.why for verdict in answer.verdicts} == {quiet.BUSY}
            assert "No theory is judged, for the host was busy" in text
            assert "times as fast" not in text and "% of gap gone" in text


def test_a_sweep_keeps_the_times_of_disturbed_rounds_and_counts_the_others() -> None:
    shares, times = [QUIET, BUSY, QUIET], (100.0, 900.0, 102.0)
    outcomes = [
        Outcome(Trial("x", False, n), {"ns_per_unit": ns}, around(*share))
        for n, (share, ns) in enumerate(zip(shares, times, strict=True))
    ]
    load = load_of(outcomes)
    (point,) = sweep_points(outcomes, {"x": ("x", {"tasks": 1})}, (), load.left_out)
    assert (point.ns.median, point.ns.high) == (101.0, 102.0)
    data = sweep_report.document([point], [], [], "hop", {}, load)
    assert data["points"][0]["rounds_ns"] == [100, 900, 102]
    assert [one["disturbed"] for one in data["load"]["blocks"]] == [False, True, False]
