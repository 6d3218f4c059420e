"""The pinning experiment explained: the answer in sentences, the evidence, the verdicts, advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis.pinning import evidence as e
from tracer.analysis.pinning import signals
from tracer.analysis.pinning.evidence import Evidence
from tracer.analysis.pinning.prediction import Prediction, Tested, test_against
from tracer.analysis.pinning.theories import (
    CAUSE,
    CONTRIBUTES,
    REFUTED,
    STEAL,
    THEORIES,
    Verdict,
    judge,
)
from tracer.analysis.pinning.wording import gone, percent, times
from tracer.analysis.run import document as doc
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.modes import find_modes
from tracer.model.words import LINES
from tracer.units import duration, rate


@dataclass(frozen=True)
class Step:
    """One condition: ns per unit, what it recovers of the gap, counts per unit; None: unknown."""

    label: str
    ns: Interval
    recovered: Interval | None
    crossings: float | None
    involuntary: float | None
    interrupts: float | None


@dataclass(frozen=True)
class Advice:
    """Something to do, and how many times as fast it was here (None: not tried)."""

    text: str
    gain: Interval | None


@dataclass(frozen=True)
class Explanation:
    """Everything `tracer explain pinning` says."""

    answer: Sequence[str]
    steps: Sequence[Step]
    lines: Sequence[tuple[str, float, float]]
    verdicts: Sequence[Verdict]
    tested: Tested | None
    advice: Sequence[Advice]
    missing: Mapping[str, str]
    costs: Sequence[tuple[str, str]]


def _step(found: Evidence, label: str, ns: Interval) -> Step:
    def value(of: Interval | None) -> float | None:
        return None if of is None else of.median

    same_work = label not in (
        e.FREE, e.PINNED, e.FLOOR, e.MEMORY, e.MEMORY_PINNED, e.PROCESSES, e.PROCESSES_PINNED
    )  # fmt: skip
    return Step(
        label,
        ns,
        found.recovered(label) if same_work and found.has_gap else None,
        value(found.measured(label, e.crossings)),
        value(found.measured(label, e.count_of("of them involuntary"))),
        value(found.measured(label, e.interrupts_sent)),
    )


def _size(found: Evidence, name: str) -> list[str]:
    ratio, free, pinned = found.ratio, found.ns(e.FREE), found.ns(e.PINNED)
    if ratio is None or free is None or pinned is None:
        return [
            "Not enough was measured to say anything: one block with both placements is needed."
        ]
    both = f"{times(free)} per {found.unit} free to move, {times(pinned)} on one CPU"
    if ratio.blocks == 1:
        return [f"One block cannot tell noise from difference: for {name} it gave {both}."]
    p = f", p {ratio.p:.2g}" if ratio.is_enough else ""
    numbers = (
        f"({ratio.median:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}], slower in {ratio.slower} of"
        f" {ratio.blocks} blocks{p})"
    )
    if found.has_gap:
        return [f"{name} is slower free to move than pinned: {both} {numbers}.", *_modes(found)]
    if found.is_reversed:
        return [
            f"There is no pinning anomaly: pinning hurts {name}: {both} {numbers}.",
            "On one CPU its work cannot go on side by side: parallelism is lost.",
        ]
    missed = max(ratio.high, 1 / ratio.low) - 1
    return [
        f"No pinning anomaly was seen for {name}: {both} {numbers}.",
        f"A difference of up to {100 * missed:.0f} % would not have been noticed in these runs.",
    ]


def _modes(found: Evidence) -> list[str]:
    modes = find_modes([o.ns_per_unit for o in found.untraced(e.FREE)])
    if modes is None:
        return []
    return [
        f"Free to move it has two ways of running: {modes.low_count} runs near"
        f" {duration(modes.low)} and {modes.high_count} near {duration(modes.high)} per"
        f" {found.unit}."
    ]


def _where(found: Evidence) -> list[str]:
    """What crossing costs, in the unpinned runs; else the line of the path with most of the gap."""
    signal = signals.crossing(found)
    if signal is not None and signal.present and signal.share is not None:
        text = signal.text[0].upper() + signal.text[1:]
        return [f"{text}: that is {percent(signal.share)} of the gap."]
    shares = {
        name: share for name in LINES if (share := found.share_of_gap(e.line_of(name))) is not None
    }
    if not shares:
        return []
    name = max(shares, key=lambda n: shares[n].median)
    return [f"{percent(shares[name])} of the gap is this: {LINES[name].lstrip('~ ')}."]


def _knobs(found: Evidence) -> list[str]:
    """What polling (the price) and the preemption (the reason) say together."""
    polling, batch = found.recovered(e.POLLING), found.recovered(e.BATCH)
    lines = []
    if polling is not None:
        count = found.measured(e.POLLING, e.crossings)
        still = (
            f", though {rate(count.median)} wake-ups per {found.unit} still cross"
            if count and count.median > 0.01
            else ""
        )
        so = _half(
            polling,
            "most of the price is the sleep",
            "most of the price is not the sleep",
            "how much of the price is the sleep these runs cannot tell",
        )
        lines.append(f"When idle CPUs poll and do not sleep, {gone(polling)}{still}: {so}.")
    if batch is not None:
        so = _half(
            batch,
            "that preemption is why wake-ups cross",
            "that preemption is not the main reason",
            "whether that preemption is the reason these runs cannot tell",
        )
        lines.append(
            f"When a woken thread may not push its waker off the CPU, {gone(batch)}: {so}."
        )
    return lines


def _host(verdicts: Sequence[Verdict]) -> list[str]:
    """A host that takes CPUs away is not the program's doing, and must not be kept quiet."""
    return [
        f"The host took the CPUs away meanwhile ({v.signal.text}): that is"
        f" {percent(v.signal.share)} of the gap."
        for v in verdicts
        if v.theory.number == STEAL and v.verdict == CONTRIBUTES and v.signal and v.signal.share
    ]


def _half(share: Interval, more: str, less: str, unknown: str) -> str:
    """Is it surely more than half, surely less, or neither?"""
    return more if share.low > 0.5 else less if share.high < 0.5 else unknown


def _predicted(tested: Tested | None, unit: str) -> list[str]:
    if tested is None:
        return []
    p = tested.prediction
    word = "confirmed" if tested.is_confirmed else "outside that interval, so NOT confirmed"
    return [
        f"From {p.runs} unpinned runs alone {duration(p.ns)} [{duration(p.low)},"
        f" {duration(p.high)}] per {unit} was predicted for one CPU (traced);"
        f" {duration(tested.measured_ns)} was measured then, {100 * abs(tested.error):.0f} % off:"
        f" {word}."
    ]


def _advice(found: Evidence) -> list[Advice]:
    def gain(first: str, second: str) -> Interval | None:
        return found.blocks.combined(first, second, lambda a, b: a / b)

    if found.is_reversed:
        advice = [("leave it free to move", gain(e.PINNED, e.FREE))]
    elif found.has_gap:
        advice = [
            ("pin it to one CPU (taskset -c N)", gain(e.FREE, e.PINNED)),
            ("hold /dev/cpu_dma_latency at 0 (idle CPUs then poll)",
             gain(e.FREE, e.POLLING)),
            ("start it under SCHED_BATCH (chrt --batch 0)", gain(e.FREE, e.BATCH)),
        ]  # fmt: skip
    else:
        advice = []
    return [Advice(text, by) for text, by in advice if by is not None]


def _costs(found: Evidence) -> list[tuple[str, str]]:
    """Estimates (~) of single mechanisms, each a difference with its interval."""
    rows = []
    switch = found.blocks.combined(e.PINNED_BATCH, e.FLOOR, lambda a, b: a - b)
    if switch is not None:
        rows.append(("~ block, wake and switch, at most", f"{times(switch)} per {found.unit}"))
    per = found.measured(e.PINNED, e.count_of("of them involuntary"))
    other = found.measured(e.PINNED_BATCH, e.count_of("of them involuntary"))
    saved = found.blocks.combined(e.PINNED, e.PINNED_BATCH, lambda a, b: a - b)
    if saved is not None and per is not None and other is not None:
        fewer = per.median - other.median
        if fewer > 0.02:
            each = Interval(*(v / fewer for v in (saved.median, saved.low, saved.high)))
            unsure = f"not told from nothing, at most {duration(max(each.high, 0.0))}"
            rows.append(("~ one preemption", times(each) if each.low > 0 else unsure))
    return rows


def explain(
    found: Evidence,
    labels: Sequence[str],
    prediction: Prediction | None,
    name: str,
    missing: Mapping[str, str],
) -> Explanation:
    """All of it. `labels` in the order to show them; `missing`: what could not be run, and why."""
    verdicts = [judge(theory, found) for theory in THEORIES]
    tested = test_against(prediction, found.documents(e.PINNED)) if prediction else None
    answer = _size(found, name)
    if found.has_gap:
        answer += [*_where(found), *_knobs(found), *_host(verdicts)]
        answer += _predicted(tested, found.unit)
    free, pinned = found.documents(e.FREE), found.documents(e.PINNED)
    lines = []
    if free and pinned:
        a, b = ([doc.wall_lines(d) for d in side] for side in (free, pinned))
        lines = [
            (LINES[line], sum(x[line] for x in a) / len(a), sum(y[line] for y in b) / len(b))
            for line in LINES
        ]
    order = {CAUSE: 0, CONTRIBUTES: 1, REFUTED: 2}
    return Explanation(
        answer=answer,
        steps=[_step(found, label, ns) for label in labels if (ns := found.ns(label))],
        lines=lines,
        verdicts=sorted(verdicts, key=lambda v: order.get(v.verdict, 3)),
        tested=tested,
        advice=_advice(found),
        missing=missing,
        costs=_costs(found),
    )
