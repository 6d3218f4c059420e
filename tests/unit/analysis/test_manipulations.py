"""A change that did nothing is no evidence; one that acted is. With the facts of two machines."""

from __future__ import annotations

import pytest
from harness import sixteen_cpus
from harness.explained import PlantedExperiment

from tracer.analysis.pinning.answer import Explanation, explain
from tracer.analysis.pinning.conditions import (
    BATCH,
    FREE,
    MEMORY,
    PINNED,
    PINNED_BATCH,
    POLLING,
    PROCESSES,
    SPINNERS,
)
from tracer.analysis.pinning.manipulations import no_effect
from tracer.analysis.pinning.prediction import CONFIRMED, predict
from tracer.report import pinning as report

NOTHING_ASKS = "had no effect here: no idle driver asks for the latency"


@pytest.mark.parametrize(
    "label", [FREE, PINNED, POLLING, BATCH, PINNED_BATCH, SPINNERS, PROCESSES, MEMORY]
)
def test_on_the_planted_machine_every_change_acts(label: str) -> None:
    assert no_effect(PlantedExperiment().evidence(), label) is None


def test_polling_must_end_the_sleep_and_the_interrupts() -> None:
    planted = PlantedExperiment().see(POLLING, interrupts=0.35)
    assert no_effect(planted.evidence(), POLLING) == (
        "had no effect here: wake-ups that met a sleeping CPU 0.35 per hop, without it 0.40 per hop"
    )
    planted.host = {"idle": "none, menu"}
    assert no_effect(planted.evidence(), POLLING) == NOTHING_ASKS


def test_spinners_must_end_the_idle_time() -> None:
    planted = PlantedExperiment().see(SPINNERS, asleep=0.3)
    assert no_effect(planted.evidence(), SPINNERS) == (
        "had no effect here: CPU time spent asleep 30.0 %, without it 40.0 %"
    )


def test_batch_must_end_preemption_and_pinning_the_crossings() -> None:
    planted = PlantedExperiment().see(BATCH, involuntary=0.3).see(PINNED, crossings=0.4)
    assert no_effect(planted.evidence(), BATCH) == (
        "had no effect here: involuntary switches 0.30 per hop, without it 0.30 per hop"
    )
    assert (no_effect(planted.evidence(), PINNED) or "").startswith("had no effect here: wake-ups")


def test_where_there_was_nothing_to_take_away_taking_it_away_shows_nothing() -> None:
    planted = PlantedExperiment().see(FREE, involuntary=0.0)
    assert no_effect(planted.evidence(), BATCH) == (
        "had no effect here: nothing to take away, involuntary switches 0 per hop without it"
    )


def test_without_the_probe_nobody_knows_whether_it_acted() -> None:
    planted = PlantedExperiment(sections=("sched",))
    assert (no_effect(planted.evidence(), POLLING) or "").startswith("no traced run tells")


def test_what_did_not_act_is_no_evidence_for_or_against() -> None:
    """Polling that did nothing and took as long as without it refutes nothing."""
    planted = PlantedExperiment().see(POLLING, interrupts=0.4).take(POLLING, ns=24000)
    verdicts = {v.theory.number: v for v in _explained(planted).verdicts}
    assert {verdicts[n].knob for n in (2, 3, 4, 5)} == {SPINNERS}
    assert verdicts[3].verdict == "cause", verdicts[3].why
    planted.without(SPINNERS)
    verdicts = {v.theory.number: v for v in _explained(planted).verdicts}
    for number in (2, 3, 5):
        assert verdicts[number].verdict == "not tested"
        assert verdicts[number].recovered is None
        assert "could not be switched off here (idle CPUs polling had no" in verdicts[number].why


def test_a_change_without_effect_is_no_advice_and_has_no_share() -> None:
    planted = PlantedExperiment().see(POLLING, interrupts=0.4).see(BATCH, involuntary=0.3)
    x = _explained(planted)
    assert [a.text for a in x.advice] == ["pin it to one CPU (taskset -c N)"]
    steps = {step.label: step for step in x.steps}
    assert steps[POLLING].recovered is steps[BATCH].recovered is None
    assert steps[PINNED_BATCH].recovered is not None
    text = report.render(x, "hop")
    assert "idle CPUs polling had no effect here: wake-ups that met a sleeping CPU" in text
    answer = " ".join(x.answer)
    assert "Asking that idle CPUs poll had no effect here" in answer
    assert "When other threads keep every CPU from sleeping" in answer
    assert "Forbidding that a woken thread pushes its waker off the CPU had no effect" in answer


def _explained(planted: PlantedExperiment) -> Explanation:
    return explain(planted.evidence(), list(planted.conditions), None, "thread-brigade", {})


# ---- the facts of a machine of 16 CPUs ----


@pytest.fixture(scope="module")
def sixteen() -> Explanation:
    return sixteen_cpus.recorded().explained()


def test_on_16_cpus_placement_is_the_cause_and_polling_is_no_evidence(sixteen: Explanation) -> None:
    x = sixteen
    verdicts = {v.theory.number: v for v in x.verdicts}
    assert verdicts[8].verdict == "cause", verdicts[8].why
    assert {n: verdicts[n].verdict for n in (1, 3)} == {1: "cause", 3: "cause"}
    assert verdicts[4].verdict == "contributes" and verdicts[4].knob == SPINNERS
    assert verdicts[9].verdict == "contributes", "a quarter of the gap lies on the CPU"
    assert {verdicts[n].verdict for n in (7, 19)} == {"not tested"}, "not measured there"
    steps = {step.label: step for step in x.steps}
    assert steps[POLLING].no_effect == NOTHING_ASKS and steps[POLLING].recovered is None
    assert steps[SPINNERS].no_effect is None
    assert any("none stayed on its CPU, where by the calibration one takes 4.50 us" in sentence
               for sentence in x.answer)  # fmt: skip
    assert f"Asking that idle CPUs poll {NOTHING_ASKS}." in x.answer


def test_on_16_cpus_guest_polling_is_advised_and_not_tried(sixteen: Explanation) -> None:
    advice = {a.text.split(" (")[0]: a.gain for a in sixteen.advice}
    assert list(advice) == [
        "pin it to one CPU", "let idle CPUs poll for a moment before they sleep"
    ]  # fmt: skip
    assert advice["let idle CPUs poll for a moment before they sleep"] is None
    assert "  not tried: let idle CPUs poll" in report.render(sixteen, "hop")


def test_on_16_cpus_the_pinned_time_is_predicted_from_the_calibration(sixteen: Explanation) -> None:
    checked = sixteen.checked
    assert checked is not None
    assert checked.prediction.same_from == "calibration"
    assert abs(checked.prediction.ns / 5160 - 1) < 0.25, "traced"
    assert abs(checked.prediction.ns / 3820 - 1) < 0.25, "untraced"
    assert checked.verdict == CONFIRMED


def test_on_16_cpus_without_a_calibration_nothing_is_made_up() -> None:
    planted = sixteen_cpus.experiment()
    assert predict(sixteen_cpus.first_runs()) is None
    x = _explained(planted)
    verdicts = {v.theory.number: v for v in x.verdicts}
    assert verdicts[8].verdict == "not tested" and verdicts[8].why == "nothing measures its share"
    assert verdicts[8].signal is not None
    assert verdicts[8].signal.text.endswith("none was seen on the same CPU to compare with")
    assert x.checked is None
