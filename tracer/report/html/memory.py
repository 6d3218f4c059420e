"""The view of memory per task, tracer.memory/1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Cell, Column, section
from tracer.report.html.host import interval, measured
from tracer.report.memory import NAMES
from tracer.report.scale import is_wide
from tracer.units import counted, size


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """The picture, what a task takes, and how it was measured."""
    found = document["workloads"]
    return {
        "title": "Memory of tasks that wait",
        "sections": [
            section("answer", "", _per_task(found), _chart(found)),
            section("tables", "What a task takes", *map(_table, found), short="Tables",
                    lead="The slope of a line through many sizes, with its 95 % interval."),
            measured(document),
        ],
    }  # fmt: skip


def _per_task(found: Sequence[Mapping[str, Any]]) -> Block:
    rows = []
    for one in found:
        for kind, what in (("proportional", "user"), (one["kernel_kind"], "kernel")):
            slope = one["per_task"].get(kind)
            if slope:
                ends = {"median": slope["slope"], "low": slope["low"], "high": slope["high"]}
                rows.append(interval(f"{one['line']}, {what}", _slope_text(slope), ends))
    return blocks.intervals("Memory per task", rows)


def _slope_text(slope: Mapping[str, float]) -> str:
    return (
        f"{slope['slope'] / 1024:.2f} KiB [{slope['low'] / 1024:.2f}, {slope['high'] / 1024:.2f}]"
    )


def _chart(found: Sequence[Mapping[str, Any]]) -> Block:
    series = []
    for group, one in enumerate(found):
        for kind, what in (("proportional", "user"), (one["kernel_kind"], "kernel")):
            slope = one["per_task"].get(kind)
            if slope and kind in one["bytes"]:
                ends = (one["tasks"][0], one["tasks"][-1])
                series.append(
                    {
                        "name": f"{blocks.name(one['line'])}, {what}",
                        "x": one["tasks"],
                        "y": [value / 2**20 for value in one["bytes"][kind]],
                        "points": True,
                        "group": group,
                        "dashed": what == "kernel",
                        "fitted": [
                            [x, (slope["intercept"] + slope["slope"] * x) / 2**20] for x in ends
                        ],
                    }
                )
    tasks = [x for one in series for x in one["x"]]
    return blocks.lines(
        "Memory by number of tasks",
        "tasks",
        "MiB",
        series,
        note="Filled: user (Pss); open: kernel; lines: least squares.",
        x_log=is_wide(tasks, 50),
    )


def _table(one: Mapping[str, Any]) -> Block:
    columns = [Column("memory", is_text=True), Column("per task"), Column("low"), Column("high")]
    columns += [Column("the program without tasks")]
    rows = [
        [
            NAMES.get(kind, kind),
            *(_kib(slope[end]) for end in ("slope", "low", "high")),
            _size(slope["intercept"]),
        ]
        for kind, slope in one["per_task"].items()
    ]
    sizes = f"{one['tasks'][0]:,} to {one['tasks'][-1]:,} tasks" if one["tasks"] else ""
    title = f"{blocks.name(one['line'])}: {counted(len(one['tasks']), 'run')} of {sizes}"
    return blocks.table(title, columns, rows)


def _kib(value_bytes: float) -> Cell:
    return [f"{value_bytes / 1024:.2f} KiB", value_bytes]


def _size(value_bytes: float) -> Cell:
    return [size(value_bytes), value_bytes] if value_bytes > 0 else ""
