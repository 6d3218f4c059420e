"""The part of a recording that is exported."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.events.anatomy import ranked
from tracer.errors import TracerError
from tracer.model.events import Events
from tracer.model.hops import Hops
from tracer.units import count, duration

#: A recording with more events than this is exported in part, unless a slice is asked for.
MOST_EVENTS = 200_000
WORST, MEDIAN = "worst-hop", "median-hop"
#: Shown before and after a hop: as much again, and at least so much.
_LEAST_AROUND_NS = 100_000
_UNITS = {"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}
_HINT = "name worst-hop, median-hop, or START..END since the window opened, as in 10ms..12.5ms"


@dataclass(frozen=True)
class Slice:
    """From `start_ns` to `end_ns` (CLOCK_MONOTONIC); `what` it is, in words. `is_part`: of a
    recording whose whole nobody asked for."""

    start_ns: int
    end_ns: int
    what: str
    is_part: bool = False

    def rows(self, events: Events) -> NDArray[np.void]:
        times = events.rows["t_ns"]
        first = np.searchsorted(times, self.start_ns)
        return events.rows[first : np.searchsorted(times, self.end_ns, side="right")]


def slice_of(text: str | None, events: Events, hops: Callable[[], Hops]) -> Slice:
    """What `--slice` names; without it the whole window, or around the longest hop where that has
    too many events. `hops` finds those of the recording, where the slice is around one. TracerError
    (exit status 2) for a slice that is none."""
    if text is None:
        return _default(events, hops)
    if text in (WORST, MEDIAN):
        return _around(text, events, hops())
    match = re.fullmatch(r"(?:([\d.]+)(ns|us|ms|s))?\.\.(?:([\d.]+)(ns|us|ms|s))?", text)
    try:
        if not match:
            raise ValueError
        begin = int(float(match[1]) * _UNITS[match[2]]) if match[1] else 0
        window = events.end_ns - events.start_ns
        end = int(float(match[3]) * _UNITS[match[4]]) if match[3] else window
    except ValueError:
        raise TracerError(f"--slice {text!r} is none", _HINT, exit_code=2) from None
    if not 0 <= begin < min(end, window):
        raise TracerError(
            f"--slice {text!r} has nothing of the window, which is {duration(window)} long",
            _HINT,
            exit_code=2,
        )
    end = min(end, window)
    what = f"{duration(begin)} to {duration(end)} of the window"
    return Slice(events.start_ns + begin, events.start_ns + end, what)


def _default(events: Events, hops: Callable[[], Hops]) -> Slice:
    whole = Slice(events.start_ns, events.end_ns, "the whole window")
    rows = whole.rows(events)
    if len(rows) <= MOST_EVENTS:
        return whole
    many, most = f"the recording has {count(len(rows))} events", f"{count(MOST_EVENTS)} events"
    if len((found := hops()).rows):
        near = _around(WORST, events, found)
        rows = near.rows(events)
        if len(rows) <= MOST_EVENTS:
            return Slice(near.start_ns, near.end_ns, f"{near.what}: {many}", True)
        start_ns = int(rows["t_ns"][-MOST_EVENTS])
        return Slice(start_ns, near.end_ns, f"the last {most} of {near.what}: {many}", True)
    end_ns = int(rows["t_ns"][MOST_EVENTS - 1])
    return Slice(events.start_ns, end_ns, f"the first {most}: {many}", True)


def _around(which: str, events: Events, hops: Hops) -> Slice:
    if not len(hops.rows):
        raise TracerError(f"--slice {which}: the recording has no hops", _HINT, exit_code=2)
    order = ranked(hops)
    hop = hops.rows[order[0 if which == WORST else len(order) // 2]]
    start, end = int(hop["start_ns"]), int(hop["end_ns"])
    around = max(end - start, _LEAST_AROUND_NS)
    name = "longest" if which == WORST else "median"
    return Slice(
        max(start - around, events.start_ns),
        min(end + around, events.end_ns),
        f"{duration(around)} before to {duration(around)} after the {name} hop"
        f" ({duration(end - start)})",
    )
