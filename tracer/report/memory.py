"""The report of memory per task: a table for each workload, one of all, JSON, a chart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.memory import GROUP, USER, Memory
from tracer.analysis.quiet import QUIET, Load
from tracer.analysis.statistics.regression import Slope
from tracer.analysis.statistics.wording import cost_text
from tracer.report.chart import Chart, Series
from tracer.report.layout import WIDTH, page, table
from tracer.report.load import document as load_data
from tracer.report.load import lines
from tracer.report.scale import is_wide
from tracer.units import counted, plain, size, two_decimals

SCHEMA = "tracer.memory/1"
NAMES = {
    "virtual": "virtual (VmSize)",
    "resident": "resident (Rss)",
    "proportional": "user: its share of the resident (Pss)",
    "kernel_stack": "kernel: stacks",
    "page_tables": "kernel: page tables",
    "slab": "kernel: slab that cannot be reclaimed",
    "kernel": "kernel: these three",
    GROUP: "kernel: as the control group counts it",
}
#: Less per task than this is no kernel stack (bytes).
_SMALLEST_STACK = 1024
#: A line of fewer bytes per task would lie on the chart's axis.
_SMALLEST_SLOPE = 100
_PUBLISHED = "Published (a laptop, 2021): threads 9.5 KiB user + 10 KiB kernel, tasks 0.4 KiB."


def _kib(value_bytes: float) -> str:
    return cost_text(value_bytes, lambda value: f"{two_decimals(value / 1024)} KiB")


def _row(name: str, slope: Slope, has_program: bool = False) -> list[str]:
    """Per task, with its interval; with `has_program` what the program takes without any task."""
    return [
        name,
        _kib(slope.slope),
        f"[{two_decimals(slope.low / 1024)}, {two_decimals(slope.high / 1024)}]",
        size(slope.intercept) if has_program and slope.intercept > 0 else "",
    ]


def _workload(memory: Memory, width: int, judged: bool) -> list[str]:
    sizes = f"{memory.sizes[0]:,} to {memory.sizes[-1]:,}"
    rows = [
        _row(text, memory.slopes[kind], has_program=kind in USER)
        for kind, text in NAMES.items()
        if kind in memory.slopes
    ]
    if memory.sockets_kernel is not None and memory.tasks_kernel is not None:
        rows.append(_row("of it: the transport (one-thread-brigade)", memory.sockets_kernel))
        rows.append(_row("of it: the tasks themselves", memory.tasks_kernel))
    return [
        f"{plain(memory.line)}  {counted(len(memory.sizes), 'run')} of {sizes} tasks, paused at"
        " full size",
        *table(rows, ["per task", "memory", "95 % interval", "the program"], 1, width),
        *(_against_published(memory) if judged else []),
    ]


def _against_published(memory: Memory) -> list[str]:
    """Why the kernel's part is not the published one, where there are kernel stacks."""
    if memory.in_python:
        return []
    stack, kernel = memory.slopes.get("kernel_stack"), memory.slopes.get(memory.kernel)
    if stack is None or stack.slope < _SMALLEST_STACK or kernel is None:
        return []
    transport = memory.sockets_kernel
    less = f", of which {_kib(transport.slope)} are the transport's" if transport else ""
    return [
        f"The kernel's part here is {_kib(kernel.slope)}{less}. A stack alone is"
        f" {_kib(stack.slope)}, more than the 10 KiB published, which cannot include it."
    ]


def _published(memories: Sequence[Memory]) -> list[str]:
    """The published figures; those of native programs are not set beside a program in Python."""
    return [] if any(memory.in_python for memory in memories) else [_PUBLISHED]


def _summary(memories: Sequence[Memory], width: int) -> list[str]:
    rows = []
    for memory in memories:
        kinds = ("proportional", memory.kernel, "virtual")
        slopes = [memory.slopes.get(kind) for kind in kinds]
        rows.append([plain(memory.line), *(_kib(s.slope) if s else "-" for s in slopes)])
    return table(rows, ["per task", "user", "kernel", "virtual"], 1, width)


def render(
    memories: Sequence[Memory],
    left_out: Sequence[tuple[str, str]],
    width: int = WIDTH,
    load: Load = QUIET,
) -> str:
    """The whole report."""
    return page(
        [
            lines(load, "round"),
            *(_workload(memory, width, load.allows_verdict) for memory in memories),
            [
                *_summary(memories, width),
                *(_published(memories) if load.allows_verdict else []),
            ],
            [f"left out: {plain(cell)}: {reason}" for cell, reason in left_out],
        ],
        width,
    )


def document(
    memories: Sequence[Memory],
    left_out: Sequence[tuple[str, str]],
    host: Mapping[str, str],
    load: Load = QUIET,
) -> dict[str, Any]:
    """The same as JSON data, `tracer.memory/1`; all memory in bytes."""
    return {
        "schema": SCHEMA,
        "host": dict(host),
        "load": load_data(load),
        "workloads": [_data(memory) for memory in memories],
        "left_out": [{"cell": cell, "reason": reason} for cell, reason in left_out],
    }


def _data(memory: Memory) -> dict[str, Any]:
    return {
        "line": memory.line,
        "in_python": memory.in_python,
        "tasks": list(memory.sizes),
        "bytes": {kind: list(values) for kind, values in memory.series.items()},
        "per_task": {
            kind: {**asdict(slope), "low": slope.low, "high": slope.high}
            for kind, slope in memory.slopes.items()
        },
        "kernel_kind": memory.kernel,
        "joints": None if memory.sockets is None else _data(memory.sockets),
    }


def chart(memories: Sequence[Memory], host: str) -> Chart:
    """User and kernel memory against the number of tasks, with the fitted lines."""
    series = [
        _series(memory, kind, what, number)
        for number, memory in enumerate(memories)
        for kind, what in (("proportional", "user"), (memory.kernel, "kernel"))
        if kind in memory.slopes and abs(memory.slopes[kind].slope) >= _SMALLEST_SLOPE
    ]
    tasks = [x for one in series for x in one.x]
    mib = [y for one in series for y in one.y]
    return Chart(
        title="Memory of tasks that wait",
        note=f"filled: user (Pss), open: kernel; lines: least squares; {host}",
        x_label="tasks",
        y_label="memory, MiB",
        series=series,
        x_log=is_wide(tasks, 50),
        y_log=is_wide(mib, 50) and is_wide(tasks, 50),
    )


def _series(memory: Memory, kind: str, what: str, group: int) -> Series:
    slope = memory.slopes[kind]
    ends = (memory.sizes[0], memory.sizes[-1])
    return Series(
        f"{memory.line}, {what}: {_kib(slope.slope)} per task",
        x=memory.sizes,
        y=[value_bytes / 2**20 for value_bytes in memory.series[kind]],
        fitted=[(x, (slope.intercept + slope.slope * x) / 2**20) for x in ends],
        group=group,
        dashed=what == "kernel",
    )
