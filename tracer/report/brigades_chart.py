"""The chart of `tracer brigades`: hop times as bars, divided as their critical paths were."""

from __future__ import annotations

import io
from collections.abc import Sequence

from tracer.analysis.brigades import BrigadeRow
from tracer.analysis.statistics.wording import interval_name
from tracer.model.words import in_prose

#: The parts of a hop, from the one that moves data to the one that only waits; quiet colours for
#: work, warm ones for switching.
_COLOURS = {
    "io": "#4878a8",
    "user": "#7fb07f",
    "system": "#a0a0d0",
    "switch": "#f0c060",
    "preempted": "#f0a050",
    "wakeup:queued": "#e07840",
    "wakeup:idle": "#c03030",
    "waiting": "#c0c0c0",
    "unknown": "#606060",
}


def draw(rows: Sequence[BrigadeRow], rounds: int, kind: str) -> bytes:
    """Bars of the untraced hop times, each divided as its traced critical path was.

    `kind` is png or svg. Needs matplotlib: chart.format_of checks for it before anything is run.
    """
    from matplotlib.figure import Figure

    shown = [row for row in rows if row.unit == "hop" and row.parts]
    figure = Figure(figsize=(9, 0.42 * len(shown) + 1.6))
    axes = figure.add_subplot()
    places = list(range(len(shown)))[::-1]
    left = [0.0] * len(shown)
    for name, colour in _COLOURS.items():
        widths = []
        for row in shown:
            total = sum(row.parts.values()) or 1.0
            widths.append(max(row.parts[name], 0.0) / total * row.ns.median / 1e3)
        if max(widths, default=0) > 0.005 * max((row.ns.median / 1e3 for row in shown), default=1):
            axes.barh(places, widths, left=left, color=colour, label=in_prose(name))
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for place, row in zip(places, shown, strict=True):
        low, high = row.ns.low / 1e3, row.ns.high / 1e3
        axes.plot([low, high], [place, place], color="black", linewidth=1)
        axes.text(max(high, row.ns.median / 1e3), place, f"  {row.ns.median / 1e3:.2f}",
                  va="center", fontsize=8)  # fmt: skip
    names = [row.label + (", in Python" if row.in_python else "") for row in shown]
    axes.set_yticks(places, names, fontsize=8)
    black = interval_name(rounds)
    axes.set_xlabel(f"us per hop (untraced, median; black: {black}), lower is better")
    axes.set_title("Where a hop's time goes", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.08)
    axes.legend(fontsize=7, frameon=False, loc="lower right")
    data = io.BytesIO()
    figure.savefig(data, format=kind, dpi=150, bbox_inches="tight")
    return data.getvalue()
