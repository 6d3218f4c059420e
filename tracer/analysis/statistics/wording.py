"""Intervals and ratios as text."""

from __future__ import annotations

from collections.abc import Callable

from tracer.analysis.statistics.intervals import INTERVAL_VALUES, Interval, Ratio
from tracer.units import duration, microseconds


def interval_name(values: int) -> str:
    """What the ends of an interval over so many values are."""
    return "95 % interval" if values >= INTERVAL_VALUES else "minimum to maximum"


def interval_heading(values: int) -> str:
    """The same, short enough for a column."""
    return "95 %" if values >= INTERVAL_VALUES else "min to max"


def ratio_text(ratio: Ratio | Interval) -> str:
    """`2.19x [2.02, 2.37]`."""
    return f"{ratio.median:.2f}x [{ratio.low:.2f}, {ratio.high:.2f}]"


def cost_text(cost: float, text: Callable[[float], str]) -> str:
    """A difference that can only be a cost, as `text` shows it; one below zero is noise, and the
    cost is `unknown`."""
    return text(cost) if cost >= 0 else "unknown"


def share_text(share: Interval) -> str:
    """A share of one: `72 % [60, 81]`."""
    return f"{round(100 * share.median)} % [{round(100 * share.low)}, {round(100 * share.high)}]"


def duration_text(ns: Interval) -> str:
    """A time: `7.46 us [7.17 us, 7.75 us]`."""
    return f"{duration(ns.median)} {duration_bounds(ns)}"


def duration_bounds(ns: Interval) -> str:
    """The ends of an interval of times: `[7.17 us, 7.75 us]`."""
    return f"[{duration(ns.low)}, {duration(ns.high)}]"


def microseconds_bounds(ns: Interval) -> str:
    """The same for a table in us: `[7.17, 7.75]`."""
    return f"[{microseconds(ns.low)}, {microseconds(ns.high)}]"
