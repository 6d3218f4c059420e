"""Memory per task: a table for each workload, the two brigades side by side, a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.memory import GROUP, USER, Memory
from tracer.analysis.statistics.regression import Slope
from tracer.report.chart import Chart, Series, is_wide
from tracer.report.layout import WIDTH, fit, table
from tracer.units import plain, size

SCHEMA = "tracer.memory/1"
_NAMES = {
    "virtual": "virtual (VmSize)",
    "resident": "resident (Rss)",
    "proportional": "user: its share of the resident (Pss)",
    "kernel_stack": "kernel: stacks",
    "page_tables": "kernel: page tables",
    "slab": "kernel: slab that cannot be reclaimed",
    "kernel": "kernel: these three",
    GROUP: "kernel: as the control group counts it",
}
_PUBLISHED = "Published (a laptop, 2021): threads 9.5 KiB user + 10 KiB kernel, tasks 0.4 KiB."


def _kib(value: float) -> str:
    return f"{_two(value)} KiB"


def _two(value: float) -> str:
    """KiB with two digits, without a minus before zero."""
    return f"{value / 1024:.2f}".replace("-0.00", "0.00")


def _row(name: str, slope: Slope, beside: bool = False) -> list[str]:
    return [name, _kib(slope.slope), f"[{_two(slope.low)}, {_two(slope.high)}]",
            size(slope.intercept) if beside and slope.intercept > 0 else ""]  # fmt: skip


def _block(found: Memory, width: int) -> list[str]:
    sizes = f"{found.sizes[0]:,} to {found.sizes[-1]:,}"
    lines = [f"{plain(found.line)}  {len(found.sizes)} runs of {sizes} tasks, held at full size"]
    rows = [
        _row(text, found.slopes[kind], kind in USER)
        for kind, text in _NAMES.items()
        if kind in found.slopes
    ]
    if found.sockets is not None:
        kind = found.kernel
        if kind in found.slopes and kind in found.sockets.slopes:
            joints = found.sockets.slopes[kind]
            rows.append(_row("of it: the joints (one-thread-brigade)", joints))
            rows.append(_row("of it: the tasks themselves", found.slopes[kind].minus(joints)))
    lines += table(rows, ["per task", "memory", "95 % interval", "the program"], 1, width)
    return [*lines, *_differs(found)]


def _differs(found: Memory) -> list[str]:
    """Why the kernel's part is not the published one, where there are kernel stacks."""
    stack = found.slopes.get("kernel_stack")
    if stack is None or stack.slope < 1024 or found.kernel not in found.slopes:
        return []
    total, joints = found.slopes[found.kernel], None
    if found.sockets is not None:
        joints = found.sockets.slopes.get(found.kernel)
    less = f", of which {_kib(joints.slope)} are the joints'" if joints is not None else ""
    return [
        f"The kernel's part here is {_kib(total.slope)}{less}. A stack alone is"
        f" {_kib(stack.slope)}, more than the 10 KiB published: those cannot have counted it."
    ]


def _summary(found: Sequence[Memory], width: int) -> list[str]:
    rows = []
    for one in found:
        kernel = one.slopes.get(one.kernel)
        user = one.slopes.get("proportional")
        rows.append(
            [plain(one.line), _kib(user.slope) if user else "-",
             _kib(kernel.slope) if kernel else "-", _kib(one.slopes["virtual"].slope)]
        )  # fmt: skip
    return table(rows, ["per task", "user", "kernel", "virtual"], 1, width)


def render(found: Sequence[Memory], left_out: Sequence[tuple[str, str]], width: int = WIDTH) -> str:
    """The whole report."""
    blocks = [_block(one, width) for one in found]
    blocks.append([*_summary(found, width), _PUBLISHED])
    if left_out:
        blocks.append([f"left out: {plain(cell)}: {reason}" for cell, reason in left_out])
    lines = [line for block in blocks for line in [*block, ""]][:-1]
    return "\n".join(piece for line in lines for piece in fit(line, width)) + "\n"


def _plain(found: Memory) -> dict[str, Any]:
    return {
        "line": found.line,
        "tasks": list(found.sizes),
        "bytes": {kind: list(values) for kind, values in found.series.items()},
        "per_task": {
            kind: {**asdict(slope), "low": slope.low, "high": slope.high}
            for kind, slope in found.slopes.items()
        },
        "kernel_kind": found.kernel,
        "joints": None if found.sockets is None else _plain(found.sockets),
    }


def document(
    found: Sequence[Memory], left_out: Sequence[tuple[str, str]], host: Mapping[str, str]
) -> dict[str, Any]:
    """The same as JSON data, `tracer.memory/1`; all memory in bytes."""
    return {
        "schema": SCHEMA,
        "host": dict(host),
        "workloads": [_plain(one) for one in found],
        "left_out": [{"cell": cell, "reason": reason} for cell, reason in left_out],
    }


def chart(found: Sequence[Memory], host: str) -> Chart:
    """User and kernel memory against the number of tasks, with the fitted lines."""
    series = []
    for number, one in enumerate(found):
        for kind, what in (("proportional", "user"), (one.kernel, "kernel")):
            slope = one.slopes.get(kind)
            if slope is None or abs(slope.slope) < 100:
                continue  # nothing per task: a line along the axis tells nobody anything
            ends = [(x, (slope.intercept + slope.slope * x) / 2**20)
                    for x in (one.sizes[0], one.sizes[-1])]  # fmt: skip
            series.append(
                Series(
                    f"{one.line}, {what}: {_kib(slope.slope)} per task",
                    one.sizes, [value / 2**20 for value in one.series[kind]],
                    fitted=ends, group=number, dashed=what == "kernel",
                )
            )  # fmt: skip
    x = [value for one in series for value in one.x]
    y = [value for one in series for value in one.y]
    return Chart(
        title="Memory of tasks that wait",
        note=f"filled: user (Pss), open: kernel; lines: least squares; {host}",
        x_label="tasks",
        y_label="memory, MiB",
        series=series,
        x_log=is_wide(x, 50),
        y_log=is_wide(y, 50) and is_wide(x, 50),
    )
