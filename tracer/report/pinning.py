"""The report of `tracer explain pinning`: the answer, what to do, the evidence, the theories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tracer.analysis.pinning.answer import Explanation
from tracer.analysis.pinning.prediction import CheckedPrediction
from tracer.analysis.pinning.recorded import Recorded
from tracer.analysis.pinning.theories import NO_GAP, NOT_TESTED, Verdict
from tracer.analysis.quiet import BUSY, QUIET, Load
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.wording import interval_heading, microseconds_bounds
from tracer.report import pinning_cpus
from tracer.report.layout import WIDTH, fit, page, table
from tracer.report.load import document as load_data
from tracer.report.load import lines
from tracer.units import microseconds, rate

SCHEMA = "tracer.explain/2"


def not_tested(missing: Mapping[str, str]) -> list[str]:
    """What could not be run, one line for each reason."""
    reasons: dict[str, list[str]] = {}
    for name, why in missing.items():
        reasons.setdefault(why, []).append(name)
    return [f"not tested here: {'; '.join(names)} ({why})" for why, names in reasons.items()]


def _steps(explanation: Explanation, unit: str, width: int) -> list[str]:
    rows = [
        [
            step.label,
            microseconds(step.ns.median),
            microseconds_bounds(step.ns),
            _percents(step.recovered),
            *(_rate(value) for value in (step.crossings, step.involuntary, step.interrupts)),
        ]
        for step in explanation.steps
    ]
    columns = [f"us per {unit}", "median", interval_heading(explanation.blocks), "% of gap gone"]
    columns += ["crossing", "preempted", "IPIs"]
    return [
        f"The experiment (untraced times; counts per {unit} from traced runs)",
        *table(rows, columns, 1, width),
        *_without_effect(explanation),
        *not_tested(explanation.missing),
    ]


def _without_effect(explanation: Explanation) -> list[str]:
    """The conditions that are no evidence here, and why."""
    return [f"{step.label} {step.no_effect}" for step in explanation.steps if step.no_effect]


def _percents(share: Interval | None) -> str:
    """A share without its sign, for a column that has it in its head."""
    if share is None:
        return ""
    return f"{100 * share.median:.0f} [{100 * share.low:.0f}, {100 * share.high:.0f}]"


def _rate(value: float | None) -> str:
    return "-" if value is None else rate(value)


def _ledgers(explanation: Explanation, unit: str, width: int) -> list[str]:
    if not explanation.lines:
        return []
    unpinned_ns = sum(unpinned for _, unpinned, _ in explanation.lines)
    pinned_ns = sum(pinned for _, _, pinned in explanation.lines)
    rows = [
        [label, *map(microseconds, (unpinned, pinned, unpinned - pinned))]
        for label, unpinned, pinned in (*explanation.lines, ("sum", unpinned_ns, pinned_ns))
    ]
    columns = [f"us per {unit}, traced", "unpinned", "one CPU", "difference"]
    return ["The critical path in both", *table(rows, columns, 1, width)]


def _theories(explanation: Explanation, width: int) -> list[str]:
    reasons = {verdict.why for verdict in explanation.verdicts}
    if reasons in ({NO_GAP}, {BUSY}):
        return [
            f"No theory is judged, for {reasons.pop()}. What was seen of each:",
            *(
                f"{verdict.theory.number:>4}. {verdict.theory.name}: {verdict.signal.text}"
                for verdict in explanation.verdicts
                if verdict.signal is not None
            ),
        ]
    return [
        "Theories: what each predicted before the runs, what was seen, the verdict",
        "(several can cover the same time: their shares do not add up)",
        *(line for verdict in explanation.verdicts for line in _theory(verdict, width)),
    ]


def _theory(verdict: Verdict, width: int) -> list[str]:
    theory = verdict.theory
    details = [f"predicted: {theory.predicts}"]
    if verdict.signal is not None and verdict.signal.text != verdict.why:
        details.append(f"seen: {verdict.signal.text}")
    details.append(f"so: {verdict.why}")
    return [
        f"{verdict.verdict:<12}{theory.number:>2}. {theory.name}",
        *(f"{'':<16}{piece}" for text in details for piece in fit(text, width - 16)),
    ]


def _advice(explanation: Explanation) -> list[str]:
    lines = [f"{_gain(a.gain)}: {a.text}" for a in explanation.advice if a.gain is not None]
    untried = [f"  not tried: {a.text}" for a in explanation.advice if a.gain is None]
    return ["What to do (measured here)", *lines, *untried] if lines or untried else []


def _gain(gain: Interval) -> str:
    factor = f"{gain.median:.2f} [{gain.low:.2f}, {gain.high:.2f}]"
    return f"  no certain gain ({factor})" if gain.low <= 1 else f"  {factor} times as fast"


def _costs(explanation: Explanation) -> list[str]:
    lines = [f"  {what}: {cost}" for what, cost in explanation.costs]
    return ["Estimates from these runs", *lines] if lines else []


def render(
    explanation: Explanation, unit: str, note: str = "", width: int = WIDTH, load: Load = QUIET
) -> str:
    """The whole report, ending in a newline; `note` stands under the answer."""
    blocks = [
        lines(load),
        [*explanation.answer, *([note] if note else [])],
        _advice(explanation),
        _steps(explanation, unit, width),
        pinning_cpus.lines(explanation.rungs, unit, explanation.blocks, width),
        _ledgers(explanation, unit, width),
        _costs(explanation),
        _theories(explanation, width),
    ]
    return page(blocks, width)


def document(
    explanation: Explanation,
    line: str,
    unit: str,
    rounds: int,
    host: Mapping[str, str],
    *,
    in_python: bool = False,
    load: Load = QUIET,
    kept: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The explanation as JSON data, `tracer.explain/2`; times in ns. `kept`: what it was made from
    (`Recorded.kept`)."""
    return {
        "schema": SCHEMA,
        "question": "pinning",
        "workload": line,
        "in_python": in_python,
        "unit": unit,
        "rounds": rounds,
        "load": load_data(load),
        "host": dict(host),
        "answer": list(explanation.answer),
        "steps": [asdict(step) for step in explanation.steps],
        "rungs": pinning_cpus.data(explanation.rungs),
        "lines": [
            {"name": label, "unpinned_ns": unpinned, "pinned_ns": pinned}
            for label, unpinned, pinned in explanation.lines
        ],
        "theories": [_theory_data(verdict) for verdict in explanation.verdicts],
        "prediction": _prediction_data(explanation.checked),
        "advice": [asdict(advice) for advice in explanation.advice],
        "estimates": [list(cost) for cost in explanation.costs],
        "missing": dict(explanation.missing),
        **(kept or {}),
    }


def document_of(recorded: Recorded, explanation: Explanation) -> dict[str, Any]:
    """The document of an experiment with the explanation of it."""
    return document(
        explanation,
        recorded.line,
        recorded.unit,
        recorded.rounds,
        recorded.host,
        in_python=recorded.in_python,
        load=recorded.load,
        kept=recorded.kept(),
    )


def _theory_data(verdict: Verdict) -> dict[str, Any]:
    return {
        "number": verdict.theory.number,
        "name": verdict.theory.name,
        "predicts": verdict.theory.predicts,
        "knob": verdict.knob or None,
        "verdict": verdict.verdict,
        "why": verdict.why,
        "tested": verdict.verdict != NOT_TESTED,
        "signal": asdict(verdict.signal) if verdict.signal else None,
        "recovered": asdict(verdict.recovered) if verdict.recovered else None,
    }


def _prediction_data(checked: CheckedPrediction | None) -> dict[str, Any] | None:
    if checked is None:
        return None
    return {
        **asdict(checked.prediction),
        "measured_ns": checked.measured_ns,
        "error": checked.error,
        "confirmed": checked.is_confirmed,
        "verdict": checked.verdict,
    }
