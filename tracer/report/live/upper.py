"""The upper part of the live view: the answer, the program as a whole, the path, the findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.analysis.run.summary import Summary
from tracer.report.layout import fit, shortened
from tracer.report.live.history import History, Known
from tracer.report.run.advice import in_words
from tracer.report.run.concurrency import concurrency
from tracer.report.run.head import length, what_ran
from tracer.report.run.path import LEAST_SHOWN, Row, path, path_rows
from tracer.report.run.trust import busy, warning
from tracer.units import plain

#: What is left to the table below it: its head, five rows, the names of the tables, the keys.
BELOW = 8
#: A lower terminal gets less of what is no number.
_HIGH = 30
#: The upper part takes this share of a large terminal at most.
_SHARE = 0.6
#: Columns of a line of the ledger without its history; that is left out where it has too few.
_WIDEST_LINE, _FEWEST_BARS = 72, 8
#: A line that is no part of another goes as early as those that are, with less in all windows.
_SMALL = 0.02
_BARS = "▁▂▃▄▅▆▇█"
_MOST_FINDINGS = 3


@dataclass(frozen=True)
class Line:
    """One line and what it is, for its colour; `bars` stand behind the text."""

    text: str
    kind: str = ""
    bars: str = ""


def upper(run: Summary, history: History, right: str, width: int, height: int) -> list[Line]:
    """The lines of the latest window for a terminal of this size; `right`: at the end of the first
    line."""
    room = min(height - BELOW, max(int(height * _SHARE), 24 - BELOW))
    is_low = height < _HIGH
    top = [Line(_beside(what_ran(run, max(width - len(right) - 2, 20)), right, width), "title")]
    for text in (*warning(run), *busy(run)):
        pieces = [shortened(text, width)] if is_low else fit(text, width)
        top += [Line(piece, "warning") for piece in pieces]
    top += [Line(piece, "answer") for piece in fit(f"{length(run)}. {in_words(run)}", width)]
    known = _findings(history, width, 3 if is_low else 6)
    states = _states(run, width, 2 if is_low else 4)
    ledger = _ledger(run, history, width, max(room - len(top) - len(states) - len(known), 3))
    return [*top, *states, *ledger, *known][: max(room, 1)]


def _beside(left: str, right: str, width: int) -> str:
    return f"{left}{right:>{max(width - len(left), len(right) + 2)}}" if right else left


def _states(run: Summary, width: int, most: int) -> list[Line]:
    """How many threads ran at a time, and what the others slept in."""
    lines = [text.strip() for text in concurrency(run)[1:]]
    return [Line(shortened(text, width), "states") for text in lines[:most]]


def _ledger(run: Summary, history: History, width: int, room: int) -> list[Line]:
    """The path of the latest window, each line with its history; the same lines as long as they are
    worth one in any window that is shown."""
    columns = width - _WIDEST_LINE if width > _WIDEST_LINE + 40 else width - 60
    columns = max(columns - 1, 0)
    columns = columns if columns >= _FEWEST_BARS else 0
    at = width - columns
    rows = [row for row in path_rows(run, at) if history.peak(row.key, columns or 1) >= LEAST_SHOWN]
    shown = _largest(rows, history, columns or 1, room - 1)
    scale = max((history.peak(row.key, columns) for row in shown), default=0.0)
    heading = path(run, at, 1)[0]
    past = f" before (to {100 * scale:.0f} %)" if columns else ""
    lines = [Line(f"{heading}{past}"[:width], "heading")]
    for row in shown:
        bars = sparkline(history.series(row.key, columns), scale)
        lines.append(Line(f"{row} ", "row" if row.startswith(" ") else "main", bars))
    return lines


def _largest(rows: Sequence[Row], history: History, columns: int, room: int) -> list[Row]:
    """At most `room` of them, in their order."""

    def weight(row: Row) -> tuple[bool, float]:
        peak = history.peak(row.key, columns)
        return (not row.startswith(" ") and peak >= _SMALL, peak)

    kept = sorted(rows, key=weight, reverse=True)[: max(room, 1)]
    return [row for row in rows if row in kept]


def sparkline(shares: Sequence[float], scale: float) -> str:
    """One character a window, the oldest first: eighths of `scale`, a dot for nothing."""
    if scale <= 0:
        return "·" * len(shares)
    steps = [min(int(8 * share / scale), 7) for share in shares]
    return "".join(
        "·" if share < LEAST_SHOWN else _BARS[step]
        for share, step in zip(shares, steps, strict=True)
    )


def _findings(history: History, width: int, room: int) -> list[Line]:
    """The first ones, each in as many lines as there are for it; those that are gone in one."""
    lines: list[Line] = []
    for number, known in enumerate(history.findings()[:_MOST_FINDINGS], 1):
        left = room - len(lines)
        if left < 1:
            break
        text = f"{number}. {since(known, history.number)}{plain(known.finding['sentence'])}"
        kind = "gone" if known.gone is not None else "finding"
        pieces = fit(text, width)[: 1 if kind == "gone" else 2]
        if len(pieces) > left or (kind == "gone" and len(fit(text, width)) > 1):
            pieces = [shortened(text, width)]
        lines += [Line(piece, kind) for piece in pieces]
    if not lines:
        lines.append(Line("no findings in this window", "gone"))
    return lines


def since(known: Known, number: int) -> str:
    """`[new] `, `[gone, stood for 3] `; empty for one that was there before."""
    if known.gone is not None:
        return f"[gone, stood for {known.gone - known.since}] "
    return "[new] " if known.since == number else ""
