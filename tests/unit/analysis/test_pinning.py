"""The explanation of made-up experiments: answers, prediction, sums, the report's width, JSON."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import statistics
from typing import Any

import pytest
from harness.explained import UNITS, PlantedExperiment, TracedRun, document

from tracer.analysis.pinning.advice import costs
from tracer.analysis.pinning.answer import Explanation, explain
from tracer.analysis.pinning.conditions import BATCH, FLOOR, FREE, PINNED, PINNED_BATCH, POLLING
from tracer.analysis.pinning.evidence import Evidence, line_of
from tracer.analysis.pinning.prediction import (
    CALIBRATION,
    CONFIRMED,
    OUTSIDE,
    SAME_RUNS,
    UNDECIDED,
    Calibration,
    Prediction,
    calibrate,
    check,
    predict,
)
from tracer.analysis.pinning.theories import THEORIES
from tracer.analysis.run import reader
from tracer.model.words import LINES
from tracer.report import pinning as report

PREDICTION = Prediction(12000, 11000, 13000, 5, 26000, 0.4, 42000, 7000)


def explained(
    planted: PlantedExperiment, prediction: Prediction | None = PREDICTION
) -> Explanation:
    return explain(
        planted.evidence(),
        list(planted.conditions),
        prediction,
        "thread-brigade",
        {"two nodes": "one"},
    )


def test_the_answer_in_sentences() -> None:
    assert explained(PlantedExperiment()).answer == [
        "thread-brigade is slower free to move than pinned: 24 us [23.6 us, 24.4 us] per hop free"
        " to move, 10 us [9.85 us, 10.1 us] on one CPU (2.40x [2.40, 2.40], slower in 12 of 12"
        " blocks, p 0.00049).",
        "0.40 wake-ups per hop go to another CPU; each takes 42 us until the woken thread wakes the"
        " next, one on the same CPU 7 us: that is 100 % [100, 100] of the gap.",
        "When idle CPUs poll and do not sleep, the whole gap is gone (99 % [99, 99]), though 0.30"
        " wake-ups per hop still cross: most of the cost is the sleep.",
        "When a woken thread may not push its waker off the CPU, 86 % [86, 86] of the gap is gone:"
        " that preemption is why wake-ups cross.",
        "From 5 unpinned runs alone 12 us [11 us, 13 us] per hop was predicted for one CPU"
        " (traced); 12 us was measured then, 0 % off: confirmed.",
    ]


def test_few_blocks_print_no_p() -> None:
    size = explained(PlantedExperiment(blocks=4)).answer[0]
    assert size.endswith("slower in 4 of 4 blocks).")


@pytest.mark.parametrize("blocks", [2, 4, 5, 6])
def test_from_few_blocks_nothing_is_more_than_seen_once(blocks: int) -> None:
    x = explained(PlantedExperiment(blocks=blocks))
    verdicts = {verdict.verdict for verdict in x.verdicts}
    assert x.checked is not None
    if blocks >= 6:
        assert verdicts == {"cause", "contributes", "refuted", "not tested"}
        assert x.answer[0].startswith("thread-brigade is slower") and x.checked.is_confirmed
        assert "seen once" not in " ".join(x.answer)
        return
    assert verdicts == {"seen once", "not seen", "not tested"}
    assert x.checked.verdict == "seen once" and not x.checked.is_confirmed
    assert x.answer[0].startswith("thread-brigade was slower free to move than pinned: ")
    assert x.answer[2].endswith("seen once, most of the cost is the sleep.")
    assert x.answer[-2].endswith(" % off: as predicted, seen once.")
    assert x.answer[-1] == f"All this was seen once, in {blocks} blocks; a verdict needs 6 or more."


def test_from_few_blocks_pinning_only_slowed_down() -> None:
    x = explained(PlantedExperiment(blocks=4).take(FREE, ns=6000))
    assert x.answer[0].startswith("Pinning slowed thread-brigade down: ")


def test_one_block_makes_no_claim() -> None:
    x = explained(PlantedExperiment(blocks=1))
    assert x.answer == [
        "One block cannot tell noise from difference: for thread-brigade it gave 24 us"
        " [24 us, 24 us] per hop free to move, 10 us [10 us, 10 us] on one CPU."
    ]
    assert not x.advice


def test_nothing_measured() -> None:
    x = explain(Evidence([], True, "hop"), [], None, "thread-brigade", {})
    assert x.answer == [
        "Not enough was measured: at least one block with both placements is needed."
    ]
    assert (x.steps, x.lines, x.advice, x.costs, x.checked) == ([], [], [], [], None)
    assert report.render(x, "hop").startswith(x.answer[0] + "\n")


def test_no_gap() -> None:
    x = explained(PlantedExperiment().take(FREE, ns=10100))
    assert x.answer[0].startswith("No pinning anomaly was seen for thread-brigade: ")
    assert x.answer[1] == "These runs cannot detect a difference of less than 1 %."
    assert not x.advice and all(step.recovered is None for step in x.steps)
    text = report.render(x, "hop")
    assert "No theory is judged" in text and "not tested   " not in text


def test_pinning_hurts() -> None:
    x = explained(PlantedExperiment().take(FREE, ns=6000))
    assert x.answer[0].startswith(
        "There is no pinning anomaly: pinning slows thread-brigade down: 6 us ["
    )
    assert x.answer[1] == "On one CPU its work cannot run in parallel."
    assert [a.text for a in x.advice] == ["leave it free to move"]
    assert x.advice[0].gain is not None
    assert x.advice[0].gain.median == pytest.approx(10 / 6, rel=0.01)


def test_already_under_batch_refutes_preemption() -> None:
    planted = PlantedExperiment().take(BATCH, ns=24000)
    for label in (FREE, BATCH, PINNED):
        planted.see(label, involuntary=0.0)
    x = explained(planted)
    verdict = next(v for v in x.verdicts if v.theory.number == 6)
    assert (verdict.verdict, verdict.why) == ("refuted", "preemptions 0 per hop, pinned 0")


def test_what_these_runs_cannot_tell_is_not_claimed() -> None:
    outcomes = [
        o if o.trial.traced or o.trial.condition not in (POLLING, BATCH) else
        type(o)(o.trial, {**o.result, "ns_per_unit": 9000.0 if o.trial.block % 2 else 26000.0},
                o.surroundings)
        for o in PlantedExperiment().outcomes()
    ]  # fmt: skip
    x = explain(Evidence(outcomes, True, "hop"), [], None, "thread-brigade", {})
    _size, _where, polling, batch = x.answer
    assert polling.endswith(": these runs cannot tell how much of the cost is the sleep.")
    assert batch.endswith(": these runs cannot tell whether that preemption is the reason.")
    advice = report.render(x, "hop").split("What to do")[1].split("\n\n")[0]
    assert advice.count("no certain gain (") == 2


def test_a_change_that_recovers_little_is_reported_so() -> None:
    planted = PlantedExperiment().take(POLLING, ns=20000).take(BATCH, ns=25000)
    assert explained(planted).answer[2:4] == [
        "When idle CPUs poll and do not sleep, 29 % [29, 29] of the gap is gone, though 0.30"
        " wake-ups per hop still cross: most of the cost is not the sleep.",
        "When a woken thread may not push its waker off the CPU, the gap is larger by 7 % [7, 7]:"
        " that preemption is not the main reason.",
    ]


def test_two_modes_are_named() -> None:
    outcomes = [
        o if o.trial.traced or o.trial.condition != FREE else
        type(o)(o.trial, {**o.result, "ns_per_unit": o.ns_per_unit * (1 + o.trial.block % 2)},
                o.surroundings)
        for o in PlantedExperiment().outcomes()
    ]  # fmt: skip
    x = explain(Evidence(outcomes, True, "hop"), [], None, "thread-brigade", {})
    assert x.answer[1] == (
        "Free to move it has two modes: 6 runs near 23.9 us and 6 near 48.2 us per hop."
    )


def test_steal_that_is_a_part_of_the_gap_is_in_the_answer() -> None:
    assert explained(PlantedExperiment().take(FREE, steal_ns=7000)).answer[4] == (
        "The host took the CPUs away meanwhile (steal 7 us per hop over all CPUs, pinned 0 ns, with"
        " idle CPUs polling 0 ns): that is 50 % [49, 51] of the gap."
    )


def test_what_could_not_be_run_is_one_line_for_each_reason() -> None:
    missing = {"two nodes": "one node", "SMT": "no SMT", "two caches": "one node"}
    assert report.not_tested(missing) == [
        "not tested here: two nodes; two caches (one node)",
        "not tested here: SMT (no SMT)",
    ]


# ---- the prediction ----


def unpinned(*hops: float) -> list[dict[str, Any]]:
    return [document(TracedRun(ns, crossings=0.4, cross_ns=40000)) for ns in hops]


def test_crossings_are_counted_at_the_cost_of_wake_ups_on_the_same_cpu() -> None:
    prediction = predict(unpinned(26000, 26000, 26000, 26000, 26000))
    # 0.4 crossings of 40 + 2 us at the cost of 5 + 2
    assert prediction is not None
    assert dataclasses.astuple(prediction)[:-1] == pytest.approx(
        (26000 - 0.4 * 35000, 12000, 12000, 5, 26000, 0.4, 42000, 7000)
    )
    assert prediction.same_from == SAME_RUNS


def test_what_a_thread_takes_longer_on_a_cpu_after_crossing_is_replaced_too() -> None:
    """Not only the wake-up: 0.4 crossings of 40 + 2 + 5 us at the cost of 5 + 2."""
    runs = [
        document(TracedRun(26000, crossings=0.4, cross_ns=40000, slower_ns=5000)) for _ in range(3)
    ]
    prediction = predict(runs)
    assert prediction is not None
    assert (prediction.cross_ns, prediction.same_ns) == (47000, 7000)
    assert prediction.ns == pytest.approx(26000 - 0.4 * 40000)


def test_the_predictions_interval_is_for_a_further_run() -> None:
    five = predict(unpinned(25000, 26000, 27000, 26000, 26000))
    assert five is not None
    # Student's quantile of 4 degrees of freedom, the spread of the logarithms, and of the next run
    logs = [math.log(1000 * n) for n in (11, 12, 13, 12, 12)]
    half = 2.776 * statistics.stdev(logs) * (1 + 1 / 5) ** 0.5
    assert math.log(five.high / five.ns) == pytest.approx(half, rel=1e-3)
    assert math.log(five.ns / five.low) == pytest.approx(half, rel=1e-3)


def test_no_interval_of_a_time_reaches_below_zero() -> None:
    wild = predict(unpinned(15000, 40000))
    assert wild is not None and 0 < wild.low < wild.ns < wild.high
    assert not wild.says_something
    assert predict(unpinned(13000, 40000)) is None, "crossing cannot take longer than all"


def alone(ns: float) -> dict[str, Any]:
    """An unpinned run in which no wake-up stayed on its CPU."""
    return document(TracedRun(ns, crossings=1.0, cross_ns=18000, handover_ns=7000))


def test_where_none_stayed_on_its_cpu_the_price_is_the_calibrations() -> None:
    runs = [alone(ns) for ns in (25900, 26000, 26100)]
    assert predict(runs) is None, "a price that was not seen is not made up"
    calibration = Calibration(5000, 0.05, 3)
    prediction = predict(runs, calibration)
    assert prediction is not None
    assert prediction.same_from == CALIBRATION and prediction.same_ns == 5000
    assert prediction.ns == pytest.approx(6000, rel=0.01)
    without = predict(runs, Calibration(5000, 0.0, 3))
    assert without is not None
    assert prediction.high / prediction.low > without.high / without.low, "its spread counts"
    seen = predict(unpinned(26000, 26000), calibration)
    assert seen is not None and seen.same_from == SAME_RUNS and seen.same_ns == 7000


def test_a_calibration_is_the_mean_of_its_runs() -> None:
    runs = [document(TracedRun(ns)) for ns in (4000.0, 5000.0, 6250.0)]
    calibration = calibrate(runs)
    assert calibration is not None and calibration.runs == 3
    assert calibration.ns == pytest.approx(5000, rel=1e-3)
    assert calibration.deviation == pytest.approx(math.log(1.25), rel=1e-3)
    assert calibrate([]) is None


@pytest.mark.parametrize(
    ("low", "high", "unpinned_ns", "verdict"),
    [
        (11000, 13000, 26000, CONFIRMED),
        (9000, 15000, 26000, CONFIRMED),
        (8999, 15001, 26000, UNDECIDED),  # wider than half of what it predicts
        (11000, 13000, 12900, UNDECIDED),  # holds the unpinned time too
        (11900, 11950, 26000, OUTSIDE),
        (-58600, 485000, 26000, UNDECIDED),
    ],
)
def test_only_an_interval_that_could_have_failed_confirms(
    low: float, high: float, unpinned_ns: float, verdict: str
) -> None:
    prediction = Prediction(12000, low, high, 5, unpinned_ns, 0.4, 42000, 7000)
    checked = check(prediction, [document(TracedRun(12000))] * 6)
    assert checked is not None
    assert (checked.verdict, checked.is_confirmed) == (verdict, verdict == CONFIRMED)


def test_no_prediction_without_the_probe_or_from_one_run() -> None:
    assert predict(unpinned(26000)) is None
    assert predict([document(TracedRun(26000), ("idle",))] * 3) is None


def test_where_nothing_crosses_pinning_changes_nothing() -> None:
    prediction = predict([document(TracedRun(9000.0 + n)) for n in range(3)])
    assert prediction is not None
    assert (prediction.ns, prediction.crossings) == (pytest.approx(9001), 0)


@pytest.mark.parametrize(("measured", "confirmed"), [(11000, True), (13000, True), (13100, False)])
def test_a_prediction_is_held_against_its_own_interval(measured: float, confirmed: bool) -> None:
    checked = check(PREDICTION, [document(TracedRun(measured))] * 6)
    assert checked is not None and checked.is_confirmed is confirmed
    assert checked.error == pytest.approx(12000 / measured - 1)
    last = explained(PlantedExperiment().see(PINNED, ns=measured)).answer[-1]
    verdict = "confirmed" if confirmed else "outside that interval, so NOT confirmed"
    assert last.endswith(f" % off: {verdict}.")
    assert check(PREDICTION, []) is None


# ---- sums, the report, JSON ----


def test_lines_sum_to_the_window_and_the_gap() -> None:
    planted = PlantedExperiment()
    x = explained(planted)
    documents = {label: planted.evidence().documents(label) for label in (FREE, PINNED)}
    for side, label in ((1, FREE), (2, PINNED)):
        mean = sum(reader.ns_per_unit(d) for d in documents[label]) / 12
        assert sum(line[side] for line in x.lines) == pytest.approx(mean)  # type: ignore[misc]
    evidence = planted.evidence()
    shares = [evidence.share_of_gap(line_of(name)) for name in LINES]
    assert sum(s.median for s in shares if s) == pytest.approx(1, abs=1e-6)


def test_being_pinned_recovers_the_gap_and_being_free_nothing() -> None:
    evidence = PlantedExperiment().evidence()
    for label, share in ((PINNED, 1.0), (FREE, 0.0)):
        recovered = evidence.recovered(label)
        assert recovered is not None
        assert (recovered.low, recovered.median, recovered.high) == pytest.approx([share] * 3)


def test_estimates_are_differences_in_cpu_time() -> None:
    found = dict(explained(PlantedExperiment()).costs)
    # 8.5 less 2 us; 10 less 8.5 us for 0.3 preemptions
    assert found["~ block, wake and switch, at most"].startswith("6.50 us [6.4")
    assert found["~ one preemption"].startswith("5 us [4.9")
    unsure = dict(explained(PlantedExperiment().take(PINNED_BATCH, ns=10050)).costs)
    assert unsure["~ one preemption"] == "too small to measure"
    noisy = [
        o if o.trial.traced or o.trial.condition != PINNED_BATCH else
        type(o)(o.trial, {**o.result, "rusage": {
            "user_ns": 0, "system_ns": (9500 if o.trial.block % 2 else 10500) * UNITS,
        }}, o.surroundings)
        for o in PlantedExperiment().outcomes()
    ]  # fmt: skip
    unsure = dict(costs(Evidence(noisy, True, "hop")))
    assert re.fullmatch(r"too small to measure, at most [\d.]+ us", unsure["~ one preemption"])


def test_what_other_programs_took_of_the_cpu_is_in_no_estimate() -> None:
    planted = PlantedExperiment()
    planted.take(PINNED, ns=13000, cpu_ns=10000).take(PINNED_BATCH, ns=12000, cpu_ns=8500)
    planted.take(FLOOR, ns=3000, cpu_ns=2000)
    assert costs(planted.evidence()) == costs(PlantedExperiment().evidence())


def test_without_a_known_cpu_time_there_is_no_estimate() -> None:
    outcomes = [
        type(o)(o.trial, {**o.result, "rusage": None}, o.surroundings, o.report)
        for o in PlantedExperiment().outcomes()
    ]
    assert costs(Evidence(outcomes, True, "hop")) == []


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("gap", [True, False])
def test_the_report_fits(width: int, gap: bool) -> None:
    planted = PlantedExperiment() if gap else PlantedExperiment().take(FREE, ns=10100)
    text = report.render(explained(planted), "hop", "Few blocks.", width)
    assert max(map(len, text.splitlines())) <= width
    assert "per unit" not in text
    assert "not tested here: two nodes (one)" in text
    if gap:
        for theory in THEORIES:
            assert f"{theory.number:>2}. {theory.name[:20]}" in text


def test_the_document_is_plain_data(validate_document) -> None:  # type: ignore[no-untyped-def]
    for planted in (
        PlantedExperiment(),
        PlantedExperiment(blocks=1),
        PlantedExperiment(sections=()),
        PlantedExperiment().take(FREE, ns=6000),
    ):
        x = explained(planted, PREDICTION if planted.sections else None)
        data = report.document(x, "thread-brigade", "hop", planted.blocks, {"kernel": "6"})
        assert json.loads(json.dumps(data)) == data
        assert len(data["theories"]) == len(THEORIES)
        for theory in data["theories"]:
            assert theory["tested"] is (theory["verdict"] != "not tested")
        validate_document(data)


@pytest.mark.parametrize(("blocks", "heading"), [(4, "min to max"), (5, "95 %  ")])
def test_the_interval_is_called_what_it_is(blocks: int, heading: str) -> None:
    x = explained(PlantedExperiment(blocks=blocks))
    assert x.blocks == blocks
    assert any(
        line.startswith("us per hop") and "median" in line and heading in line
        for line in report.render(x, "hop").splitlines()
    )
