"""The first view of an `attach --interval`: how shares and threads went from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from tracer.analysis.run.reader import is_split
from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.report.html.parts import NAMES
from tracer.report.html.threads import sums_of
from tracer.units import counted, duration

_HEADS = {
    "user": "own code",
    "io": "I/O",
    "system": "other calls",
    "switching": "switching",
    "waiting": "waiting",
}
_SHARES = tuple(_HEADS)


def view(documents: Sequence[Mapping[str, Any]], title: str, dropped: int) -> dict[str, Any]:
    """Of several intervals, in their order."""
    starts = [0, *accumulate(one["window_ns"] for one in documents[:-1])]
    whole = sum(one["window_ns"] for one in documents)
    earlier = f" {counted(dropped, 'earlier one')} not shown." if dropped else ""
    lead = f"{counted(len(documents), 'interval')}, {duration(whole)} in all.{earlier} Each of them"
    return {
        "title": title,
        "label": "all",
        "sections": [
            section(
                "path",
                "The path, interval by interval",
                _shares(documents, starts),
                _table(documents, starts),
                lead=f"{lead} can be chosen above.",
                short="Path",
            ),
            section(
                "threads",
                "Threads by state over time",
                _threads(documents, starts),
                short="Threads",
            ),
        ],
    }


def _shares(documents: Sequence[Mapping[str, Any]], starts: Sequence[int]) -> Block:
    parts = []
    for name in _SHARES:
        shares = [one["headline"][name] for one in documents]
        if any(shares):
            values = [share or 0 for share in shares]
            parts.append({"name": name, "label": NAMES[name], "y": values})
    return over_time("Shares of the path", "share of the path", starts, documents, parts)


def _threads(documents: Sequence[Mapping[str, Any]], starts: Sequence[int]) -> Block:
    sums = [sums_of(one["ledgers"]["threads"]["parts"], split=is_split(one)) for one in documents]
    parts = []
    for name, label in NAMES.items():
        numbers = [
            round(parts_ns.get(name, 0) / max(one["window_ns"], 1), 6)
            for parts_ns, one in zip(sums, documents, strict=True)
        ]
        if any(numbers):
            parts.append({"name": name, "label": label, "y": numbers})
    return over_time("", "threads", starts, documents, parts)


def over_time(
    title: str,
    unit: str,
    starts: Sequence[int],
    documents: Sequence[Mapping[str, Any]],
    parts: Sequence[Mapping[str, Any]],
) -> Block:
    """Parts stacked over the intervals; each value stands for its whole interval."""
    end = starts[-1] + documents[-1]["window_ns"]
    return {
        "kind": "states",
        "title": title,
        "note": "",
        "unit": unit,
        "x": [*starts, end],
        # the last value once more: a step ends where the next one begins
        "parts": [{**part, "y": [*part["y"], part["y"][-1]]} for part in parts],
        "labels": NAMES,
    }


def _table(documents: Sequence[Mapping[str, Any]], starts: Sequence[int]) -> Block:
    columns = [Column("interval"), Column("from"), Column("for")]
    columns += [Column(_HEADS[name], about=NAMES[name]) for name in _SHARES]
    columns += [Column("first finding", is_text=True)]
    rows = []
    for number, (one, start) in enumerate(zip(documents, starts, strict=True), 1):
        findings = one.get("findings") or ()
        rows.append(
            [
                blocks.number(number),
                blocks.time(start),
                blocks.time(one["window_ns"]),
                *(blocks.share(one["headline"][name]) for name in _SHARES),
                findings[0]["sentence"] if findings else "",
            ]
        )
    return blocks.table("Intervals", columns, rows)
