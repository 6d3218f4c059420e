"""Shares of the gap in words, so that no sentence claims more than its interval supports."""

from __future__ import annotations

from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.wording import share_text

_NEARLY_ALL = 0.95


def gone(recovered: Interval) -> str:
    """What a change did to the gap, of which it recovered this share."""
    if recovered.high < 0:
        grown = Interval(-recovered.median, -recovered.high, -recovered.low)
        return f"the gap is larger by {share_text(grown)}"
    if recovered.low <= 0:
        return f"it is not certain that any part of the gap is gone ({share_text(recovered)})"
    if recovered.median >= _NEARLY_ALL:
        return f"the whole gap is gone ({share_text(recovered)})"
    return f"{share_text(recovered)} of the gap is gone"


def accounts_for(share: Interval, at_most: bool = False) -> str:
    """Which share of the gap a mechanism's own time is."""
    if share.high <= 0:
        return f"it accounts for nothing of the gap ({share_text(share)})"
    if at_most:
        return f"it accounts for at most {100 * share.high:.0f} % of the gap"
    if share.low <= 0:
        return f"it is not certain that it accounts for any of the gap ({share_text(share)})"
    return f"it accounts for {share_text(share)} of the gap"
