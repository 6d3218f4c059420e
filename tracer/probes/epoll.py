"""Probe epoll: results and cost of the calls that wait for file descriptors; busy polling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.model.histogram import Histogram, lower_bound_ns
from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.section import Cell, Scale, Section, Table, Time
from tracer.model.states import indices
from tracer.units import count, duration, percent, rate

#: One row of the C array per CPU for each, in this order.
CALLS = (
    "epoll_wait",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait_old",
    "poll",
    "ppoll",
    "select",
    "pselect6",
)
_RECEIVES = ("read", "readv", "recvfrom", "recvmsg", "recvmmsg")
#: Busy polling is reported when more than the first share of the calls had time-out 0 and found
#: nothing, and they took more than the second share of the window. A scheduler that checks for I/O
#: between other work stays below the second (tokio: one call in some 60 polls, under 4 %).
BUSY_SHARE, BUSY_TIME_SHARE = 0.5, 0.1


@dataclass(frozen=True)
class PollCall:
    """One call; `at_once` and `blocked` are ns per call, `ready` is events per return.

    `empty` asked with time-out 0 and got 0 events, in `empty_ns`; `for_nothing` counts wake-ups
    after which the call slept again or gave 0 events before its time-out.
    """

    name: str
    empty: int
    empty_ns: int
    timed_out: int
    interrupted: int
    failed: int
    for_nothing: int
    at_once: Histogram
    blocked: Histogram
    ready: Histogram

    @property
    def calls(self) -> int:
        return self.at_once.count + self.blocked.count

    @property
    def events(self) -> int:
        """Ready events of all returns."""
        return self.ready.sum_ns


@dataclass(frozen=True)
class EpollRecord:
    """The calls seen, and the receives (read, readv, recv*), of which `again` got EAGAIN."""

    calls: tuple[PollCall, ...]
    receives: int
    again: int

    @property
    def events(self) -> int:
        return sum(call.events for call in self.calls)

    @property
    def empty(self) -> int:
        return sum(call.empty for call in self.calls)

    @property
    def empty_ns(self) -> int:
        return sum(call.empty_ns for call in self.calls)

    @property
    def is_mostly_empty(self) -> bool:
        """More than half of the calls asked with time-out 0 and found nothing."""
        return self.empty > BUSY_SHARE * sum(call.calls for call in self.calls)

    def is_busy(self, window_ns: int) -> bool:
        """Mostly empty, and more than BUSY_TIME_SHARE of the window was spent on it."""
        return self.is_mostly_empty and self.empty_ns > BUSY_TIME_SHARE * window_ns


def _read(arrays: Arrays, _context: Context) -> EpollRecord:
    """Sum over CPUs; calls in the order of `CALLS`, those never made left out."""
    rows = arrays["poll_calls"].reshape(-1, len(CALLS))
    found = [_merged(name, rows[:, index]) for index, name in enumerate(CALLS)]
    receives = arrays["poll_receives"]
    return EpollRecord(
        tuple(call for call in found if call.calls),
        receives=int(receives["calls"].sum()),
        again=int(receives["again"].sum()),
    )


def _merged(name: str, rows: NDArray[np.void]) -> PollCall:
    return PollCall(
        name,
        empty=int(rows["empty"].sum()),
        empty_ns=int(rows["empty_ns"].sum()),
        timed_out=int(rows["timed_out"].sum()),
        interrupted=int(rows["interrupted"].sum()),
        failed=int(rows["failed"].sum()),
        for_nothing=int(rows["for_nothing"].sum()),
        at_once=Histogram.merged(rows["at_once"]),
        blocked=Histogram.merged(rows["blocked"]),
        ready=Histogram.merged(rows["ready"]),
    )


def _ready(record: EpollRecord) -> list[tuple[int, int]]:
    """(smallest number of events, returns) by powers of two, those that occurred.

    Steps of a histogram are exact below 16, and powers of two are always a step's start.
    """
    found: dict[int, int] = {}
    for call in record.calls:
        for bucket in np.flatnonzero(call.ready.buckets).tolist():
            first = 1 << (lower_bound_ns(bucket).bit_length() - 1)
            found[first] = found.get(first, 0) + int(call.ready.buckets[bucket])
    return sorted(found.items())


def _events(first: int) -> str:
    return str(first) if first == 1 else f"{first} to {2 * first - 1}"


def _empty(record: EpollRecord, scale: Scale) -> str:
    calls = sum(call.calls for call in record.calls)
    names = " and ".join(call.name for call in record.calls if call.empty)
    busy = record.is_busy(scale.window_ns)
    return (
        ("Busy polling: " if busy else "")
        + f"{percent(record.empty / calls)} of the calls ({count(record.empty)}, {names}) asked"
        f" with time-out 0 and found nothing{scale.each(record.empty)}; that took"
        f" {duration(record.empty_ns)} on CPUs, as much as"
        f" {percent(record.empty_ns / max(scale.window_ns, 1))} of the window"
        + (". A call that waits would sleep instead." if busy else ": not busy polling.")
    )


def _counts(record: EpollRecord, scale: Scale) -> Table:
    rows = [
        [call.name, count(call.calls), rate(scale.per_unit(call.calls)), count(call.at_once.count)]
        + [count(n) for n in (call.blocked.count, call.empty, call.timed_out, call.for_nothing)]
        for call in record.calls
    ]
    columns = ["call", "calls", f"per {scale.unit}", "at once", "slept", "empty", "time-outs"]
    return Table([*columns, "in vain"], rows)


def _latencies(record: EpollRecord) -> Table:
    kinds = [
        (f"{call.name}, {kind}", times)
        for call in record.calls
        for kind, times in (("at once", call.at_once), ("slept", call.blocked))
        if times.count
    ]
    rows: list[list[Cell]] = [
        [label, count(times.count)]
        + [Time.of(ns) for ns in (times.percentile_ns(50), times.percentile_ns(99), times.max_ns)]
        for label, times in kinds
    ]
    return Table(["time in the call", "calls", "p50", "p99", "max"], rows)


def _report(record: EpollRecord, scale: Scale) -> Section:
    """Counts, latencies, events per return, and receives that found no data."""
    title = "Waiting for file descriptors (all threads)"
    if not record.calls:
        return Section(title, ["no epoll, poll or select call was made"], _data(record, scale))
    blocks: list[str | Table] = [_empty(record, scale)] if record.is_mostly_empty else []
    blocks += [_counts(record, scale), "", _latencies(record)]
    returns = [[_events(first), count(n), rate(scale.per_unit(n))] for first, n in _ready(record)]
    if returns:
        blocks += ["", Table(["ready events", "returns", f"per {scale.unit}"], returns)]
    ended = sum(call.interrupted for call in record.calls)
    failed = sum(call.failed for call in record.calls)
    if ended or failed:
        blocks.append(f"{count(ended)} calls were ended by a signal, {count(failed)} failed.")
    if record.again:
        per_event = f", {rate(record.again / record.events)} per event" if record.events else ""
        blocks.append(
            f"{count(record.again)} of {count(record.receives)} receives found nothing (EAGAIN)"
            f"{per_event}; {count(record.events)} events were ready."
        )
    return Section(title, blocks, _data(record, scale))


def _data(record: EpollRecord, scale: Scale) -> dict[str, Any]:
    return {
        "calls": [
            {
                "name": call.name,
                "calls": call.calls,
                "per_unit": scale.per_unit(call.calls),
                "time_outs": call.timed_out,
                "empty": call.empty,
                "empty_ns": call.empty_ns,
                "interrupted": call.interrupted,
                "failed": call.failed,
                "woken_in_vain": call.for_nothing,
                "events": call.events,
                "at_once_ns": call.at_once.data(),
                "slept_ns": call.blocked.data(),
            }
            for call in record.calls
        ],
        "ready": [{"from": first, "returns": n} for first, n in _ready(record)],
        "receives": record.receives,
        "receives_eagain": record.again,
        "busy_polling": record.is_busy(scale.window_ns),
    }


def _macros(_types: KernelTypes) -> dict[str, object]:
    return {**indices("POLL_", CALLS), "N_POLL_CALLS": len(CALLS)}


PROBE = Probe(
    summary="epoll, poll, select: at once or asleep, events per return, busy polling",
    hooks=("call_entered", "call_ended"),
    arrays=("poll_calls", "poll_receives"),
    read=_read,
    report=_report,
    calls=(*CALLS, *_RECEIVES),
    needs_calls=True,
    macros=_macros,
)
