"""The report of one run for people: the first screen, then the details."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.analysis.run.document import document
from tracer.analysis.run.summary import Summary
from tracer.model.section import Cell, Section, Table, Time, Total
from tracer.report.layout import WIDTH, page, table
from tracer.report.run.activity import calls, scheduler
from tracer.report.run.advice import what_if
from tracer.report.run.colour import painted
from tracer.report.run.concurrency import concurrency
from tracer.report.run.head import head, path_title
from tracer.report.run.path import path, remarks
from tracer.report.run.sampled import sampled
from tracer.report.run.screen import LINES, screen
from tracer.report.run.threads import groups, threads
from tracer.report.run.trust import trust
from tracer.report.run.where import where
from tracer.report.run.who import who
from tracer.units import in_one_unit

#: A column of counts by unit of work, where the whole run is one.
_WHOLE = "per run"


@dataclass(frozen=True)
class Shown:
    """What of a report is shown: `brief`, the first screen alone, in `lines` lines; `by_task`, the
    path by task instead of by place; `colour`, for a terminal, with bars;
    `all_rows`, the small rows of tables too; `asked`, probes that say so where they saw nothing."""

    brief: bool = False
    lines: int = LINES
    by_task: bool = False
    colour: bool = False
    all_rows: bool = False
    asked: tuple[str, ...] = ()


def render(
    run: Summary,
    width: int = WIDTH,
    shown: Shown = Shown(),
    data: Mapping[str, Any] | None = None,
) -> str:
    """The report, at most `width` columns where that can be done, ending in a newline. `data`: the
    run's JSON document, where it is there already; of a saved one it has more than `run`."""
    first = screen(run, document(run) if data is None else data, width, shown.lines)
    blocks = [first] if shown.brief else [first, *_details(run, width, shown, first)]
    text = page(blocks, width)
    return painted(text, width) if shown.colour else text


def _details(run: Summary, width: int, shown: Shown, first: list[str]) -> list[list[str]]:
    ran = head(run)
    whole = path(run, width)
    return [
        [
            *(ran[1:] if ran[0] in first else ran),
            path_title(run),
            *remarks(run),
            *what_if(run),
            "Words: tracer help words",
        ],
        [] if set(whole) <= set(first) else whole,
        who(run, width),
        concurrency(run),
        where(run.where, width, by_task=shown.by_task),
        scheduler(run, width),
        groups(run, width, all_rows=shown.all_rows),
        threads(run, width),
        calls(run, width, all_rows=shown.all_rows),
        sampled(run, width, all_rows=shown.all_rows),
        *(
            _section(section, width)
            for name, section in run.sections
            if name in shown.asked or not section.is_empty
        ),
        trust(run),
    ]


def _section(section: Section, width: int = WIDTH) -> list[str]:
    lines = [section.title]
    for block in section.blocks:
        if isinstance(block, str):
            lines.append(block)
        else:
            kept = [n for n, column in enumerate(block.columns) if column != _WHOLE]
            heads, rows = _in_units(block, kept)
            if not _is_zero(rows, block.left):
                lines += table(rows, heads, block.left, width)
    return lines


def _in_units(block: Table, kept: Sequence[int]) -> tuple[list[str], list[list[str]]]:
    """Heads and rows of the columns `kept`; times are in one unit, and so are sums of times. The
    heads name it."""
    columns = {n: [row[n] for row in block.rows] for n in kept}
    heads = {n: block.columns[n] for n in kept}
    texts = {n: [cell if isinstance(cell, str) else "" for cell in columns[n]] for n in kept}
    for quantity in (Time, Total):
        found = [
            (n, row, cell)
            for n, cells in columns.items()
            if _quantity(cells) is quantity
            for row, cell in enumerate(cells)
            if not isinstance(cell, str)
        ]
        ns = [cell for _n, _row, cell in found]
        unit, times = in_one_unit(ns, are_sums=quantity is Total)
        for (n, row, _cell), text in zip(found, times, strict=True):
            heads[n], texts[n][row] = f"{block.columns[n]}, {unit}", text
    return list(heads.values()), [list(row) for row in zip(*texts.values(), strict=True)]


def _quantity(cells: Sequence[Cell]) -> type[Time]:
    return Total if any(isinstance(cell, Total) for cell in cells) else Time


def _is_zero(rows: Sequence[Sequence[str]], left: int) -> bool:
    """A table that tells nothing: no rows, or nothing but zeros in them."""
    cells = {cell for row in rows for cell in row[left:]}
    return cells <= {"0", "-", "", "0 ns", "0.0 %"}
