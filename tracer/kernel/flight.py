"""Keeps the events of the last seconds: the older ones are thrown away as new ones come."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tracer.host.spool import KNOWN_DTYPE, Segments
from tracer.kernel.arrays import SharedArrays
from tracer.model.events import RECORD_DTYPE, Kind
from tracer.model.histogram import Histogram
from tracer.model.states import WAITS, WAKEUP_KINDS, Phase
from tracer.model.threads import Threads, is_alive
from tracer.model.trigger import PUSHED_OFF, TIMES, WOKEN, Trigger

#: A condition is looked at so often, over the time since the last look.
_LOOK_S = 1.0
_WAITS = {
    WOKEN: [WAITS.index(kind) for kind in WAKEUP_KINDS],
    PUSHED_OFF: [WAITS.index(kind) for kind in WAITS if kind not in WAKEUP_KINDS],
}


class Flight:
    """Takes the records of a run into `segments`, and looks at `trigger`: `fire` is called where
    that is met."""

    def __init__(
        self,
        arrays: SharedArrays,
        segments: Segments,
        trigger: Trigger | None = None,
        fire: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self._arrays, self._segments = arrays, segments
        self._watch = None if trigger is None else Watch(arrays, trigger)
        self._fire = fire
        self._look_s = time.monotonic() + _LOOK_S

    def put(self, cpu: int, records: NDArray[np.void]) -> None:
        self._segments.put(cpu, records)

    def looked(self) -> None:
        """All that was there has been put."""
        now_ns = time.monotonic_ns()
        if self._segments.is_due(now_ns):
            threads = self._arrays.threads[is_alive(self._arrays.threads)]
            self._segments.next(time.monotonic_ns(), begun(threads), known(threads))
        if self._watch and now_ns >= self._look_s * 1e9:
            self._look_s = now_ns / 1e9 + _LOOK_S
            if (met := self._watch.look(now_ns)) and int(self._arrays.ctl["phase"]) == Phase.OPEN:
                self._fire(met)


def begun(threads: Threads) -> NDArray[np.void]:
    """A record BEGIN of each row, as the programs make it at the first event of a window; its time
    is that of the segment."""
    rows = np.zeros(len(threads), RECORD_DTYPE)
    wide = {name: threads[name].astype(np.uint64) for name in ("tid", "call_nr", "state")}
    rows["when"] = np.uint64(int(Kind.BEGIN) << 56)
    rows["thread"] = threads["slot"]
    rows["extra"] = (
        threads["on_cpu_part"] | threads["blocked_part"] << 8 | threads["source"] << 16
        | (threads["is_worker"] != 0).astype(np.uint32) << 24
    )  # fmt: skip
    rows["what"] = wide["state"] | wide["tid"] << np.uint64(8) | (wide["call_nr"] << np.uint64(40))
    return rows


def known(threads: Threads) -> NDArray[np.void]:
    """Row, life and numbers of each (KNOWN_DTYPE)."""
    rows = np.zeros(len(threads), KNOWN_DTYPE)
    for name in KNOWN_DTYPE.names or ():
        rows[name] = threads[name]
    return rows


class Watch:
    """A condition, over the time between two looks."""

    def __init__(self, arrays: Mapping[str, NDArray[np.void]], trigger: Trigger) -> None:
        self._arrays, self._trigger = arrays, trigger
        self._before_ns = time.monotonic_ns()
        self._before = self._counted()

    def look(self, now_ns: int) -> str:
        """Why it is met; empty where it is not."""
        before, self._before = self._before, self._counted()
        span_s, self._before_ns = (now_ns - self._before_ns) / 1e9, now_ns
        new = self._before - before
        if self._trigger.statistic:
            value = self._trigger.of(Histogram(new[1:], int(new[0]), 1 << 62))
        else:
            value = float(new[0]) / max(span_s, 1e-9)
        if not self._trigger.is_met(value):
            return ""
        return (
            f"{self._trigger.text}: it was {value:,.0f}{' ns' if self._trigger.statistic else '/s'}"
        )

    def _counted(self) -> NDArray[np.int64]:
        """A count of all so far; of times their sum and their buckets."""
        if self._trigger.quantity == "events":
            return np.array([int(self._arrays["cpus"]["events"].sum())])
        if self._trigger.quantity == "lost":
            return np.array([int(self._arrays["record_rings"]["lost"].sum())])
        asked = TIMES[self._trigger.quantity]
        rows = self._arrays[f"{asked.probe}_cpus"][asked.member]
        if asked.kinds in _WAITS:
            rows = rows[:, _WAITS[asked.kinds]]
        times = Histogram.merged(rows)
        return np.concatenate(([times.sum_ns], times.buckets))
