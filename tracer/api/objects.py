"""What a report is made of: plain, immutable objects. Times are integers in ns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracer.analysis.run import ledger


@dataclass(frozen=True)
class Line:
    """One line of the ledger as the text report prints it. A line with a `level` of 1 or more is a
    part of the nearest line above it with a lower one; `share` is that of the window, 0 to 1."""

    label: str
    time_ns: int
    share: float
    level: int = 0


@dataclass(frozen=True)
class Ledger(ledger.Ledger):
    """Where the time of the window went, along the critical path.

    `total_ns` = sum of `parts` + `residual_ns`, exactly; the names of the parts are those of the
    JSON report (docs/time-accounting.md). `lines` is the same for people: in a notebook it is shown
    as a table.
    """

    lines: tuple[Line, ...] = field(default=(), repr=False)

    def _repr_html_(self) -> str:
        from tracer.report.html.notebook import ledger_table

        rows = [(line.label, line.time_ns, line.share, line.level) for line in self.lines]
        return ledger_table(rows, self.total_ns, self.residual_ns)


@dataclass(frozen=True)
class Call:
    """All calls of one system call in the window, of all threads; the fields are those of the JSON
    report's `syscalls`.

    `total_ns` includes sleeping in the call, `off_cpu_ns` is that part of it; `errors` counts
    failures by name (`EAGAIN`); percentiles are known to about 3 %. `per_unit` is None where units
    of work were not counted, `bytes` and `events` where the call's result is no such number. `open`
    calls had not returned at the end, and are not in `calls`.
    """

    name: str
    cls: str
    calls: int
    per_unit: float | None
    errors: Mapping[str, int]
    total_ns: int
    on_cpu_ns: int
    off_cpu_ns: int
    p50_ns: int | None
    p90_ns: int | None
    p99_ns: int | None
    max_ns: int | None
    bytes: int | None
    events: int | None
    open: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Call:
        """From a row of the JSON report."""
        values = {name: row.get(name) for name in cls.__dataclass_fields__ if name != "cls"}
        return cls(**{**values, "cls": row["class"], "open": row.get("open", 0)})


@dataclass(frozen=True)
class Place:
    """The time of the critical path at one place of the program, in one state; the fields are those
    of the JSON report's `where.places`.

    `function` called `called` there, where that is known; `file` and `line` are None where they
    are not. `part` is a part of the ledger, `calls` the system calls, most time first. `error` is
    the 95 % half-width of `share`, None where too few points were sampled.
    """

    function: str
    module: str | None
    file: str | None
    line: int | None
    called: str | None
    part: str
    calls: Sequence[str]
    time_ns: int
    share: float
    error: float | None
    points: float

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Place:
        """From a row of the JSON report."""
        values: dict[str, Any] = {name: row.get(name) for name in cls.__dataclass_fields__}
        return cls(**values)
