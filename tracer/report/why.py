"""The report of `tracer explain why`: the answer, every change, where the time went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.quiet import QUIET, Load
from tracer.analysis.statistics.intervals import INTERVAL_VALUES
from tracer.analysis.statistics.wording import interval_heading, ratio_text
from tracer.analysis.why import Answer, Row
from tracer.model.trial import Outcome
from tracer.model.words import LINES
from tracer.report.layout import WIDTH, page, table
from tracer.report.load import document as load_data
from tracer.report.load import lines
from tracer.units import count, counted, duration, percent

SCHEMA = "tracer.why/1"
#: Lines of the ledger with a smaller share are left out.
_SHOWN = 0.01


def _changes(answer: Answer, unit: str, width: int) -> list[str]:
    if not answer.rows:
        return []
    ends = interval_heading(answer.blocks)
    columns = [f"time per {unit}", "median", "as fast", ends, "CPU time", "switches", "so"]
    noise = answer.noise
    against = f"; the command against itself: {ratio_text(noise)}" if noise else ""
    return [
        f"Every change ({counted(answer.blocks, 'block')}, untraced; CPU time and context switches"
        f" per run{against})",
        *table([_change(row) for row in answer.rows], columns, 1, width),
    ]


def _change(row: Row) -> list[str]:
    gain = row.gain
    return [
        row.label,
        duration(row.ns.median),
        "" if gain is None else f"{gain.median:.2f}x",
        "" if gain is None else f"[{gain.low:.2f}, {gain.high:.2f}]",
        duration(row.cpu_ns),
        count(row.switches),
        row.found,
    ]


def _ledger(answer: Answer, unit: str, width: int) -> list[str]:
    total = sum(answer.lines.values())
    if total <= 0:
        return []
    shown = sorted(answer.lines.items(), key=lambda line: -line[1])
    rows = [
        [LINES[name], duration(ns), percent(ns / total)]
        for name, ns in shown
        if ns / total >= _SHOWN
    ]
    return [
        "Where the time went as it is (the chain of events that decided when the command ended,"
        " traced)",
        *table(rows, ["", f"per {unit}", "share"], 1, width),
    ]


def render(answer: Answer, unit: str, width: int = WIDTH, load: Load = QUIET) -> str:
    """The whole report, ending in a newline."""
    blocks = [
        lines(load),
        answer.sentences,
        _changes(answer, unit, width),
        _ledger(answer, unit, width),
    ]
    return page(blocks, width)


def document(
    answer: Answer,
    command: Sequence[str],
    unit: str,
    rounds: int,
    starts: int,
    outcomes: Sequence[Outcome],
    host: Mapping[str, str],
    load: Load = QUIET,
) -> dict[str, Any]:
    """The answer as JSON data, `tracer.why/1`; times in ns, `gain` is how many times as fast."""
    return {
        "schema": SCHEMA,
        "command": list(command),
        "unit": unit,
        "rounds": rounds,
        "starts": starts,
        "host": dict(host),
        "load": load_data(load),
        "answer": list(answer.sentences),
        "fixed_time": answer.fixed_time,
        "noise_floor": None if answer.noise is None else asdict(answer.noise),
        "intervals": "95 %" if answer.blocks >= INTERVAL_VALUES else "minimum to maximum",
        "changes": [_row_data(row) for row in answer.rows],
        "not_tested": dict(answer.missing),
        "ledger_ns": {name: round(ns) for name, ns in answer.lines.items()},
        "runs": [_run_data(outcome) for outcome in outcomes],
    }


def _row_data(row: Row) -> dict[str, Any]:
    return {
        "label": row.label,
        "how": row.how or None,
        "ns_per_unit": {name: round(ns) for name, ns in asdict(row.ns).items()},
        "gain": None if row.gain is None else asdict(row.gain),
        "cpu_ns": round(row.cpu_ns),
        "switches": row.switches,
        "found": row.found or None,
    }


def _run_data(outcome: Outcome) -> dict[str, Any]:
    plain = outcome.plain()
    return {name: plain[name] for name in ("trial", "result", "surroundings", "at_s")}
