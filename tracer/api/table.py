"""Tables of a report or a recording, as plain rows, for pandas, pyarrow and notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from tracer.errors import TracerError
from tracer.host.installation import not_installed

#: Rows that a notebook shows.
_SHOWN = 60


@dataclass(frozen=True, repr=False)
class Table:
    """`rows` of plain values, one for each of the `columns`; None is an unknown value."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Row by row, values by column."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def pandas(self) -> Any:
        """A pandas.DataFrame. TracerError where pandas is not installed."""
        try:
            import pandas
        except ImportError:
            raise not_installed("a frame needs", "pandas", "frames") from None
        return pandas.DataFrame(self.rows, columns=self.columns)

    def arrow(self) -> Any:
        """A pyarrow.Table. TracerError where pyarrow is not installed."""
        try:
            import pyarrow
        except ImportError:
            raise not_installed("a frame needs", "pyarrow", "frames") from None
        columns = zip(*self.rows, strict=True) if self.rows else ((),) * len(self.columns)
        arrays = [pyarrow.array(list(column)) for column in columns]
        return pyarrow.table(arrays, names=list(self.columns))

    def __repr__(self) -> str:
        return f"<tracer table, {len(self.rows)} rows: {', '.join(self.columns)}>"

    def _repr_html_(self) -> str:
        from html import escape

        def line(cells: Sequence[object], tag: str) -> str:
            shown = ("" if cell is None else escape(str(cell)) for cell in cells)
            return f"<tr>{''.join(f'<{tag}>{cell}</{tag}>' for cell in shown)}</tr>"

        body = "".join(line(row, "td") for row in self.rows[:_SHOWN])
        left = len(self.rows) - _SHOWN
        more = f"<div>and {left} more rows</div>" if left > 0 else ""
        return f"<table>{line(self.columns, 'th')}{body}</table>{more}"


class Tabled(Protocol):
    """What the tables are made of: `tracer.api.report.Report`."""

    @property
    def ledger(self) -> Any: ...

    @property
    def findings(self) -> Sequence[Any]: ...

    @property
    def calls(self) -> Sequence[Any]: ...

    @property
    def threads(self) -> Sequence[Any]: ...

    @property
    def groups(self) -> Sequence[Any]: ...

    @property
    def places(self) -> Sequence[Any]: ...


def table_of(report: Tabled, name: str) -> Table:
    """One of a report's tables. TracerError for another name, with those that there are."""
    if name not in _TABLES:
        raise TracerError(
            f"a report has no table {name!r}", f"it has: {', '.join(_TABLES)}", exit_code=2
        )
    columns, rows = _TABLES[name](report)
    return _table(columns, rows)


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> Table:
    return Table(tuple(columns), tuple(tuple(row[name] for name in columns) for row in rows))


_Rows = tuple[Sequence[str], Sequence[Mapping[str, Any]]]


def _ledger(report: Tabled) -> _Rows:
    return ("label", "level", "time_ns", "share"), [asdict(one) for one in report.ledger.lines]


def _findings(report: Tabled) -> _Rows:
    columns = ("id", "share", "sentence", "evidence", "next", "doc")
    return columns, [one._asdict() for one in report.findings]


def _calls(report: Tabled) -> _Rows:
    """`errors`: how many failed, whatever the reason."""
    columns = (
        *("name", "class", "calls", "per_unit", "errors", "total_ns", "on_cpu_ns", "off_cpu_ns"),
        *("p50_ns", "p90_ns", "p99_ns", "max_ns", "bytes", "events", "open"),
    )
    rows = [
        {**asdict(call), "class": call.cls, "errors": sum(call.errors.values())}
        for call in report.calls
    ]
    return columns, rows


def _threads(report: Tabled) -> _Rows:
    """A column for each state: its time, ns."""
    rows = [{**asdict(row), **row.parts} for row in report.threads]
    counts = ("voluntary", "involuntary", "migrations")
    return ("tid", "name", *counts, *_parts(rows)), rows


def _groups(report: Tabled) -> _Rows:
    """The same of groups; `idle` of the threads never ran."""
    rows = [{**asdict(row), **row.parts} for row in report.groups]
    counts = ("threads", "idle", "idle_ns", "voluntary", "involuntary", "migrations")
    return ("name", *counts, *_parts(rows)), rows


def _parts(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(rows[0]["parts"]) if rows else ()


def _places(report: Tabled) -> _Rows:
    columns = (
        *("function", "module", "file", "line", "called", "part", "calls", "time_ns", "share"),
        *("error", "points"),
    )
    return columns, [{**asdict(one), "calls": list(one.calls)} for one in report.places]


_TABLES: Mapping[str, Callable[[Tabled], _Rows]] = {
    "ledger": _ledger,
    "findings": _findings,
    "calls": _calls,
    "threads": _threads,
    "groups": _groups,
    "places": _places,
}
