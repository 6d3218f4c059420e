"""The report of `tracer explain async`: the answer, the two taxes, tokens and work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.asynchrony import AsyncExplanation, Point, Tax
from tracer.report.layout import WIDTH, fit, table
from tracer.report.pinning import SCHEMA, not_tested
from tracer.units import duration


def _taxes(title: str, taxes: Sequence[Tax], width: int) -> list[str]:
    rows = [
        [tax.what, f"[{duration(tax.ns.low)}, {duration(tax.ns.high)}]", duration(tax.ns.median)]
        for tax in taxes
    ]
    rows.append(["sum", "", duration(sum(tax.ns.median for tax in taxes))])
    return table(rows, [title, "95 %", "per hop"], 1, width)  # narrow: the interval goes first


def _points(title: str, points: Sequence[Point], width: int, work: bool) -> list[str]:
    rows = [
        [f"{p.value:,}", *([duration(p.work_ns)] if work else []), duration(p.threads_ns),
         duration(p.async_ns), f"{p.ratio.median:.2f}x [{p.ratio.low:.2f}, {p.ratio.high:.2f}]"]
        for p in points
    ]  # fmt: skip
    columns = [title, *(["one hop's work"] if work else []), "threads", "async", "threads / async"]
    return table(rows, columns, 1, width) if rows else []


def render(x: AsyncExplanation, note: str = "", width: int = WIDTH) -> str:
    """The whole report, ending in a newline; `note` stands under the answer."""
    blocks = [[*x.answer, *([note] if note else [])]]
    if x.thread_tax:
        blocks.append(_taxes("what a hop pays with threads", x.thread_tax, width))
    if x.async_tax:
        blocks.append(_taxes("what a hop pays with async", x.async_tax, width))
    blocks.append(_points("bytes in flight", x.tokens, width, work=False))
    blocks.append(_points("steps of work at each hop", x.work, width, work=True))
    blocks.append(not_tested(x.missing))
    lines = [line for block in blocks if block for line in [*block, ""]][:-1]
    return "\n".join(piece for line in lines for piece in fit(line, width)) + "\n"


def document(x: AsyncExplanation, rounds: int, host: Mapping[str, str]) -> dict[str, Any]:
    """The explanation as JSON data, `tracer.explain/1`; times in ns."""
    return {
        "schema": SCHEMA,
        "question": "async",
        "rounds": rounds,
        "host": dict(host),
        "answer": list(x.answer),
        "async_tax": [asdict(tax) for tax in x.async_tax],
        "thread_tax": [asdict(tax) for tax in x.thread_tax],
        "tokens": [asdict(point) for point in x.tokens],
        "work": [asdict(point) for point in x.work],
        "missing": dict(x.missing),
    }
