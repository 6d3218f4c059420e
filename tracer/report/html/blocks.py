"""What a page can show, as plain data for its scripts: one function for each kind of block.

A cell of a table is a text, or a pair of a text and the number that it is sorted by. Names that
belong to the target go through `name`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tracer.report.names import short_name
from tracer.units import count, duration, in_points, percent, plain, rate

Block = dict[str, Any]
Cell = str | list[Any]

#: A longer name loses its middle.
_LONGEST_NAME = 300
#: More rows of a table are left to --json.
MOST_ROWS = 20_000


class Column(NamedTuple):
    """The head of a column; `is_text`: aligned to the left. `about` is shown on demand."""

    name: str
    is_text: bool = False
    about: str = ""


#: The head of the cells of `error`.
ERROR = Column("+-", about="Sampling error of the share, 95 %, in points")


# ---- cells ----


def name(text: str | None) -> str:
    """A name of the target's, without control characters, at most 300 characters."""
    text = plain(text or "")
    half = _LONGEST_NAME // 2
    return text if len(text) <= _LONGEST_NAME else f"{text[: half - 1]}…{text[-half:]}"


def thread(text: str | None) -> str:
    """The name of a thread, which can be empty or blank."""
    return name(text) if text and text.strip() else "(no name)"


def function(text: str | None) -> Cell:
    """The name of a function: its last parts, with the whole name behind them."""
    whole = name(text)
    short = short_name(whole)
    return whole if short == whole else [short, whole]


def time(ns: float | None) -> Cell:
    """A time of so many ns."""
    return "" if ns is None else [duration(ns), ns]


def number(value: float | None) -> Cell:
    """A count."""
    return "" if value is None else [count(value), value]


def per_unit(value: float | None) -> Cell:
    """A count by unit of work."""
    return "" if value is None else [rate(value), value]


def share(value: float | None) -> Cell:
    """A share of one, in percent."""
    if value is None:
        return ""
    text = percent(value)
    return ["0.0 %" if text == "-0.0 %" else text, value]


def error(share: float | None) -> Cell:
    """The sampling error of a share of one, in points."""
    return "" if share is None else [in_points(share), share]


# ---- blocks ----


def text(*lines: str, tone: str = "") -> Block:
    """Paragraphs; `tone`: answer, question, warning, note or command."""
    return {"kind": "text", "tone": tone, "lines": list(lines)}


def finding(number: int, sentence: str, evidence: str, following: str) -> Block:
    """One finding: what, what it rests on, what to do."""
    return {
        "kind": "finding",
        "number": number,
        "sentence": plain(sentence),
        "evidence": plain(evidence),
        "next": plain(following),
    }


def table(
    title: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Cell]],
    *,
    note: str = "",
    sort: int | None = None,
) -> Block:
    """A table that sorts and filters; `sort`: the column it is sorted by, largest first, if not in
    the order of `rows`."""
    if sort is not None:
        rows = sorted(rows, key=lambda row: -_value(row[sort]))
    more = f" The first {MOST_ROWS:,} of {len(rows):,}; --json has all." * (len(rows) > MOST_ROWS)
    return {
        "kind": "table",
        "title": title,
        "note": f"{note}{more}".strip(),
        "columns": [column._asdict() for column in columns],
        "rows": [list(row) for row in rows[:MOST_ROWS]],
        "sort": sort,
    }


def _value(cell: Cell) -> float:
    return float(cell[1]) if isinstance(cell, list) else float("-inf")


def lines(
    title: str,
    x: str,
    y: str,
    series: Sequence[Mapping[str, Any]],
    *,
    note: str = "",
    x_log: bool = False,
    y_log: bool = False,
    x_names: Sequence[str] = (),
) -> Block:
    """Series of points: each has name, x, y, and low and high where there are intervals. `points`
    true: without a line through them."""
    return {
        "kind": "lines",
        "title": title,
        "note": note,
        "x": {"label": x, "log": x_log, "names": list(x_names)},
        "y": {"label": y, "log": y_log},
        "series": [dict(one) for one in series],
    }


def intervals(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    note: str = "",
    reference: float | None = None,
    about: str = "",
) -> Block:
    """Medians with their intervals, one below another: rows of label, text, median, low, high and
    tone. `reference`: where nothing would have changed, named by `about`."""
    return {
        "kind": "intervals",
        "title": title,
        "note": note,
        "reference": reference,
        "about": about,
        "rows": [dict(row) for row in rows],
    }


def bars(title: str, rows: Sequence[Mapping[str, Any]], *, note: str = "") -> Block:
    """Bars of parts, one below another: rows of label, text and parts of name and value. The names
    are of `PARTS` in tracer.report.html.parts."""
    return {"kind": "bars", "title": title, "note": note, "rows": [dict(row) for row in rows]}


def section(
    number: str, title: str, *content: Block | None, lead: str = "", short: str = ""
) -> dict[str, Any]:
    """A part of the page under a heading; blocks that are None are left out. `short`: what links to
    it say."""
    return {
        "id": number,
        "title": title,
        "short": short or title,
        "lead": lead,
        "blocks": [block for block in content if block],
    }
