"""Everything that `tracer explain pinning` reports, from the outcomes of its runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tracer.analysis.pinning.advice import Advice, advice, costs
from tracer.analysis.pinning.conditions import FREE, PINNED, WITHOUT_SHARE
from tracer.analysis.pinning.evidence import Evidence, Reading, count_of
from tracer.analysis.pinning.manipulations import no_effect
from tracer.analysis.pinning.prediction import CheckedPrediction, Prediction, check
from tracer.analysis.pinning.rungs import Rung, rungs
from tracer.analysis.pinning.sentences import answer
from tracer.analysis.pinning.theories import (
    CAUSE,
    CONTRIBUTES,
    NOT_SEEN,
    NOT_TESTED,
    REFUTED,
    SEEN_ONCE,
    THEORIES,
    Verdict,
    judge,
)
from tracer.analysis.quiet import BUSY
from tracer.analysis.run import reader
from tracer.analysis.statistics.intervals import Interval
from tracer.model.words import LINES


@dataclass(frozen=True)
class Step:
    """One condition: ns per unit, what it recovers of the gap, counts per unit; None: unknown.
    `no_effect`: why its change did not act here, and nothing is concluded from it."""

    label: str
    ns: Interval
    recovered: Interval | None
    crossings: float | None
    involuntary: float | None
    interrupts: float | None
    no_effect: str | None = None


@dataclass(frozen=True)
class Explanation:
    """Everything that `tracer explain pinning` reports.

    `lines` are the wall ledger's lines with their means over traced runs, ns per unit: label,
    unpinned, pinned. `missing` is what could not be run, and why. `costs` are estimates of single
    mechanisms as text. `rungs`: by number of CPUs. Intervals are over at least `blocks`.
    """

    blocks: int
    answer: Sequence[str]
    steps: Sequence[Step]
    lines: Sequence[tuple[str, float, float]]
    verdicts: Sequence[Verdict]
    checked: CheckedPrediction | None
    advice: Sequence[Advice]
    missing: Mapping[str, str]
    costs: Sequence[tuple[str, str]]
    rungs: Sequence[Rung] = ()


def explain(
    evidence: Evidence,
    labels: Sequence[str],
    prediction: Prediction | None,
    name: str,
    missing: Mapping[str, str],
    *,
    judged: bool = True,
    cpus: int = 0,
) -> Explanation:
    """All of it. `labels` in the order to show them; `name`: of the workload; `cpus`: how many an
    unpinned run may use. Where it is not to be
    `judged`, since the host was busy, the figures are there without any verdict."""
    if not judged:
        return _unjudged(evidence, labels, missing, cpus)
    verdicts = [judge(theory, evidence) for theory in THEORIES]
    checked = check(prediction, evidence.documents(PINNED)) if prediction else None
    order = {CAUSE: 0, SEEN_ONCE: 0, CONTRIBUTES: 1, REFUTED: 2, NOT_SEEN: 2}
    return Explanation(
        blocks=evidence.blocks.fewest,
        answer=answer(evidence, name, verdicts, checked),
        steps=[_step(evidence, label, ns) for label in labels if (ns := evidence.ns(label))],
        lines=_lines(evidence),
        verdicts=sorted(verdicts, key=lambda verdict: order.get(verdict.verdict, 3)),
        checked=checked,
        advice=advice(evidence),
        missing=missing,
        costs=costs(evidence),
        rungs=rungs(evidence, labels, cpus),
    )


def _unjudged(
    evidence: Evidence, labels: Sequence[str], missing: Mapping[str, str], cpus: int
) -> Explanation:
    steps = [_step(evidence, label, ns) for label in labels if (ns := evidence.ns(label))]
    return Explanation(
        blocks=evidence.blocks.fewest,
        answer=[f"No verdict: {BUSY}."],
        steps=[replace(step, recovered=None) for step in steps],
        lines=_lines(evidence),
        verdicts=[
            Verdict(theory, NOT_TESTED, BUSY, theory.signal(evidence), None) for theory in THEORIES
        ],
        checked=None,
        advice=[],
        missing=missing,
        costs=[],
        rungs=rungs(evidence, labels, cpus),
    )


def _step(evidence: Evidence, label: str, ns: Interval) -> Step:
    def median(of: Reading) -> float | None:
        interval = evidence.measured(label, of)
        return None if interval is None else interval.median

    why = no_effect(evidence, label)
    has_share = evidence.has_gap and label not in WITHOUT_SHARE and why is None
    return Step(
        label=label,
        ns=ns,
        recovered=evidence.recovered(label) if has_share else None,
        crossings=median(reader.crossings),
        involuntary=median(count_of("of them involuntary")),
        interrupts=median(reader.interrupts_sent),
        no_effect=why,
    )


def _lines(evidence: Evidence) -> list[tuple[str, float, float]]:
    free = [reader.wall_lines(document) for document in evidence.documents(FREE)]
    pinned = [reader.wall_lines(document) for document in evidence.documents(PINNED)]
    if not free or not pinned:
        return []
    return [
        (label, _mean([lines[name] for lines in free]), _mean([lines[name] for lines in pinned]))
        for name, label in LINES.items()
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
