"""The report of the whole experiment: a table of all brigades, answers, the original's table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.brigades import PINNED, BrigadeRow, Brigades, TableCell
from tracer.analysis.quiet import QUIET, Load
from tracer.analysis.statistics.wording import (
    cost_text,
    interval_heading,
    interval_name,
    microseconds_bounds,
)
from tracer.report.layout import WIDTH, page, table
from tracer.report.load import document as load_data
from tracer.report.load import lines
from tracer.units import count, counted, microseconds, rate

SCHEMA = "tracer.brigades/1"
#: Less of the kernel's memory per task is not shown.
_LEAST_KIB = 0.05
#: Follows the name of a brigade that ran in Python.
IN_PYTHON = ", in Python"
_ORIGINAL = (
    "The original experiment's table: this machine, and in brackets another one (a laptop of 4"
    " cores, 2021)"
)
_ORIGINAL_IN_PYTHON = (
    "The original experiment's table, in Python; what was published is of native programs and is"
    " not shown"
)


def _rows(rows: Sequence[BrigadeRow], rounds: int, unit: str, width: int) -> list[str]:
    """The brigades that count in this unit; only hops have a floor."""
    has_floor = unit == "hop"
    columns = [f"us per {unit}", "CPUs", "median", interval_heading(rounds)]
    columns += ["- floor"] if has_floor else []
    columns += ["switches", "calls", "CPU us"]
    cells = []
    for row in rows:
        above = cost_text(row.above.median, microseconds) if row.above else "-"
        cells.append(
            [
                row.label.removesuffix(PINNED) + (IN_PYTHON if row.in_python else ""),
                "pinned" if row.label.endswith(PINNED) else "free",
                microseconds(row.ns.median),
                microseconds_bounds(row.ns),
                *([above] if has_floor else []),
                rate(row.switches),
                "-" if row.calls is None else rate(row.calls),
                microseconds(row.cpu_ns),
            ]
        )
    return table(cells, columns, 2, width)


def _original(brigades: Brigades, width: int) -> list[str]:
    lines, rows = brigades.table, []
    for line in lines:
        rows.append([line.what, *(_here(line.kind, cell) for cell in line.cells)])
        published = [_published(cell) for cell in line.cells]
        if any(published):
            rows.append(["", *published])
    return [
        _ORIGINAL_IN_PYTHON if brigades.in_python else _ORIGINAL,
        *table(rows, ["", "async", "threads", "threads, pinned"], 1, width),
    ]


def _here(kind: str, cell: TableCell | None) -> str:
    """What this machine gave; empty where the table has no such cell."""
    if cell is None:
        return ""
    if cell.here is None:
        return cell.why or "not run"
    here = cell.here
    if kind == "bytes":
        kernel_kib = cell.kernel.median / 1024 if cell.kernel else 0.0
        kernel = f" + {kernel_kib:.1f} KiB kernel" if kernel_kib >= _LEAST_KIB else " KiB"
        return f"{here.median / 1024:.1f}{kernel}"
    if here.median < 0:
        return cost_text(here.median, microseconds)
    text = microseconds if kind == "us" else count
    bounds = f" [{text(here.low)}, {text(here.high)}]" if here.low != here.high else ""
    return f"{text(here.median)}{bounds}"


def _published(cell: TableCell | None) -> str:
    """What was published, to be shown below it."""
    return f"({cell.published})" if cell is not None and cell.published else ""


def render(brigades: Brigades, rounds: int, width: int = WIDTH, load: Load = QUIET) -> str:
    """The whole report, ending in a newline."""
    used = rounds - len(load.left_out)
    which = "Every brigade that exists in Python" if brigades.in_python else "Every brigade"
    head = [
        f"{which}, {counted(rounds, 'interleaved round')}; free to move, or pinned to one CPU.",
        "- floor: less the one-thread brigade, which does the same reads and writes and never"
        " switches.",
        f"Times are of untraced runs, with their {interval_name(used)}; calls are from traced"
        " ones.",
    ]
    by_unit: dict[str, list[BrigadeRow]] = {}
    for row in brigades.rows:
        by_unit.setdefault(row.unit, []).append(row)
    blocks = [
        lines(load, "round"),
        head,
        *(_rows(rows, used, unit, width) for unit, rows in by_unit.items()),
        [f"left out: {name} ({why})" for name, why in brigades.missing.items()],
        [line for a in brigades.answers for line in (a.question, f"  {a.text}")],
        _original(brigades, width),
    ]
    return page(blocks, width)


def document(
    brigades: Brigades, rounds: int, host: Mapping[str, str], load: Load = QUIET
) -> dict[str, Any]:
    """The report as JSON data, `tracer.brigades/1`; times in ns."""
    return {
        "schema": SCHEMA,
        "host": dict(host),
        "rounds": rounds,
        "load": load_data(load),
        "brigades": [
            {
                "label": row.label,
                "in_python": row.in_python,
                "unit": row.unit,
                "ns_per_unit": asdict(row.ns),
                "above_floor_ns": asdict(row.above) if row.above else None,
                "cpu_ns_per_unit": row.cpu_ns,
                "switches_per_unit": row.switches,
                "calls_per_unit": row.calls,
                "wall_ns_per_unit": dict(row.parts),
            }
            for row in brigades.rows
        ],
        "table": [
            {
                "what": line.what,
                "kind": line.kind,
                "cells": [None if cell is None else asdict(cell) for cell in line.cells],
            }
            for line in brigades.table
        ],
        "answers": [asdict(answer) for answer in brigades.answers],
        "missing": dict(brigades.missing),
    }
