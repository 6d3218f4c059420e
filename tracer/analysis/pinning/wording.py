"""Shares and times with their intervals in words, so that no number says more than it can."""

from __future__ import annotations

from tracer.analysis.statistics.intervals import Interval
from tracer.units import duration

_NEARLY_ALL = 0.95


def percent(i: Interval) -> str:
    """A share: `72 % [60, 81]`."""
    return f"{round(100 * i.median)} % [{round(100 * i.low)}, {round(100 * i.high)}]"


def times(i: Interval) -> str:
    """A time: `7.46 us [7.17 us, 7.75 us]`."""
    return f"{duration(i.median)} [{duration(i.low)}, {duration(i.high)}]"


def gone(recovered: Interval) -> str:
    """What a change did to the gap, of which it recovered this share."""
    if recovered.high < 0:
        grown = Interval(-recovered.median, -recovered.high, -recovered.low)
        return f"the gap is larger by {percent(grown)}"
    if recovered.low <= 0:
        return f"it is not sure that any part of the gap is gone ({percent(recovered)})"
    if recovered.median >= _NEARLY_ALL:
        return f"the whole gap is gone ({percent(recovered)})"
    return f"{percent(recovered)} of the gap is gone"


def carries(share: Interval, at_most: bool = False) -> str:
    """Which share of the gap a mechanism's own time is."""
    if share.high <= 0:
        return f"it carries nothing of the gap ({percent(share)})"
    if at_most:
        return f"it carries at most {100 * share.high:.0f} % of the gap"
    if share.low <= 0:
        return f"it is not sure that it carries any of the gap ({percent(share)})"
    return f"it carries {percent(share)} of the gap"
