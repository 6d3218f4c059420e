"""One hop, event by event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.events.naming import Naming
from tracer.model.events import Events, Kind
from tracer.model.hops import KINDS, PARTS, Hops

#: More events than this are not shown: the first and the last half of them are.
MOST_EVENTS = 80


@dataclass(frozen=True)
class Moment:
    """An event: ns since the hop began, its CPU, the thread that it happened to, what happened."""

    at_ns: int
    cpu: int
    who: str
    text: str


@dataclass(frozen=True)
class OneHop:
    """The hop that is the `number`-th longest `of` all. `offset_ns`: from the window's start to
    its own; `left_out` events are not in `moments`."""

    number: int
    of: int
    kind: str
    waker: str
    woken: str
    offset_ns: int
    total_ns: int
    parts: Mapping[str, int]
    moments: Sequence[Moment]
    left_out: int


def one_hop(events: Events, hops: Hops, index: int, number: int, naming: Naming) -> OneHop:
    """The hop at `index` of `hops`, with the events of both threads and of their CPUs."""
    hop = hops.rows[index]
    start, end = int(hop["start_ns"]), int(hop["end_ns"])
    rows = events.rows
    first = int(np.searchsorted(rows["t_ns"], start))
    rows = rows[first : int(np.searchsorted(rows["t_ns"], end, side="right"))]
    threads = [int(hop["waker"]), int(hop["woken"])]
    of_cpus = np.isin(rows["kind"], (Kind.SWITCH, Kind.IDLE, Kind.IPI)) & np.isin(
        rows["cpu"], (hop["waker_cpu"], hop["cpu"])
    )
    rows = rows[np.isin(rows["thread"], threads) | of_cpus]
    half = MOST_EVENTS // 2
    shown = rows if len(rows) <= MOST_EVENTS else np.concatenate([rows[:half], rows[-half:]])
    parts = {name: int(ns) for name, ns in zip(PARTS, hop["parts_ns"], strict=True) if ns}
    return OneHop(
        number=number,
        of=len(hops.rows),
        kind=KINDS[int(hop["kind"])],
        waker=naming.thread(threads[0]),
        woken=naming.thread(threads[1]),
        offset_ns=start - events.start_ns,
        total_ns=end - start,
        parts=parts,
        moments=[
            Moment(
                int(row["t_ns"]) - start,
                int(row["cpu"]),
                naming.thread(int(row["thread"])),
                naming.event(row),
            )
            for row in shown
        ],
        left_out=len(rows) - len(shown),
    )
