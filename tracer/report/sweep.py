"""A sweep's report: a table, where the order changes, JSON, CSV and a chart."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analysis.quiet import BUSY, QUIET, Load
from tracer.analysis.statistics.intervals import ENOUGH_BLOCKS
from tracer.analysis.statistics.wording import duration_bounds, interval_name
from tracer.analysis.sweep import Crossing, Setting, SweepPoint
from tracer.model.words import in_prose
from tracer.report.chart import Chart, Series
from tracer.report.layout import WIDTH, page, table
from tracer.report.load import document as load_data
from tracer.report.load import lines
from tracer.report.scale import is_wide, scaled
from tracer.units import counted, duration, plain

SCHEMA = "tracer.sweep/1"
#: What the numbers of a swept option count.
_COUNTED = {
    "tasks": "tasks",
    "tokens": "tokens in flight",
    "work": "steps of work at each hop",
    "workers": "worker threads",
    "cpus": "CPUs",
}


def _where(setting: Setting) -> str:
    return ", ".join(f"{name}={value}" for name, value in setting.items())


def in_words(crossing: Crossing) -> str:
    """Where the order changes, or that it does so nowhere."""
    what = crossing.name + (f" ({_where(crossing.rest)})" if crossing.rest else "")
    if not crossing.judged:
        return f"{what}: no verdict, for {BUSY}"
    if crossing.between is not None:
        low, high = crossing.between
        faster = crossing.a if crossing.ratios[low].median < 1 else crossing.b
        return f"{what}: {plain(faster)} is faster up to {low:,}, the other from {high:,} on"
    tried = f"{min(crossing.ratios):,} to {max(crossing.ratios):,}"
    decided = [ratio for ratio in crossing.ratios.values() if ratio.differs]
    if not decided:
        return (
            f"{what}: no difference between {plain(crossing.a)} and {plain(crossing.b)} from"
            f" {tried}"
        )
    faster, slower = crossing.a, crossing.b
    if decided[0].median > 1:
        faster, slower = slower, faster
    return f"{what}: {plain(faster)} is faster than {plain(slower)} wherever they differ, {tried}"


def _interval_name(points: Sequence[SweepPoint]) -> str:
    """That of the point with fewest rounds, where a sweep was broken off."""
    return interval_name(min(len(point.used) for point in points))


def _table(points: Sequence[SweepPoint], unit: str, width: int) -> list[str]:
    answer = [*points[0].setting, f"per {unit}", _interval_name(points)]
    columns = ["workload", *answer]
    rows = [
        [
            plain(point.line),
            *(f"{v:,}" if isinstance(v, int) else v for v in point.setting.values()),
            duration(point.ns.median),
            duration_bounds(point.ns),
        ]
        for point in points
    ]
    parts = [point.largest_part for point in points]
    if any(parts):
        columns.append("largest part")
        for row, part in zip(rows, parts, strict=True):
            row.append("" if part is None else f"{in_prose(part[0])} {100 * part[1]:.0f} %")
    return table(rows, columns, 1, width, answer)


def render(
    points: Sequence[SweepPoint],
    crossings: Sequence[Crossing],
    left_out: Sequence[tuple[str, str]],
    unit: str,
    blocks: int,
    width: int = WIDTH,
    load: Load = QUIET,
) -> str:
    """The whole report."""
    rounds = counted(blocks, "interleaved round")
    few = (
        ""
        if blocks >= ENOUGH_BLOCKS
        else f" ({blocks} rounds: a hint; {ENOUGH_BLOCKS} allow a claim)"
    )
    changes = [f"  {in_words(crossing)}" for crossing in crossings]
    return page(
        [
            lines(load, "round"),
            [f"{counted(len(points), 'point')}, {rounds} of each", *_table(points, unit, width)],
            [f"Where the order changes{few}", *changes] if changes else [],
            [f"left out: {plain(cell)}: {reason}" for cell, reason in left_out],
        ],
        width,
    )


def document(
    points: Sequence[SweepPoint],
    crossings: Sequence[Crossing],
    left_out: Sequence[tuple[str, str]],
    unit: str,
    host: Mapping[str, str],
    load: Load = QUIET,
) -> dict[str, Any]:
    """The same as JSON data, `tracer.sweep/1`."""
    return {
        "schema": SCHEMA,
        "host": dict(host),
        "unit": unit,
        "load": load_data(load),
        "points": [_point(point) for point in points],
        "crossings": [_crossing(crossing) for crossing in crossings],
        "left_out": [{"cell": cell, "reason": reason} for cell, reason in left_out],
    }


def _point(point: SweepPoint) -> dict[str, Any]:
    return {
        "workload": point.line,
        "in_python": point.in_python,
        **point.setting,
        "ns_per_unit": round(point.ns.median),
        "low_ns": round(point.ns.low),
        "high_ns": round(point.ns.high),
        "rounds_ns": [round(ns) for _, ns in sorted(point.blocks.items())],
        "wall_ns": {name: round(ns) for name, ns in point.wall.items()} or None,
    }


def _crossing(crossing: Crossing) -> dict[str, Any]:
    return {
        "a": crossing.a,
        "b": crossing.b,
        "over": crossing.name,
        "at": dict(crossing.rest),
        "between": None if crossing.between is None else list(crossing.between),
        "ratios": [
            {"value": value, "ratio": ratio.median, "low": ratio.low, "high": ratio.high}
            for value, ratio in crossing.ratios.items()
        ],
        "words": in_words(crossing),
    }


def render_csv(points: Sequence[SweepPoint]) -> str:
    """One row a point: workload, swept values, ns per unit with its interval, number of runs."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    names = list(points[0].setting)
    writer.writerow(["workload", *names, "ns_per_unit", "low_ns", "high_ns", "rounds"])
    for point in points:
        ns = point.ns
        numbers = [round(ns.median), round(ns.low), round(ns.high), len(point.used)]
        writer.writerow([point.line, *point.setting.values(), *numbers])
    return stream.getvalue()


def chart(points: Sequence[SweepPoint], name: str, unit: str, host: str) -> Chart:
    """Time per unit against the first swept value; the other values make lines of their own."""
    values = list(dict.fromkeys(point.setting[name] for point in points))
    is_number = all(isinstance(value, int) for value in values)
    places = {value: float(value) if is_number else float(n) for n, value in enumerate(values)}
    ns = [point.ns.median for point in points]
    scale, short = scaled(max(ns))
    series = [
        _series(label, members, name, places, scale)
        for label, members in _lines(points, name).items()
    ]
    what = _COUNTED.get(name, name)
    return Chart(
        title=f"Time of one {unit} by {what}",
        note=f"medians over rounds, bands: {_interval_name(points)}; {host}",
        x_label=what,
        y_label=f"time per {unit}, {short}",
        series=series,
        x_log=is_number and is_wide([x for one in series for x in one.x]),
        y_log=is_wide(ns, 8),
        x_names=() if is_number else [str(value) for value in values],
    )


def _lines(points: Sequence[SweepPoint], name: str) -> dict[str, list[SweepPoint]]:
    """Points that differ in `name` alone, by the label of their line."""
    lines: dict[str, list[SweepPoint]] = {}
    for point in points:
        rest = {key: value for key, value in point.setting.items() if key != name}
        label = f"{point.line}, {_where(rest)}" if rest else point.line
        lines.setdefault(label, []).append(point)
    return lines


def _series(
    label: str,
    points: Sequence[SweepPoint],
    name: str,
    places: Mapping[int | str, float],
    scale: float,
) -> Series:
    in_order = sorted(points, key=lambda point: places[point.setting[name]])
    return Series(
        label,
        x=[places[point.setting[name]] for point in in_order],
        y=[point.ns.median / scale for point in in_order],
        low=[point.ns.low / scale for point in in_order],
        high=[point.ns.high / scale for point in in_order],
    )
