"""Workload lines times swept values: the cells of an experiment, each with its condition."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.experiment.condition import Condition
from tracer.host import limits
from tracer.host.user import target_uid
from workloads import Needs


@dataclass(frozen=True)
class GridCell:
    """One workload line at one point; `point` holds the swept values by name."""

    line: str
    point: Mapping[str, int | str]
    condition: Condition


@dataclass(frozen=True)
class Grid:
    """What is measured, and what is not because a limit forbids it (cell, and why)."""

    cells: Sequence[GridCell]
    left_out: Sequence[tuple[str, str]]


def label(line: str, point: Mapping[str, int | str]) -> str:
    """`thread-brigade, tasks=1000`."""
    return ", ".join([line, *(f"{name}={value}" for name, value in point.items())])


def points(over: Mapping[str, Sequence[int | str]]) -> list[dict[str, int | str]]:
    """Every combination of the swept values, the first name slowest."""
    return [dict(zip(over, values, strict=True)) for values in itertools.product(*over.values())]


def why_not(needs: Needs, tasks: int, known: Sequence[limits.Limit]) -> str | None:
    """Which limit forbids so many tasks, and what raises it; None when they fit."""
    binding = limits.binding(needs, known)
    if binding is None or binding[0] >= tasks:
        return None
    most, limit = binding
    per_task, fixed = getattr(needs, limit.resource)
    cure = limit.raised_to(per_task * tasks + fixed)
    return f"{limit.name} allows {most:,} tasks; to raise it: {cure}"


def grid(cells: Sequence[GridCell]) -> Grid:
    """The cells that fit into this system's limits, and the others by name."""
    known = limits.limits(target_uid())
    kept, left_out = [], []
    for cell in cells:
        reason = why_not(cell.condition.needs, cell.condition.tasks, known)
        if reason is None:
            kept.append(cell)
        else:
            left_out.append((label(cell.line, cell.point), reason))
    return Grid(kept, left_out)
