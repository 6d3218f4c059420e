"""The pinning experiment explained: the answer in sentences, the evidence, the verdicts, advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis import document as doc
from tracer.analysis import evidence as e
from tracer.analysis.evidence import Evidence
from tracer.analysis.prediction import Prediction, Tested, test_against
from tracer.analysis.statistics import Interval
from tracer.analysis.theories import CAUSE, CONTRIBUTES, REFUTED, THEORIES, Verdict, judge
from tracer.units import duration


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


def _times(i: Interval) -> str:
    return f"{duration(i.median)} [{duration(i.low)}, {duration(i.high)}]"


def _percent(i: Interval) -> str:
    return f"{100 * i.median:.0f} %"


def _size(found: Evidence, name: str, unit: str) -> list[str]:
    ratio, free, pinned = found.ratio, found.ns(e.FREE), found.ns(e.PINNED)
    if ratio is None or free is None or pinned is None:
        return [
            "Not enough was measured to say anything: one block with both placements is needed."
        ]
    numbers = (
        f"({ratio.median:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}], {ratio.blocks} blocks,"
        f" p {ratio.p:.2g})"
    )
    both = f"{_times(free)} per {unit} free to move, {_times(pinned)} on one CPU"
    if found.has_gap:
        return [f"{name} is slower free to move than pinned: {both} {numbers}."]
    if found.is_reversed:
        return [
            f"There is no pinning anomaly: pinning hurts {name}: {both} {numbers}.",
            "On one CPU its work cannot go on side by side: parallelism is lost.",
        ]
    return [f"There is no pinning anomaly: for {name} no difference was seen: {both} {numbers}."]


def _where(found: Evidence, unit: str) -> list[str]:
    """Which line of the ledger carries the gap, with what one such wake-up costs."""
    shares = {
        name: share
        for name in doc.LINES
        if (share := found.share_of_gap(e.line_of(name))) is not None
    }
    if not shares:
        return []
    name = max(shares, key=lambda n: shares[n].median)
    text = f"{_percent(shares[name])} of the gap is time in which the next thread was"
    crossing = found.measured(e.FREE, e.crossings)
    cross = found.measured(e.FREE, lambda d: e.latency_ns(d, "cross_cpu_idle"))
    same = found.measured(e.FREE, lambda d: e.latency_ns(d, "same_cpu"))
    if name == "wakeup:idle" and crossing and cross and same:
        return [
            f"{text} woken on a CPU that was asleep: {crossing.median:.2f} wake-ups per {unit}"
            f" cross to another CPU and take {duration(cross.median)} each; one on the same CPU"
            f" takes {duration(same.median)}."
        ]
    if name in ("wakeup:queued", "preempted"):
        return [f"{text} ready, but {doc.LINES[name].removeprefix('woken, ')}."]
    return [f"{_percent(shares[name])} of the gap is: {doc.LINES[name].lstrip('~ ')}."]


def _knobs(found: Evidence, unit: str) -> list[str]:
    """What polling (the price) and the preemption (the reason) say together."""
    polling, batch = found.recovered(e.POLLING), found.recovered(e.BATCH)
    lines = []
    if polling is not None:
        crossing = found.measured(e.POLLING, e.crossings)
        still = (
            f", though {crossing.median:.2f} wake-ups per {unit} still cross" if crossing else ""
        )
        lines.append(
            f"When idle CPUs poll and do not sleep, {_percent(polling)} of the gap is gone{still}:"
            f" {'the price is the sleep' if polling.low > 0.5 else 'sleep is not all of it'}."
        )
    if batch is not None:
        how = (
            "the wake-ups cross because of it" if batch.low > 0.5 else
            "in these runs it does not decide" if batch.low <= 0.1 else "it is part of the reason"
        )  # fmt: skip
        lines.append(
            f"When a woken thread may not push its waker off the CPU, {_percent(batch)} of the gap"
            f" is gone: {how}."
        )
    return lines


def _predicted(tested: Tested | None, unit: str) -> list[str]:
    if tested is None:
        return []
    p = tested.prediction
    word = "confirmed" if tested.is_confirmed else "NOT confirmed"
    return [
        f"From {p.runs} unpinned runs alone {duration(p.ns)} [{duration(p.low)},"
        f" {duration(p.high)}] per {unit} was predicted for one CPU; {duration(tested.measured_ns)}"
        f" was measured then, {100 * abs(tested.error):.0f} % off: {word}."
    ]


def _advice(found: Evidence) -> list[Advice]:
    def gain(label: str) -> Interval | None:
        return found.blocks.combined(e.FREE, label, lambda a, b: a / b)

    advice = [
        ("pin it to one CPU (taskset -c N)", gain(e.PINNED)),
        ("let idle CPUs poll (hold /dev/cpu_dma_latency at 0)", gain(e.POLLING)),
        ("start it under SCHED_BATCH (chrt --batch 0)", gain(e.BATCH)),
    ]  # fmt: skip
    return [Advice(text, by) for text, by in advice if by is not None]


def _costs(found: Evidence) -> list[tuple[str, str]]:
    """Estimates (~) of single mechanisms, each a difference with its interval."""
    rows = []
    switch = found.blocks.combined(e.PINNED_BATCH, e.FLOOR, lambda a, b: a - b)
    if switch is not None:
        rows.append(("~ block, wake and switch, at most", f"{_times(switch)} per unit"))
    per = found.measured(e.PINNED, e.count_of("of them involuntary"))
    other = found.measured(e.PINNED_BATCH, e.count_of("of them involuntary"))
    saved = found.blocks.combined(e.PINNED, e.PINNED_BATCH, lambda a, b: a - b)
    if saved is not None and per is not None and other is not None:
        times = per.median - other.median
        if times > 0.02:
            each = Interval(*(v / times for v in (saved.median, saved.low, saved.high)))
            rows.append(("~ one preemption", _times(each)))
    return rows


def explain(
    found: Evidence,
    labels: Sequence[str],
    prediction: Prediction | None,
    name: str,
    unit: str,
    missing: Mapping[str, str],
) -> Explanation:
    """All of it. `labels` in the order to show them; `missing`: what could not be run, and why."""
    verdicts = [judge(theory, found) for theory in THEORIES]
    tested = test_against(prediction, found.documents(e.PINNED)) if prediction else None
    answer = _size(found, name, unit)
    if found.has_gap:
        answer += [*_where(found, unit), *_knobs(found, unit), *_predicted(tested, unit)]
        ruled_out = [v.theory.name for v in verdicts if v.verdict == REFUTED]
        if ruled_out:
            answer.append(f"Ruled out: {'; '.join(ruled_out)}.")
    free, pinned = found.documents(e.FREE), found.documents(e.PINNED)
    lines = []
    if free and pinned:
        a, b = ([doc.wall_lines(d) for d in side] for side in (free, pinned))
        lines = [
            (doc.LINES[line], sum(x[line] for x in a) / len(a), sum(y[line] for y in b) / len(b))
            for line in doc.LINES
        ]
    order = {CAUSE: 0, CONTRIBUTES: 1, REFUTED: 2}
    return Explanation(
        answer=answer,
        steps=[_step(found, label, ns) for label in labels if (ns := found.ns(label))],
        lines=lines,
        verdicts=sorted(verdicts, key=lambda v: order.get(v.verdict, 3)),
        tested=tested,
        advice=_advice(found) if found.has_gap else [],
        missing=missing,
        costs=_costs(found),
    )
