"""The report of the whole experiment: a table of all brigades, the original's table, answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.brigades import PINNED, Brigades, Cell, Line, Row
from tracer.analysis.statistics.intervals import Interval
from tracer.report.layout import WIDTH, fit, table
from tracer.units import count, rate

SCHEMA = "tracer.brigades/1"
#: Less of the kernel's memory per task is not shown.
_LEAST_KIB = 0.05


def _us(ns: float) -> str:
    value = ns / 1e3
    return f"{value:.2f}" if abs(value) < 99.95 else f"{value:.0f}"


def _range(i: Interval) -> str:
    return f"[{_us(i.low)}, {_us(i.high)}]"


def _rows(rows: Sequence[Row], unit: str, width: int) -> list[str]:
    cells = [
        [
            row.label.removesuffix(PINNED),
            "pinned" if row.label.endswith(PINNED) else "free",
            _us(row.ns.median),
            _range(row.ns),
            *([_us(row.above.median) if row.above else "-"] if unit == "hop" else []),
            rate(row.switches),
            "-" if row.calls is None else rate(row.calls),
            _us(row.cpu_ns),
        ]
        for row in rows
    ]
    columns = [f"us per {unit}", "CPUs", "median", "95 %"]
    columns += ["- floor"] * (unit == "hop") + ["switches", "calls", "CPU us"]
    return table(cells, columns, 2, width)


def _value(kind: str, value: float) -> str:
    return _us(value) if kind == "us" else count(value)


def _cell(kind: str, cell: Cell | None) -> tuple[str, str]:
    """What this machine gave, and below it what was published."""
    if cell is None:
        return "", ""
    published = f"({cell.published})" if cell.published else ""
    if cell.here is None:
        return cell.why or "not run", published
    i = cell.here
    reach = f" [{_value(kind, i.low)}, {_value(kind, i.high)}]" if i.low != i.high else ""
    if kind == "bytes":
        kernel = cell.kernel.median / 1024 if cell.kernel else 0.0
        shown = f" + {kernel:.1f} KiB kernel" if kernel >= _LEAST_KIB else " KiB"
        return f"{i.median / 1024:.1f}{shown}", published
    return _value(kind, i.median) + reach, published


def _original(lines: Sequence[Line], width: int) -> list[str]:
    rows = []
    for line in lines:
        cells = [_cell(line.kind, cell) for cell in line.cells]
        rows.append([line.what, *(here for here, _ in cells)])
        if any(published for _, published in cells):
            rows.append(["", *(published for _, published in cells)])
    return [
        "The original experiment's table: this machine, and in brackets another one (a laptop of 4"
        " cores, 2021)",
        *table(rows, ["", "async", "threads", "threads, pinned"], 1, width),
    ]


def render(b: Brigades, rounds: int, width: int = WIDTH) -> str:
    """The whole report, ending in a newline."""
    units = list(dict.fromkeys(row.unit for row in b.rows))
    blocks = [
        [
            f"Every brigade, {rounds} interleaved rounds; free to move, or pinned to one CPU.",
            "- floor: less the one-thread brigade, which does the same reads and writes and never"
            " switches.",
            "Times are of untraced runs, with their 95 % interval; calls are from traced ones.",
        ]
    ]
    for unit in units:
        rows = [row for row in b.rows if row.unit == unit]
        blocks.append(_rows(rows, unit, width))
    if b.missing:
        blocks.append([f"left out: {name} ({why})" for name, why in b.missing.items()])
    blocks.append([f"{a.question}\n  {a.text}" for a in b.answers])
    blocks.append(_original(b.table, width))
    lines = [line for block in blocks if block for line in [*block, ""]][:-1]
    pieces = [
        piece for line in lines for part in line.split("\n") for piece in _indented(part, width)
    ]
    return "\n".join(pieces) + "\n"


def _indented(line: str, width: int) -> list[str]:
    return [line] if not line else fit(line, width)


def document(b: Brigades, rounds: int, host: Mapping[str, str]) -> dict[str, Any]:
    """The report as JSON data, `tracer.brigades/1`; times in ns."""
    return {
        "schema": SCHEMA,
        "host": dict(host),
        "rounds": rounds,
        "brigades": [
            {
                "label": row.label,
                "unit": row.unit,
                "ns_per_unit": asdict(row.ns),
                "above_floor_ns": asdict(row.above) if row.above else None,
                "cpu_ns_per_unit": row.cpu_ns,
                "switches_per_unit": row.switches,
                "calls_per_unit": row.calls,
                "wall_ns_per_unit": dict(row.parts),
            }
            for row in b.rows
        ],
        "table": [
            {
                "what": line.what,
                "kind": line.kind,
                "cells": [None if cell is None else asdict(cell) for cell in line.cells],
            }
            for line in b.table
        ],
        "answers": [asdict(a) for a in b.answers],
        "missing": dict(b.missing),
    }
