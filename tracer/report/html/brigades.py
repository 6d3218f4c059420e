"""The view of the whole experiment, tracer.brigades/1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.report.html.host import interval, measured, time_text
from tracer.report.html.parts import NAMES, PARTS
from tracer.units import count, counted, duration, percent

#: The lines of a brigade's path, as the page colours them.
_PART_OF = {
    **dict.fromkeys((*PARTS["switching"], "switch"), "switching"),
    **{name: name for name in ("io", "user", "system", "waiting", "unknown")},
}


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """The answers, times with their intervals, parts of the path, the original's table."""
    units = list(dict.fromkeys(row["unit"] for row in document["brigades"]))
    return {
        "title": f"Every brigade, {counted(document['rounds'], 'interleaved round')}",
        "sections": [
            section("answer", "", *(_answer(one) for one in document["answers"])),
            section(
                "times",
                "Every brigade",
                *(_times(document, unit) for unit in units),
                _parts(document),
                _table(document),
                lead="Free to move, or pinned to one CPU. Times are of untraced runs, with their"
                " intervals.",
                short="Times",
            ),
            section(
                "original",
                "The original experiment's table",
                _original(document),
                lead="This machine, and in brackets another one (a laptop of 4 cores, 2021).",
                short="Original",
            ),
            measured(
                document,
                *(f"left out: {name} ({why})" for name, why in document["missing"].items()),
            ),
        ],
    }  # fmt: skip


def _answer(answer: Mapping[str, Any]) -> Block:
    return blocks.text(answer["question"], answer["text"], tone="question")


def _label(row: Mapping[str, Any]) -> str:
    return blocks.name(row["label"]) + (", in Python" if row["in_python"] else "")


def _times(document: Mapping[str, Any], unit: str) -> Block:
    rows = [
        interval(_label(row), time_text(row["ns_per_unit"]), row["ns_per_unit"])
        for row in document["brigades"]
        if row["unit"] == unit
    ]
    return blocks.intervals(f"Time per {unit}", rows)


def _parts(document: Mapping[str, Any]) -> Block | None:
    rows = []
    for row in document["brigades"]:
        sums: dict[str, float] = {}
        for name, ns in row["wall_ns_per_unit"].items():
            part = _PART_OF.get(name, "unknown")
            sums[part] = sums.get(part, 0) + max(ns, 0)
        if any(sums.values()):
            parts = [
                {"name": part, "label": NAMES[part], "value": sums[part],
                 "text": f"{duration(sums[part])}, {percent(sums[part] / sum(sums.values()))}"}
                for part in NAMES if sums.get(part)
            ]  # fmt: skip
            text = f"{duration(sum(sums.values()))} per {row['unit']}"
            rows.append({"label": _label(row), "text": text, "parts": parts})
    note = "The critical path of the traced runs; each bar is its own whole."
    return blocks.bars("Where the time went", rows, note=note) if rows else None


def _table(document: Mapping[str, Any]) -> Block:
    columns = [Column("brigade", is_text=True), Column("unit", is_text=True)]
    names = ("time", "low", "high", "- floor", "CPU time", "switches", "calls")
    columns += [Column(name) for name in names]
    rows = [
        [
            _label(row),
            row["unit"],
            *(blocks.time(row["ns_per_unit"][end]) for end in ("median", "low", "high")),
            _above(row["above_floor_ns"]),
            blocks.time(row["cpu_ns_per_unit"]),
            blocks.per_unit(row["switches_per_unit"]),
            blocks.per_unit(row["calls_per_unit"]),
        ]
        for row in document["brigades"]
    ]
    note = "- floor: less the one-thread brigade, which does the same reads and writes and never"
    return blocks.table("By unit of work", columns, rows, note=f"{note} switches.")


def _above(found: Mapping[str, float] | None) -> blocks.Cell:
    """A difference that can only be a cost: one below zero is noise."""
    if found is None:
        return ""
    ns = found["median"]
    return blocks.time(ns) if ns >= 0 else ["unknown", ns]


def _original(document: Mapping[str, Any]) -> Block | None:
    columns = [Column(name, is_text=True) for name in ("", "async", "threads", "threads, pinned")]
    rows = [
        [line["what"], *(_cell(line["kind"], cell) for cell in line["cells"])]
        for line in document["table"]
    ]
    return blocks.table("", columns, rows) if rows else None


def _cell(kind: str, cell: Mapping[str, Any] | None) -> str:
    if cell is None:
        return ""
    published = f" ({cell['published']})" if cell["published"] else ""
    if cell["here"] is None:
        return f"{cell['why'] or 'not run'}{published}"
    here = cell["here"]["median"]
    if kind == "bytes":
        kernel = cell.get("kernel")
        more = f" + {kernel['median'] / 1024:.1f} KiB kernel" if kernel else ""
        return f"{here / 1024:.1f} KiB{more}{published}"
    if here < 0:
        return f"unknown{published}"
    return f"{duration(here) if kind == 'us' else count(here)}{published}"
