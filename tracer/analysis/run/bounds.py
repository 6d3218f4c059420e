"""The most that a run could gain: what its wall ledger leaves when one cost is taken out.

Bounds, not predictions: nothing else is assumed to get slower, and a program that is changed so
may no longer run in parallel.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracer.analysis.run.ledger import Headline, Ledger
from tracer.model.states import WAKEUP_IDLE, WAKEUP_QUEUED
from tracer.probes.sched import SchedRecord

#: A mean latency over fewer wake-ups than this is not used.
ENOUGH_WAKEUPS = 100
_CROSSING = ("cross_cpu_idle", "cross_cpu_busy")


@dataclass(frozen=True)
class WhatIf:
    """How many times as fast the run would be, each at least 1; None where it cannot be told.

    `without_switching`: had every thread run as soon as it was ready, at no cost. `same_cpu`: had
    the path's wake-ups to another CPU taken no longer than those on the same CPU did.
    """

    without_switching: float | None = None
    same_cpu: float | None = None


UNKNOWN = WhatIf()


def what_if(wall: Ledger, headline: Headline, sched: SchedRecord | None) -> WhatIf:
    """From the critical path, and the wake-up latencies by kind (None: the probe was off).

    Nothing can be told from a ledger that is not closed.
    """
    if not wall.is_closed or not wall.total_ns:
        return UNKNOWN
    crossing_ns = None if sched is None else _crossing_ns(wall, sched)
    return WhatIf(
        without_switching=_factor(wall, headline.switching * wall.total_ns),
        same_cpu=None if crossing_ns is None else _factor(wall, crossing_ns),
    )


def _factor(wall: Ledger, less_ns: float) -> float | None:
    """The window against the window less so much; None where nothing would be left of it."""
    left_ns = wall.total_ns - less_ns
    return wall.total_ns / left_ns if left_ns > 0 else None


def _crossing_ns(wall: Ledger, sched: SchedRecord) -> float | None:
    """What the path's wake-ups to another CPU took longer than on the same CPU, ns.

    The path's wake-ups are taken to be of the same kinds as all of the target's; so this is never
    more than they took. None with fewer than `ENOUGH_WAKEUPS` of either kind.
    """
    same, crossing = sched.woke["same_cpu"], [sched.woke[kind] for kind in _CROSSING]
    count = sum(histogram.count for histogram in crossing)
    if min(same.count, count) < ENOUGH_WAKEUPS:
        return None
    all_ns = sum(histogram.sum_ns for histogram in sched.woke.values())
    crossing_ns = sum(histogram.sum_ns for histogram in crossing)
    longer_ns = max(crossing_ns - count * same.sum_ns / same.count, 0.0)
    path_ns = wall.parts[WAKEUP_IDLE] + wall.parts[WAKEUP_QUEUED]
    return path_ns * longer_ns / max(all_ns, 1)
