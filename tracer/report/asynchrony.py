"""The report of `tracer explain async`: the answer, the two taxes, tokens and work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.asynchrony import AsyncExplanation, ChoicePoint, Tax
from tracer.analysis.quiet import QUIET, Load
from tracer.analysis.statistics.wording import duration_bounds, interval_heading, ratio_text
from tracer.report.layout import WIDTH, page, table
from tracer.report.load import document as load_data
from tracer.report.load import lines
from tracer.report.pinning import SCHEMA, not_tested
from tracer.units import duration

_IN_PYTHON = ", in Python"


def _both_columns(where: str) -> list[str]:
    return [f"threads{where}", f"async{where}", "threads / async"]


def _taxes(title: str, taxes: Sequence[Tax], blocks: int, width: int) -> list[str]:
    rows = [[tax.what, duration_bounds(tax.ns), duration(tax.ns.median)] for tax in taxes]
    if not rows:
        return []
    rows.append(["sum", "", duration(sum(tax.ns.median for tax in taxes))])
    columns = [title, interval_heading(blocks), "per hop"]
    return table(rows, columns, 1, width)  # narrow: the interval goes first


def _tokens(points: Sequence[ChoicePoint], where: str, width: int) -> list[str]:
    rows = [[f"{point.value:,}", *_both(point)] for point in points]
    return table(rows, ["bytes in flight", *_both_columns(where)], 1, width) if rows else []


def _work(points: Sequence[ChoicePoint], where: str, width: int) -> list[str]:
    rows = [[f"{point.value:,}", duration(point.work_ns), *_both(point)] for point in points]
    columns = ["steps of work at each hop", "one hop's work", *_both_columns(where)]
    return table(rows, columns, 1, width) if rows else []


def _both(point: ChoicePoint) -> list[str]:
    """The cells below `_both_columns`."""
    return [duration(point.threads_ns), duration(point.async_ns), ratio_text(point.ratio)]


def render(
    explanation: AsyncExplanation, note: str = "", width: int = WIDTH, load: Load = QUIET
) -> str:
    """The whole report, ending in a newline; `note` stands under the answer."""
    count = explanation.blocks
    where = _IN_PYTHON if explanation.in_python else ""
    blocks = [
        lines(load),
        [*explanation.answer, *([note] if note else [])],
        _taxes(f"what a hop pays with threads{where}", explanation.thread_tax, count, width),
        _taxes(f"what a hop pays with async{where}", explanation.async_tax, count, width),
        _tokens(explanation.tokens, where, width),
        _work(explanation.work, where, width),
        not_tested(explanation.missing),
    ]
    return page(blocks, width)


def document(
    explanation: AsyncExplanation, rounds: int, host: Mapping[str, str], load: Load = QUIET
) -> dict[str, Any]:
    """The explanation as JSON data, `tracer.explain/2`; times in ns."""
    return {
        "schema": SCHEMA,
        "question": "async",
        "in_python": explanation.in_python,
        "rounds": rounds,
        "load": load_data(load),
        "host": dict(host),
        "answer": list(explanation.answer),
        "async_tax": [asdict(tax) for tax in explanation.async_tax],
        "thread_tax": [asdict(tax) for tax in explanation.thread_tax],
        "tokens": [asdict(point) for point in explanation.tokens],
        "work": [asdict(point) for point in explanation.work],
        "missing": dict(explanation.missing),
    }
