"""What a probe adds to a report: tables and sentences for people, data for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.units import rate


@dataclass(frozen=True)
class Scale:
    """What counts are divided by, and the length of the window."""

    unit: str
    units: int
    window_ns: int

    def per_unit(self, value: float) -> float:
        return value / max(self.units, 1)

    def each(self, value: float) -> str:
        """A count by unit of work, behind a comma: `, 1.34 per hop`; nothing where the whole run is
        the unit, which repeats the count."""
        return "" if self.unit == "run" else f", {rate(self.per_unit(value))} per {self.unit}"


@dataclass(frozen=True)
class Table:
    """Cells are finished text; the first `left` columns are aligned to the left."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


@dataclass(frozen=True)
class Section:
    """One probe's part of a report.

    `blocks` are sentences and tables in their order, under `title`; `data` is the JSON section,
    whose times are integers in ns, null when unknown.
    """

    title: str
    blocks: Sequence[str | Table]
    data: Mapping[str, Any]
