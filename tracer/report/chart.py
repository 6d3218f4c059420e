"""Charts of series with intervals, as PNG or SVG. Needs matplotlib, an optional extra."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tracer.errors import TracerError
from tracer.host.installation import installation

#: Colours that colour-blind readers can tell apart (Okabe and Ito); in grey the markers differ.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = "osD^vP*"
_FORMATS = ("png", "svg")


@dataclass(frozen=True)
class Series:
    """One line: points (x, y) with an interval each, or with a fitted line beside the points.

    `low` and `high` have the shape of `y`, or are empty. `fitted` holds the line's ends
    ((x, y), (x, y)). Series with the same `group` share a colour; `dashed` tells them apart.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    fitted: Sequence[tuple[float, float]] = ()
    group: int | None = None
    dashed: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart: `note` stands small below the title; an axis is logarithmic by request.

    With `x_names` the x values are their indices.
    """

    title: str
    note: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    x_log: bool = False
    y_log: bool = False
    x_names: Sequence[str] = ()


def format_of(path: str) -> str:
    """`png` or `svg` by the end of a file's name; to be called before anything is run.

    TracerError (exit status 2) for another name, or where matplotlib is missing.
    """
    kind = path.rpartition(".")[2].lower()
    if "." not in path or kind not in _FORMATS:
        raise TracerError(f"{path}: a chart is PNG or SVG", "give a name that ends in .png or .svg",
                          exit_code=2)  # fmt: skip
    _matplotlib()
    return kind


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise TracerError(
            "a chart needs matplotlib, and it is not installed",
            installation().to_add("plot"),
            exit_code=2,
        ) from None
    return matplotlib


def short(value: float) -> str:
    """A tick: `0.5`, `20`, `1k`, `2.5M`."""
    for limit, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:g}{letter}"
    return f"{value:g}"


def draw(chart: Chart, kind: str) -> bytes:
    """The content of the file; `kind` is png or svg."""
    matplotlib = _matplotlib()
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "tracer", "font.size": 11}):
        figure = Figure(figsize=(9, 5.6), dpi=120, layout="constrained")
        axes = figure.subplots()
        for number, series in enumerate(chart.series):
            _plot(axes, series, number if series.group is None else series.group)
        _label(axes, chart)
        content = io.BytesIO()
        meta = {"Date": None} if kind == "svg" else {"Software": "tracer"}
        figure.savefig(content, format=kind, metadata=meta)
    return content.getvalue()


def _plot(axes: Any, series: Series, number: int) -> None:
    colour, marker = _COLOURS[number % len(_COLOURS)], _MARKERS[number % len(_MARKERS)]
    style = "--" if series.dashed else "-"
    face = "white" if series.dashed else colour
    points = {"color": colour, "marker": marker, "markersize": 5, "markerfacecolor": face}
    if series.fitted:
        ends = list(zip(*series.fitted, strict=True))
        axes.plot(ends[0], ends[1], style, color=colour, linewidth=1.5)
        axes.plot(series.x, series.y, linestyle="none", **points)
        axes.plot([], [], linestyle=style, label=series.name, **points)
    else:
        axes.plot(series.x, series.y, style, label=series.name, linewidth=1.8, **points)
    if series.low:
        axes.fill_between(series.x, series.low, series.high, color=colour, alpha=0.18, linewidth=0)


def _label(axes: Any, chart: Chart) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter

    name = FuncFormatter(lambda value, _position: short(value))
    for axis, log, set_scale in (
        (axes.xaxis, chart.x_log, axes.set_xscale),
        (axes.yaxis, chart.y_log, axes.set_yscale),
    ):
        if log:
            set_scale("log")
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(name)
    places = sorted({x for series in chart.series for x in series.x})
    if chart.x_log and len(places) <= 10:
        axes.xaxis.set_major_locator(FixedLocator(places))
        axes.xaxis.set_minor_locator(FixedLocator([]))
    if chart.x_names:
        axes.set_xticks(range(len(chart.x_names)), chart.x_names)
    if not chart.y_log:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(chart.x_label)
    axes.set_ylabel(chart.y_label)
    axes.set_title(f"{chart.title}\n", loc="left", fontweight="bold")
    axes.text(0, 1.015, chart.note, transform=axes.transAxes, fontsize=9, color="#555555")
    axes.grid(True, which="major", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    last = {series.name: series.y[-1] for series in chart.series}
    pairs = sorted(zip(handles, labels, strict=True), key=lambda pair: -last[pair[1]])
    axes.legend([h for h, _ in pairs], [text for _, text in pairs], frameon=False, fontsize=10)
