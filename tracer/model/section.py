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


class Time(float):
    """A time in a cell of a table, ns: all times of a table are printed in one unit."""

    @classmethod
    def of(cls, ns: float | None) -> Time | None:
        """The cell of a time that may be unknown."""
        return None if ns is None else cls(ns)


class Total(Time):
    """A sum of times in a cell, ns: a quantity of its own, with a unit of its own."""


#: Finished text, or a time; None is an unknown one.
Cell = str | Time | None


@dataclass(frozen=True)
class Table:
    """The first `left` columns are aligned to the left."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
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

    @property
    def is_empty(self) -> bool:
        """The probe saw nothing of what it counts: a sentence says so, there is no table."""
        return not any(isinstance(block, Table) for block in self.blocks)
