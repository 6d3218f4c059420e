"""A sweep's report: a table, where the order changes, JSON, CSV and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analysis.statistics.intervals import ENOUGH_BLOCKS
from tracer.analysis.sweep import Crossing, Point, Spot
from tracer.model.words import LINES
from tracer.report.chart import Chart, Series, is_wide
from tracer.report.layout import WIDTH, fit, table
from tracer.units import duration, plain

SCHEMA = "tracer.sweep/1"
_UNITS = {"tasks": "tasks", "tokens": "tokens in flight", "work": "steps of work at each hop",
          "workers": "worker threads", "cpus": "CPUs"}  # fmt: skip


def _where(point: Point) -> str:
    return ", ".join(f"{name}={value}" for name, value in point.items())


def in_words(crossing: Crossing) -> str:
    """Where the order changes, or that it does so nowhere."""
    at = f" ({_where(crossing.rest)})" if crossing.rest else ""
    first, last = min(crossing.ratios), max(crossing.ratios)
    if crossing.between is not None:
        low, high = crossing.between
        faster = crossing.a if crossing.ratios[low].median < 1 else crossing.b
        return (
            f"{crossing.name}{at}: {plain(faster)} is the faster one up to {low:,}, the other from"
            f" {high:,} on"
        )
    decided = [ratio for ratio in crossing.ratios.values() if ratio.differs]
    if not decided:
        return (
            f"{crossing.name}{at}: no difference between {plain(crossing.a)} and"
            f" {plain(crossing.b)} from {first:,} to {last:,}"
        )
    faster, slower = crossing.a, crossing.b
    if decided[0].median > 1:
        faster, slower = slower, faster
    return (
        f"{crossing.name}{at}: the order of {plain(faster)} (faster) and {plain(slower)} changes"
        f" nowhere in range, {first:,} to {last:,}"
    )


def _table(found: Sequence[Spot], unit: str, width: int) -> list[str]:
    names = list(found[0].point)
    rows = [
        [plain(s.line), *(f"{v:,}" if isinstance(v, int) else v for v in s.point.values()),
         duration(s.ns.median), f"[{duration(s.ns.low)}, {duration(s.ns.high)}]",
         *_main_part(s)]
        for s in found
    ]  # fmt: skip
    traced = any(s.wall for s in found)
    columns = ["workload", *names, f"per {unit}", "95 % interval", *["largest part"] * traced]
    rows = [row + [""] * (len(columns) - len(row)) for row in rows]
    return table(rows, columns, 1, width)


def _main_part(spot: Spot) -> list[str]:
    if not spot.wall:
        return []
    name = max(spot.wall, key=lambda key: spot.wall[key])
    share = spot.wall[name] / max(sum(spot.wall.values()), 1e-9)
    return [f"{LINES[name].lstrip('~ ')} {100 * share:.0f} %"]


def render(
    found: Sequence[Spot],
    crossings: Sequence[Crossing],
    left_out: Sequence[tuple[str, str]],
    unit: str,
    blocks: int,
    width: int = WIDTH,
) -> str:
    """The whole report."""
    head = f"{len(found)} points, {blocks} interleaved round{'' if blocks == 1 else 's'} of each"
    lines = [head, *_table(found, unit, width)]
    if crossings:
        worth = (
            ""
            if blocks >= ENOUGH_BLOCKS
            else f" ({blocks} rounds: a hint; {ENOUGH_BLOCKS} allow a claim)"
        )
        lines += ["", f"Where the order changes{worth}", *(f"  {in_words(c)}" for c in crossings)]
    if left_out:
        lines += ["", *(f"left out: {plain(cell)}: {reason}" for cell, reason in left_out)]
    return "\n".join(piece for line in lines for piece in fit(line, width)) + "\n"


def document(
    found: Sequence[Spot],
    crossings: Sequence[Crossing],
    left_out: Sequence[tuple[str, str]],
    unit: str,
    host: Mapping[str, str],
) -> dict[str, Any]:
    """The same as JSON data, `tracer.sweep/1`."""
    return {
        "schema": SCHEMA,
        "host": dict(host),
        "unit": unit,
        "points": [
            {
                "workload": s.line,
                **s.point,
                "ns_per_unit": round(s.ns.median),
                "low_ns": round(s.ns.low),
                "high_ns": round(s.ns.high),
                "rounds_ns": [round(ns) for _, ns in sorted(s.blocks.items())],
                "wall_ns": {name: round(ns) for name, ns in s.wall.items()} or None,
            }
            for s in found
        ],
        "crossings": [
            {
                "a": c.a,
                "b": c.b,
                "over": c.name,
                "at": dict(c.rest),
                "between": None if c.between is None else list(c.between),
                "ratios": [
                    {"value": value, "ratio": r.median, "low": r.low, "high": r.high}
                    for value, r in c.ratios.items()
                ],
                "words": in_words(c),
            }
            for c in crossings
        ],
        "left_out": [{"cell": cell, "reason": reason} for cell, reason in left_out],
    }


def render_csv(found: Sequence[Spot]) -> str:
    """One row a point: workload, swept values, ns per unit with its interval, number of runs."""
    stream = io.StringIO()
    names = list(found[0].point)
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["workload", *names, "ns_per_unit", "low_ns", "high_ns", "rounds"])
    for s in found:
        numbers = [round(s.ns.median), round(s.ns.low), round(s.ns.high), len(s.blocks)]
        writer.writerow([s.line, *s.point.values(), *numbers])
    return stream.getvalue()


def chart(found: Sequence[Spot], name: str, unit: str, host: str) -> Chart:
    """Time per unit against the first swept value; the other values make lines of their own."""
    lines: dict[str, list[Spot]] = {}
    for s in found:
        rest = {key: value for key, value in s.point.items() if key != name}
        lines.setdefault(f"{s.line}, {_where(rest)}" if rest else s.line, []).append(s)
    places = list(dict.fromkeys(s.point[name] for s in found))
    is_number = all(isinstance(place, int) for place in places)
    ns = [s.ns.median for s in found]
    scale, short = (1.0, "ns") if max(ns) < 2000 else (1e3, "us") if max(ns) < 2e6 else (1e6, "ms")
    series = []
    for label, members in lines.items():
        if is_number:
            members = sorted(members, key=lambda s: int(s.point[name]))
        x = [float(s.point[name]) if is_number else float(places.index(s.point[name]))
             for s in members]  # fmt: skip
        series.append(
            Series(
                label, x, [s.ns.median / scale for s in members],
                [s.ns.low / scale for s in members], [s.ns.high / scale for s in members],
            )
        )  # fmt: skip
    return Chart(
        title=f"Time of one {unit} by {_UNITS.get(name, name)}",
        note=f"medians over rounds, bands: 95 % intervals; {host}",
        x_label=_UNITS.get(name, name),
        y_label=f"time per {unit}, {short}",
        series=series,
        x_log=is_number and is_wide([x for one in series for x in one.x]),
        y_log=is_wide(ns, 8),
        x_names=() if is_number else [str(place) for place in places],
    )
