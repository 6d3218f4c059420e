"""The answer to a query: as a table, CSV or JSON; and the views that there are."""

from __future__ import annotations

import csv
import io
import textwrap
from collections.abc import Mapping
from typing import Any

from tracer.analysis.events.query import Answer
from tracer.analysis.events.views import VIEWS
from tracer.report.layout import WIDTH, table
from tracer.units import plain

SCHEMA = "tracer.query/1"
#: A table shows no more rows; CSV and JSON have all.
MOST_ROWS = 1000
_COLUMN = 16


def render(answer: Answer, width: int = WIDTH) -> str:
    """A table."""
    rows = [[_cell(value) for value in row] for row in answer.rows[:MOST_ROWS]]
    lines = table(rows, [name for name, _ in answer.columns], 0, width)
    if len(answer.rows) > MOST_ROWS:
        lines.append(f"({MOST_ROWS:,} of {len(answer.rows):,} rows; --csv FILE has all)")
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.6g}"
    return plain(str(value))


def as_csv(answer: Answer) -> str:
    """A line of names, then the rows; null is empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([name for name, _ in answer.columns])
    writer.writerows(answer.rows)
    return stream.getvalue()


def document(answer: Answer, sql: str) -> dict[str, Any]:
    """JSON data, `tracer.query/1`; what JSON has no type for is text."""
    return {
        "schema": SCHEMA,
        "sql": sql,
        "columns": [{"name": name, "type": kind} for name, kind in answer.columns],
        "rows": [[_json(value) for value in row] for row in answer.rows],
    }


def _json(value: Any) -> Any:
    if isinstance(value, float):
        return value if value - value == 0 else None  # neither inf nor nan
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple):
        return [_json(member) for member in value]
    if isinstance(value, dict):
        return {str(name): _json(member) for name, member in value.items()}
    return str(value)


#: What a view is, and the meanings of its columns, by its name.
Views = Mapping[str, tuple[str, Mapping[str, str]]]
_OF_RECORDING: Views = {name: (view.summary, view.columns) for name, view in VIEWS.items()}


def views(width: int = WIDTH, of: Views = _OF_RECORDING) -> str:
    """Every view with its columns; those of a recording, or others."""
    lines = []
    for name, (summary, columns) in of.items():
        lines.append(f"{name}: {summary}")
        for column, meaning in columns.items():
            start = f"  {column:<{_COLUMN}}"
            lines += textwrap.wrap(
                start + meaning, max(width, 40), subsequent_indent=" " * len(start)
            )
    return "\n".join(lines) + "\n"
