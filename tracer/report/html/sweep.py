"""The view of a sweep, tracer.sweep/1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.model.words import LINES
from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.report.html.host import few, interval, is_judged, measured, ratio_text, tone_of
from tracer.report.scale import is_wide, scaled
from tracer.units import counted

#: What a point says beside the values that were swept.
_OTHER = {"workload", "in_python", "ns_per_unit", "low_ns", "high_ns", "rounds_ns", "wall_ns"}


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """The picture, where the order changes, the points, and how it was measured."""
    points, unit = document["points"], document["unit"]
    names = [name for name in points[0] if name not in _OTHER] if points else []
    crossings = document["crossings"]
    rounds = min((len(point["rounds_ns"]) for point in points), default=0)
    return {
        "title": f"Time of one {unit} by {', '.join(names)}",
        "sections": [
            section(
                "answer",
                "",
                blocks.text(*(plain["words"] for plain in crossings), tone="answer")
                if crossings else None,
                few(rounds),
                *(_chart(points, name, names, unit) for name in names[:1]),
            ),
            section(
                "ratios",
                "Where the order changes",
                *(_crossing(one, is_judged(document, rounds)) for one in crossings),
                short="Ratios",
            ),
            section("points", "The points", _table(points, names, unit), short="Points"),
            measured(document),
        ],
    }  # fmt: skip


def _chart(
    points: Sequence[Mapping[str, Any]], name: str, names: Sequence[str], unit: str
) -> Block:
    """Time against the first swept value; the other values make lines of their own."""
    values = list(dict.fromkeys(point[name] for point in points))
    is_number = all(isinstance(value, int) for value in values)
    at = {value: value if is_number else number for number, value in enumerate(values)}
    divisor, of = scaled(max(point["ns_per_unit"] for point in points))
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for point in points:
        rest = ", ".join(f"{other}={point[other]}" for other in names if other != name)
        line = blocks.name(point["workload"])
        lines.setdefault(f"{line}, {rest}" if rest else line, []).append(point)
    series = []
    for label, members in lines.items():
        members = sorted(members, key=lambda point: at[point[name]])
        series.append(
            {
                "name": label,
                "x": [at[point[name]] for point in members],
                "y": [point["ns_per_unit"] / divisor for point in members],
                "low": [point["low_ns"] / divisor for point in members],
                "high": [point["high_ns"] / divisor for point in members],
            }
        )
    return blocks.lines(
        f"Time of one {unit}",
        name,
        f"{of} per {unit}",
        series,
        note="Medians over rounds with their intervals.",
        x_log=is_number and is_wide(values),
        y_log=is_wide([point["ns_per_unit"] for point in points], 8),
        x_names=() if is_number else [str(value) for value in values],
    )


def _crossing(crossing: Mapping[str, Any], judged: bool) -> Block:
    rows = [
        interval(
            f"{crossing['over']} {one['value']:,}",
            ratio_text({**one, "median": one["ratio"]}),
            {**one, "median": one["ratio"]},
            tone_of(one["low"], one["high"], judged),
        )
        for one in crossing["ratios"]
    ]
    rest = ", ".join(f"{name}={value}" for name, value in crossing["at"].items())
    title = f"{blocks.name(crossing['a'])} / {blocks.name(crossing['b'])}"
    return blocks.intervals(
        f"{title} ({rest})" if rest else title,
        rows,
        note=crossing["words"],
        reference=1.0,
        about="1: no difference",
    )


def _table(points: Sequence[Mapping[str, Any]], names: Sequence[str], unit: str) -> Block:
    columns = [Column("workload", is_text=True), *(Column(name) for name in names)]
    columns += [Column(f"per {unit}"), Column("low"), Column("high"), Column("rounds")]
    columns += [Column("largest part", is_text=True)]
    rows = [
        [
            blocks.name(point["workload"]),
            *([f"{v:,}", v] if isinstance(v, int) else str(v) for v in (point[n] for n in names)),
            *(blocks.time(point[key]) for key in ("ns_per_unit", "low_ns", "high_ns")),
            blocks.number(len(point["rounds_ns"])),
            _largest(point["wall_ns"] or {}),
        ]
        for point in points
    ]
    return blocks.table(counted(len(points), "point"), columns, rows)


def _largest(parts: Mapping[str, int]) -> str:
    whole = sum(parts.values())
    if not whole:
        return ""
    name = max(parts, key=lambda one: parts[one])
    return f"{LINES.get(name, name).lstrip('~ ')} {100 * parts[name] / whole:.0f} %"
