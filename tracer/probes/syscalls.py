"""Probe syscalls: per system call, how often, how long, how it failed."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tracer.model.histogram import Histogram
from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.syscalls import GIVES_EVENTS, MOVES_BYTES, class_of, name_of

#: Rows of the C array per CPU, the first one unused; of an element of `call_info` the bits from
#: _ROW_SHIFT on are a row. Calls beyond these share one row for each number.
_MAX_ROWS, _ROW_SHIFT = 64, 8
ERRNO_BUCKETS = 144
#: The element of `call_info` of a call that counts in the row of its number, for all CPUs.
SHARED = _MAX_ROWS << _ROW_SHIFT
#: Never seen by programs (the kernel restarts the call or returns EINTR), seen by sys_exit.
_RESTARTS = {512: "ERESTARTSYS", 513: "ERESTARTNOINTR", 514: "ERESTARTNOHAND"}


@dataclass(frozen=True)
class CallRecord:
    """One system call; `errors` by name; the histogram is of its whole time in ns. `bytes`: moved
    by all of them; None where the call's result is no number of bytes; `events`: the same of the
    calls whose result is a number of ready events."""

    name: str
    cls: str
    errors: Mapping[str, int]
    off_cpu_ns: int
    times: Histogram
    bytes: int | None = None
    events: int | None = None


def error_name(bucket: int) -> str:
    """Name of an errno as probes/syscalls.c buckets it."""
    number = bucket if bucket < ERRNO_BUCKETS - 8 else bucket - (ERRNO_BUCKETS - 8) + 512
    if number in _RESTARTS:
        return _RESTARTS[number]
    if number == 516:
        return "ERESTART_RESTARTBLOCK"
    if bucket == ERRNO_BUCKETS - 1:
        return "other errors"
    return errno.errorcode.get(number, f"errno {number}")


def _read(arrays: Arrays, _context: Context) -> list[CallRecord]:
    """One record per call seen in the window, sorted by total time, longest first."""
    rows, shared = arrays["call_stats"].reshape(-1, _MAX_ROWS), arrays["shared_call_stats"]
    found = []
    for number, info in enumerate(arrays["call_info"].tolist()):
        row = info >> _ROW_SHIFT
        if not row:
            continue
        stats = shared[number : number + 1] if row >= _MAX_ROWS else rows[:, row]
        errors = stats["errors"].astype(np.int64).sum(axis=0)
        name = name_of(number)
        if not stats["ns"]["buckets"].any():
            continue
        found.append(
            CallRecord(
                name=name,
                cls=class_of(name),
                errors={error_name(int(b)): int(errors[b]) for b in np.flatnonzero(errors)},
                off_cpu_ns=int(stats["off_ns"].sum()),
                times=Histogram.merged(stats["ns"]),
                bytes=int(stats["results"].sum()) if name in MOVES_BYTES else None,
                events=int(stats["results"].sum()) if name in GIVES_EVENTS else None,
            )
        )
    return sorted(found, key=lambda call: -call.times.sum_ns)


def _macros(_types: KernelTypes) -> dict[str, object]:
    return {
        "MAX_CALL_ROWS": _MAX_ROWS,
        "CALL_ROW_SHIFT": _ROW_SHIFT,
        "ERRNO_BUCKETS": ERRNO_BUCKETS,
    }


PROBE = Probe(
    summary="system calls: count, errors, total, on and off CPU, percentiles",
    hooks=("call_ended",),
    arrays=("call_stats", "shared_call_stats"),
    read=_read,
    macros=_macros,
)
