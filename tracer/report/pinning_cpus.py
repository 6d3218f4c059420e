"""The time per unit by number of CPUs (`tracer explain pinning`): the table, JSON, the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.pinning.rungs import Rung
from tracer.analysis.statistics.wording import (
    interval_heading,
    interval_name,
    microseconds_bounds,
    ratio_text,
)
from tracer.model.words import in_prose
from tracer.report.chart import Chart, Series
from tracer.report.layout import table
from tracer.units import counted, microseconds, plain, rate

#: A longer workload line is cut in the picture's title.
_LONGEST_LINE = 40


def lines(rungs: Sequence[Rung], unit: str, blocks: int, width: int) -> list[str]:
    """The table; nothing without a run on one CPU and one on more."""
    if len(rungs) < 2:
        return []
    rows = [
        [
            str(rung.cpus),
            microseconds(rung.ns.median),
            microseconds_bounds(rung.ns),
            ratio_text(rung.ratio) if rung.ratio else "",
            *("-" if ns is None else microseconds(ns) for ns in (rung.traced_ns, rung.asleep_ns)),
            "-" if rung.crossings is None else rate(rung.crossings),
        ]
        for rung in rungs
    ]
    columns = ["CPUs", "median", interval_heading(blocks), "one CPU: 1x", "traced", "CPU asleep"]
    return [
        f"Time per {unit} by number of CPUs (us; the last three from traced runs: the whole, of it"
        f" woken while the CPU was asleep, and wake-ups to another CPU per {unit})",
        *table(rows, [*columns, "crossing"], 0, width),
    ]


def data(rungs: Sequence[Rung]) -> list[dict[str, Any]]:
    """The same as JSON data; times in ns."""
    return [asdict(rung) for rung in rungs]


def chart(rungs: Sequence[Rung], line: str, unit: str, blocks: int, host: str) -> Chart:
    """Untraced times with their intervals, and of the traced runs the time that sleeping CPUs took
    to wake, against the number of CPUs."""
    x = [float(rung.cpus) for rung in rungs]
    series = [
        Series(
            "untraced",
            x=x,
            y=[rung.ns.median / 1e3 for rung in rungs],
            low=[rung.ns.low / 1e3 for rung in rungs],
            high=[rung.ns.high / 1e3 for rung in rungs],
        ),
        *_traced(rungs, "traced", [rung.traced_ns for rung in rungs]),
        *_traced(
            rungs,
            f"traced, of it: {in_prose('wakeup:idle')}",
            [rung.asleep_ns for rung in rungs],
        ),
    ]
    return Chart(
        title=f"Time per {unit} by number of CPUs: {_cut(plain(line))}",
        note=f"band: {interval_name(blocks)}, {counted(blocks, 'block')}; {host}",
        x_label="CPUs that its threads may use",
        y_label=f"us per {unit}",
        series=series,
        x_log=True,
    )


def _cut(line: str) -> str:
    """What of it fits beside the rest of the title."""
    return line if len(line) <= _LONGEST_LINE else f"{line[: _LONGEST_LINE - 3]}..."


def _traced(rungs: Sequence[Rung], name: str, values_ns: Sequence[float | None]) -> list[Series]:
    """A dashed line through what is known."""
    known = [
        (float(r.cpus), ns / 1e3) for r, ns in zip(rungs, values_ns, strict=True) if ns is not None
    ]
    if not known:
        return []
    return [Series(name, x=[x for x, _ in known], y=[y for _, y in known], dashed=True)]
