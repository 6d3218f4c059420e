"""The answer of the pinning experiment in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from tracer.analysis.pinning import signals
from tracer.analysis.pinning.conditions import BATCH, FREE, PINNED, POLLING, SLEEPLESS, SPINNERS
from tracer.analysis.pinning.evidence import Evidence, line_of
from tracer.analysis.pinning.manipulations import first_that_acted, no_effect
from tracer.analysis.pinning.prediction import (
    AGREED_ONCE,
    CONFIRMED,
    OUTSIDE,
    SAME_RUNS,
    UNDECIDED,
    CheckedPrediction,
)
from tracer.analysis.pinning.theories import CONTRIBUTES, SEEN_ONCE, STEAL, Verdict
from tracer.analysis.pinning.wording import gone
from tracer.analysis.run import reader
from tracer.analysis.statistics.intervals import FEWEST_FOR_VERDICT, Interval
from tracer.analysis.statistics.modes import find_modes
from tracer.analysis.statistics.wording import duration_text, ratio_text, share_text
from tracer.model.words import LINES, in_prose
from tracer.units import counted, duration, rate

#: The conditions that keep idle CPUs from sleeping, in a sentence.
_SLEEPLESS = {
    POLLING: "idle CPUs poll and do not sleep",
    SPINNERS: "other threads keep every CPU from sleeping",
}
_CHECKED = {
    CONFIRMED: "confirmed",
    AGREED_ONCE: "as predicted, seen once",
    OUTSIDE: "outside that interval, so NOT confirmed",
    UNDECIDED: "inside, but an interval so wide confirms nothing",
}


def answer(
    evidence: Evidence, name: str, verdicts: Sequence[Verdict], checked: CheckedPrediction | None
) -> list[str]:
    """The size of the gap in the workload `name`, then what it is made of, if there is one."""
    if not evidence.has_gap:
        return _size(evidence, name)
    return [
        *_size(evidence, name),
        *_where(evidence),
        *_interventions(evidence),
        *_steal(verdicts),
        *_predicted(checked, evidence.unit),
        *_once(evidence),
    ]


def _once(evidence: Evidence) -> list[str]:
    """What was seen in few blocks may be gone in the next ones."""
    if not evidence.has_few_blocks:
        return []
    return [
        f"All this was seen once, in {counted(evidence.blocks.fewest, 'block')}; a verdict needs"
        f" {FEWEST_FOR_VERDICT} or more."
    ]


def _size(evidence: Evidence, name: str) -> list[str]:
    """How large the gap is, or that there is none."""
    ratio, free, pinned = evidence.ratio, evidence.ns(FREE), evidence.ns(PINNED)
    if ratio is None or free is None or pinned is None:
        return ["Not enough was measured: at least one block with both placements is needed."]
    both = (
        f"{duration_text(free)} per {evidence.unit} free to move, {duration_text(pinned)} on one"
        " CPU"
    )
    if ratio.blocks == 1:
        return [f"One block cannot tell noise from difference: for {name} it gave {both}."]
    p = f", p {ratio.p:.2g}" if ratio.is_enough else ""
    numbers = f"({ratio_text(ratio)}, slower in {ratio.slower} of {ratio.blocks} blocks{p})"
    if evidence.has_gap:
        is_slower = "was" if evidence.has_few_blocks else "is"
        size = f"{name} {is_slower} slower free to move than pinned: {both} {numbers}."
        return [size, *_modes(evidence)]
    if evidence.is_reversed:
        if evidence.has_few_blocks:
            return [f"Pinning slowed {name} down: {both} {numbers}.", *_once(evidence)]
        return [
            f"There is no pinning anomaly: pinning slows {name} down: {both} {numbers}.",
            "On one CPU its work cannot run in parallel.",
        ]
    undetected = max(ratio.high, 1 / ratio.low) - 1
    return [
        f"No pinning anomaly was seen for {name}: {both} {numbers}.",
        f"These runs cannot detect a difference of less than {100 * undetected:.0f} %.",
    ]


def _modes(evidence: Evidence) -> list[str]:
    modes = find_modes([outcome.ns_per_unit for outcome in evidence.untraced(FREE)])
    if modes is None:
        return []
    return [
        f"Free to move it has two modes: {counted(modes.low_count, 'run')} near"
        f" {duration(modes.low)} and {modes.high_count} near {duration(modes.high)} per"
        f" {evidence.unit}."
    ]


def _where(evidence: Evidence) -> list[str]:
    """What crossing costs, in the unpinned runs; else the line of the path with most of the gap."""
    signal = signals.crossing(evidence)
    if signal is not None and signal.present and signal.share is not None:
        text = signal.text[0].upper() + signal.text[1:]
        return [f"{text}: that is {share_text(signal.share)} of the gap."]
    shares = {
        name: share for name in LINES if (share := evidence.share_of_gap(line_of(name))) is not None
    }
    if not shares:
        return []
    name = max(shares, key=lambda line: shares[line].median)
    return [f"{share_text(shares[name])} of the gap is this: {in_prose(name)}."]


def _interventions(evidence: Evidence) -> list[str]:
    """What CPUs that do not sleep (what crossing costs) and SCHED_BATCH (why threads cross)
    show."""
    return [*_without_sleep(evidence), *_without_preemption(evidence)]


def _without_sleep(evidence: Evidence) -> list[str]:
    sentences = []
    if evidence.recovered(POLLING) is not None and (why := no_effect(evidence, POLLING)):
        sentences.append(f"Asking that idle CPUs poll {why}.")
    knob = first_that_acted(evidence, SLEEPLESS)
    recovered = evidence.recovered(knob) if knob else None
    if knob is None or recovered is None:
        return sentences
    count = evidence.measured(knob, reader.crossings)
    still = (
        f", though {rate(count.median)} wake-ups per {evidence.unit} still cross"
        if count and count.median > 0.01
        else ""
    )
    conclusion = _half(
        recovered,
        "most of the cost is the sleep",
        "most of the cost is not the sleep",
        "these runs cannot tell how much of the cost is the sleep",
        once=evidence.has_few_blocks,
    )
    sentences.append(f"When {_SLEEPLESS[knob]}, {gone(recovered)}{still}: {conclusion}.")
    return sentences


def _without_preemption(evidence: Evidence) -> list[str]:
    batch = evidence.recovered(BATCH)
    if batch is None:
        return []
    why = no_effect(evidence, BATCH)
    if why is not None:
        return [f"Forbidding that a woken thread pushes its waker off the CPU {why}."]
    conclusion = _half(
        batch,
        "that preemption is why wake-ups cross",
        "that preemption is not the main reason",
        "these runs cannot tell whether that preemption is the reason",
        once=evidence.has_few_blocks,
    )
    return [f"When a woken thread may not push its waker off the CPU, {gone(batch)}: {conclusion}."]


def _half(share: Interval, more: str, less: str, unknown: str, *, once: bool) -> str:
    """Is it certainly more than half, certainly less, or neither? `once`: in few blocks."""
    if not share.low > 0.5 and not share.high < 0.5:
        return unknown
    return ("seen once, " if once else "") + (more if share.low > 0.5 else less)


def _steal(verdicts: Sequence[Verdict]) -> list[str]:
    """Steal that is a part of the gap is none of the program's doing, and the answer says so."""
    return [
        f"The host took the CPUs away meanwhile ({verdict.signal.text}): that is"
        f" {share_text(verdict.signal.share)} of the gap."
        for verdict in verdicts
        if verdict.theory.number == STEAL
        and verdict.verdict in (CONTRIBUTES, SEEN_ONCE)
        and verdict.signal
        and verdict.signal.share
    ]


def _predicted(checked: CheckedPrediction | None, unit: str) -> list[str]:
    if checked is None:
        return []
    prediction = checked.prediction
    interval = Interval(prediction.ns, prediction.low, prediction.high)
    source = (
        f"From {counted(prediction.runs, 'unpinned run')} alone"
        if prediction.same_from == SAME_RUNS
        else f"From {counted(prediction.runs, 'unpinned run')} and a calibration (two threads on"
        " one CPU)"
    )
    return [
        f"{source} {duration_text(interval)} per"
        f" {unit} was predicted for one CPU (traced); {duration(checked.measured_ns)} was measured"
        f" then, {100 * abs(checked.error):.0f} % off: {_CHECKED[checked.verdict]}."
    ]
