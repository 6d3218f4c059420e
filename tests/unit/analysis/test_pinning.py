"""The explanation of made-up experiments: answers, prediction, sums, the report's width, JSON."""

from __future__ import annotations

import json
from typing import Any

import pytest
from harness.explained import Seen, Told, document

from tracer.analysis.pinning import evidence as e
from tracer.analysis.pinning.answer import Explanation, explain
from tracer.analysis.pinning.prediction import Prediction, predict, test_against
from tracer.analysis.pinning.theories import THEORIES
from tracer.analysis.run import document as doc
from tracer.model.words import LINES
from tracer.report import pinning as report

PREDICTION = Prediction(12000, 11000, 13000, 5, 26000, 0.4, 42000, 7000)


def explained(told: Told, prediction: Prediction | None = PREDICTION) -> Explanation:
    return explain(
        told.evidence(), list(told.made), prediction, "thread-brigade", {"two nodes": "one"}
    )


def test_the_answer_tells_the_story_in_its_numbers() -> None:
    size, where, polling, batch, predicted = explained(Told()).answer
    assert size.startswith("thread-brigade is slower free to move than pinned: 24 us [")
    assert "per hop free to move" in size and "2.40x" in size and "slower in 12 of 12" in size
    assert "p 0.00049" in size
    assert where.startswith("0.40 wake-ups per hop go to another CPU; each takes 42 us until")
    assert "one on the same CPU 7 us" in where and "100 % [" in where
    assert "the whole gap is gone (99 %" in polling and "though 0.30 wake-ups" in polling
    assert polling.endswith("most of the price is the sleep.")
    assert "86 % [" in batch and batch.endswith("why wake-ups cross.")
    assert predicted.endswith(": confirmed.") and "From 5 unpinned runs alone 12 us" in predicted


def test_few_blocks_print_no_p() -> None:
    size = explained(Told(blocks=4)).answer[0]
    assert "slower in 4 of 4 blocks)" in size and ", p " not in size


def test_one_block_makes_no_claim() -> None:
    x = explained(Told(blocks=1))
    assert x.answer == [
        "One block cannot tell noise from difference: for thread-brigade it gave 24 us"
        " [24 us, 24 us] per hop free to move, 10 us [10 us, 10 us] on one CPU."
    ]
    assert not x.advice


def test_nothing_measured() -> None:
    found = e.Evidence([], True, "hop")
    x = explain(found, [], None, "thread-brigade", {})
    assert x.answer[0].startswith("Not enough was measured")
    assert report.render(x, "hop")


def test_no_gap() -> None:
    x = explained(Told().take(e.FREE, ns=10100))
    assert x.answer[0].startswith("No pinning anomaly was seen for thread-brigade: ")
    assert x.answer[1] == ("A difference of up to 1 % would not have been noticed in these runs.")
    assert not x.advice and all(step.recovered is None for step in x.steps)
    text = report.render(x, "hop")
    assert "No theory is judged" in text and "not tested   " not in text


def test_pinning_hurts() -> None:
    x = explained(Told().take(e.FREE, ns=6000))
    assert x.answer[0].startswith("There is no pinning anomaly: pinning hurts thread-brigade: ")
    assert "parallelism is lost" in x.answer[1]
    assert [a.text for a in x.advice] == ["leave it free to move"]
    assert x.advice[0].gain is not None
    assert x.advice[0].gain.median == pytest.approx(10 / 6, rel=0.01)


def test_already_under_batch_refutes_preemption() -> None:
    told = Told().take(e.BATCH, ns=24000)
    for label in (e.FREE, e.BATCH, e.PINNED):
        told.see(label, involuntary=0.0)
    x = explained(told)
    verdict = next(v for v in x.verdicts if v.theory.number == 6)
    assert (verdict.verdict, verdict.why) == ("refuted", "preemptions 0 per hop, pinned 0")


def test_what_these_runs_cannot_tell_is_not_claimed() -> None:
    outcomes = [
        o if o.trial.traced or o.trial.condition not in (e.POLLING, e.BATCH) else
        type(o)(o.trial, {**o.result, "ns_per_unit": 9000.0 if o.trial.block % 2 else 26000.0},
                o.surroundings)
        for o in Told().outcomes()
    ]  # fmt: skip
    x = explain(e.Evidence(outcomes, True, "hop"), [], None, "thread-brigade", {})
    text = " ".join(x.answer)
    assert "how much of the price is the sleep these runs cannot tell" in text
    assert "whether that preemption is the reason these runs cannot tell" in text
    advice = report.render(x, "hop").split("What to do")[1].split("\n\n")[0]
    assert advice.count("no sure gain (") == 2


def test_a_change_that_recovers_little_is_said_to() -> None:
    text = " ".join(explained(Told().take(e.POLLING, ns=20000).take(e.BATCH, ns=25000)).answer)
    assert "29 % [29, 29] of the gap is gone" in text
    assert "most of the price is not the sleep" in text
    assert "the gap is larger by 7 %" in text and "not the main reason" in text


def test_two_ways_of_running_are_told() -> None:
    outcomes = [
        o if o.trial.traced or o.trial.condition != e.FREE else
        type(o)(o.trial, {**o.result, "ns_per_unit": o.ns_per_unit * (1 + o.trial.block % 2)},
                o.surroundings)
        for o in Told().outcomes()
    ]  # fmt: skip
    x = explain(e.Evidence(outcomes, True, "hop"), [], None, "thread-brigade", {})
    assert x.answer[1].startswith("Free to move it has two ways of running: 6 runs near 2")


def test_a_host_that_takes_the_cpus_away_is_told() -> None:
    text = " ".join(explained(Told().take(e.FREE, steal_ns=7000)).answer)
    assert (
        "The host took the CPUs away meanwhile (steal 7 us per hop over all CPUs, pinned 0 ns"
        in text
    )


def test_what_could_not_be_run_is_one_line_for_each_reason() -> None:
    missing = {"two nodes": "one node", "SMT": "no SMT", "two caches": "one node"}
    assert report.not_tested(missing) == [
        "not tested here: two nodes; two caches (one node)",
        "not tested here: SMT (no SMT)",
    ]


# ---- the prediction ----


def unpinned(*hops: float) -> list[dict[str, Any]]:
    return [document(Seen(ns, crossings=0.4, cross_ns=40000)) for ns in hops]


def test_crossings_are_counted_at_the_price_of_wake_ups_on_the_same_cpu() -> None:
    made = predict(unpinned(26000, 26000, 26000, 26000, 26000))
    assert made is not None
    # 0.4 crossings of 40 + 2 us at the price of 5 + 2
    assert made.ns == pytest.approx(26000 - 0.4 * 35000)
    assert (made.low, made.high) == pytest.approx((12000, 12000))
    assert (made.crossings, made.cross_ns, made.same_ns) == pytest.approx((0.4, 42000, 7000))


def test_the_predictions_interval_is_for_a_further_run() -> None:
    made = predict(unpinned(25000, 26000, 27000, 26000, 26000))
    assert made is not None
    # Student's quantile of 4 degrees of freedom, the spread of 5 runs, and of the next one
    half = 2.776 * (2 / 4) ** 0.5 * 1000 * (1 + 1 / 5) ** 0.5
    assert made.high - made.ns == pytest.approx(half, rel=1e-3)
    two = predict(unpinned(25000, 27000))
    assert two is not None
    assert two.high - two.ns == pytest.approx(12.706 * 2**0.5 * 1000 * 1.5**0.5, rel=1e-3)


def test_no_prediction_without_the_probe_or_from_one_run() -> None:
    assert predict(unpinned(26000)) is None
    assert predict([document(Seen(26000), ("idle",))] * 3) is None


def test_where_nothing_crosses_pinning_changes_nothing() -> None:
    made = predict([document(Seen(9000.0 + n)) for n in range(3)])
    assert made is not None and made.ns == pytest.approx(9001)


@pytest.mark.parametrize(("measured", "confirmed"), [(11000, True), (13000, True), (13100, False)])
def test_a_prediction_is_held_against_its_own_interval(measured: float, confirmed: bool) -> None:
    found = test_against(PREDICTION, [document(Seen(measured))])
    assert found is not None and found.is_confirmed is confirmed
    assert found.error == pytest.approx(12000 / measured - 1)
    told = Told().see(e.PINNED, ns=measured)
    last = explained(told).answer[-1]
    assert ("NOT confirmed" in last) is not confirmed
    assert test_against(PREDICTION, []) is None


test_against.__test__ = False  # type: ignore[attr-defined]


# ---- sums, the report, JSON ----


def test_lines_sum_to_the_window_and_the_gap() -> None:
    told = Told()
    x = explained(told)
    documents = {label: told.evidence().documents(label) for label in (e.FREE, e.PINNED)}
    for side, label in ((1, e.FREE), (2, e.PINNED)):
        mean = sum(doc.ns_per_unit(d) for d in documents[label]) / 12
        assert sum(line[side] for line in x.lines) == pytest.approx(mean)  # type: ignore[misc]
    found = told.evidence()
    shares = [found.share_of_gap(e.line_of(name)) for name in LINES]
    assert sum(s.median for s in shares if s) == pytest.approx(1, abs=1e-6)


def test_being_pinned_recovers_the_gap_and_being_free_nothing() -> None:
    found = Told().evidence()
    for label, share in ((e.PINNED, 1.0), (e.FREE, 0.0)):
        recovered = found.recovered(label)
        assert recovered is not None
        assert (recovered.low, recovered.median, recovered.high) == pytest.approx([share] * 3)


def test_estimates_are_differences_with_intervals() -> None:
    costs = dict(explained(Told()).costs)
    assert costs["~ block, wake and switch, at most"].startswith("6.50 us [")
    assert costs["~ block, wake and switch, at most"].endswith("per hop")
    assert costs["~ one preemption"].startswith("5 us [")
    unsure = dict(explained(Told().take(e.PINNED_BATCH, ns=10050)).costs)
    assert unsure["~ one preemption"].startswith("not told from nothing, at most ")


@pytest.mark.parametrize("width", [60, 100])
@pytest.mark.parametrize("gap", [True, False])
def test_the_report_fits(width: int, gap: bool) -> None:
    told = Told() if gap else Told().take(e.FREE, ns=10100)
    text = report.render(explained(told), "hop", "Few blocks.", width)
    assert max(map(len, text.splitlines())) <= width
    assert "per unit" not in text
    assert "not tested here: two nodes (one)" in text
    if gap:
        for theory in THEORIES:
            assert f"{theory.number:>2}. {theory.name[:20]}" in text


def test_the_document_is_plain_data(validate_document) -> None:  # type: ignore[no-untyped-def]
    for told in (Told(), Told(blocks=1), Told(sections=()), Told().take(e.FREE, ns=6000)):
        x = explained(told, PREDICTION if told.sections else None)
        made = report.document(x, "thread-brigade", "hop", told.blocks, {"kernel": "6"})
        assert json.loads(json.dumps(made)) == json.loads(json.dumps(made)) == made
        assert len(made["theories"]) == len(THEORIES)
        for theory in made["theories"]:
            assert theory["tested"] is (theory["verdict"] != "not tested")
        validate_document(made)
