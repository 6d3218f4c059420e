"""The report of an explanation: the answer first, then the evidence, then what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tracer.analysis.pinning.answer import Explanation
from tracer.analysis.pinning.theories import NO_GAP, NOT_TESTED
from tracer.analysis.statistics.intervals import Interval
from tracer.report.layout import WIDTH, fit, table
from tracer.units import rate

SCHEMA = "tracer.explain/1"


def _us(ns: float) -> str:
    return f"{ns / 1e3:.2f}" if abs(ns) < 99_950 else f"{ns / 1e3:.0f}"


def _range(i: Interval) -> str:
    return f"[{_us(i.low)}, {_us(i.high)}]"


def _share(i: Interval | None) -> str:
    return "" if i is None else f"{100 * i.median:.0f} [{100 * i.low:.0f}, {100 * i.high:.0f}]"


def _optional(value: float | None) -> str:
    return "-" if value is None else rate(value)


def not_tested(missing: Mapping[str, str]) -> list[str]:
    """What could not be run, one line for each reason."""
    reasons: dict[str, list[str]] = {}
    for name, why in missing.items():
        reasons.setdefault(why, []).append(name)
    return [f"not tested here: {'; '.join(names)} ({why})" for why, names in reasons.items()]


def _steps(x: Explanation, unit: str, width: int) -> list[str]:
    rows = [
        [s.label, _us(s.ns.median), _range(s.ns), _share(s.recovered),
         *(_optional(v) for v in (s.crossings, s.involuntary, s.interrupts))]
        for s in x.steps
    ]  # fmt: skip
    columns = [f"us per {unit}", "median", "95 %", "% of gap gone", "crossing", "preempted", "IPIs"]
    lines = [f"The experiment (untraced times; counts per {unit} from traced runs)"]
    lines += table(rows, columns, 1, width)
    return lines + not_tested(x.missing)


def _ledgers(x: Explanation, unit: str, width: int) -> list[str]:
    if not x.lines:
        return []
    rows = [[name, _us(a), _us(b), _us(a - b)] for name, a, b in x.lines]
    sums = [sum(line[i] for line in x.lines) for i in (1, 2)]  # type: ignore[misc]
    rows.append(["sum", _us(sums[0]), _us(sums[1]), _us(sums[0] - sums[1])])
    columns = [f"us per {unit}, traced", "unpinned", "one CPU", "difference"]
    return ["The critical path in both", *table(rows, columns, 1, width)]


def _theories(x: Explanation, width: int) -> list[str]:
    if all(v.why == NO_GAP for v in x.verdicts):
        lines = ["No theory is judged, for there is no gap to explain. What was seen of each:"]
        return lines + [
            line
            for v in x.verdicts
            if v.signal is not None
            for line in fit(f"{v.theory.number:>4}. {v.theory.name}: {v.signal.text}", width)
        ]
    lines = [
        "Theories: what each predicted before the runs, what was seen, the verdict",
        "(several can see the same stretch of time: their shares do not add up)",
    ]
    for v in x.verdicts:
        lines += fit(f"{v.verdict:<12}{v.theory.number:>2}. {v.theory.name}", width)
        said = [f"predicted: {v.theory.predicts}"]
        if v.signal is not None and v.signal.text != v.why:
            said.append(f"seen: {v.signal.text}")
        said.append(f"so: {v.why}")
        for text in said:
            lines += [f"{'':<16}{piece}" for piece in fit(text, width - 16)]
    return lines


def _gain(gain: Interval) -> str:
    if gain.low <= 1:
        return f"  no sure gain ({gain.median:.2f} [{gain.low:.2f}, {gain.high:.2f}])"
    return f"  {gain.median:.2f} [{gain.low:.2f}, {gain.high:.2f}] times as fast"


def render(x: Explanation, unit: str, note: str = "", width: int = WIDTH) -> str:
    """The whole report, ending in a newline; `note` stands under the answer."""
    blocks = [list(x.answer) + ([note] if note else [])]
    if x.advice:
        rows = [f"{_gain(a.gain)}: {a.text}" for a in x.advice if a.gain is not None]
        blocks.append(["What to do (measured here)", *rows])
    blocks += [_steps(x, unit, width), _ledgers(x, unit, width)]
    if x.costs:
        blocks.append(["Estimates from these runs", *(f"  {a}: {b}" for a, b in x.costs)])
    blocks.append(_theories(x, width))
    lines = [line for block in blocks if block for line in [*block, ""]][:-1]
    return "\n".join(piece for line in lines for piece in fit(line, width)) + "\n"


def document(x: Explanation, line: str, unit: str, rounds: int, host: Mapping[str, str]
             ) -> dict[str, Any]:  # fmt: skip
    """The explanation as JSON data, `tracer.explain/1`; times in ns."""
    tested = x.tested
    return {
        "schema": SCHEMA,
        "question": "pinning",
        "workload": line,
        "unit": unit,
        "rounds": rounds,
        "host": dict(host),
        "answer": list(x.answer),
        "steps": [asdict(step) for step in x.steps],
        "lines": [{"name": n, "unpinned_ns": a, "pinned_ns": b} for n, a, b in x.lines],
        "theories": [
            {
                "number": v.theory.number,
                "name": v.theory.name,
                "predicts": v.theory.predicts,
                "knob": v.theory.knob or None,
                "verdict": v.verdict,
                "why": v.why,
                "tested": v.verdict != NOT_TESTED,
                "signal": asdict(v.signal) if v.signal else None,
                "recovered": asdict(v.recovered) if v.recovered else None,
            }
            for v in x.verdicts
        ],
        "prediction": None
        if tested is None
        else {
            **asdict(tested.prediction),
            "measured_ns": tested.measured_ns,
            "error": tested.error,
            "confirmed": tested.is_confirmed,
        },
        "advice": [asdict(a) for a in x.advice],
        "estimates": [list(cost) for cost in x.costs],
        "missing": dict(x.missing),
    }
