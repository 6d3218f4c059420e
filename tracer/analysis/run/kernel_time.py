"""Kernel time outside system calls: page faults, deferred work, entry and exit of calls, tracing.

The events tell when a thread is inside a call; all else is `user`. How much of that was the
kernel's is known from the kernel's own accounting of system time alone, which samples at the clock
tick: an estimate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tracer.analysis.run.ledger import Ledger, thread_times
from tracer.host.load import TICK_NS
from tracer.model.recording import Recording, Usage
from tracer.model.states import KERNEL_WORKERS, OWN_PARTS, SYSCALL_PARTS, USER
from tracer.units import duration

#: With fewer clock ticks of CPU time the kernel's split is no more than chance.
_LEAST_TICKS = 10
#: The two accounts, of the kernel and of the ledger, may differ by so much.
_TOLERANCE = 0.1
#: A thread with this share of the target's own code carries it.
_CARRIES = 0.95


@dataclass(frozen=True)
class KernelTime:
    """`outside_ns` of the thread ledger's `user` was the kernel's, give or take `error_ns`; None
    where it is not known, and `why`.

    `on_path_ns`: of the path's `user`, where one thread carries that; else None. Faults are None
    where nobody counted them.
    """

    outside_ns: int | None
    error_ns: int
    on_path_ns: int | None
    minor_faults: int | None
    major_faults: int | None
    why: str = ""

    @property
    def is_seen(self) -> bool:
        """It is known, and more than its error."""
        return self.outside_ns is not None and self.outside_ns > self.error_ns


def kernel_time(recording: Recording, threads: Ledger, wall: Ledger) -> KernelTime:
    """From the system time of the target in the window and its time in calls."""
    usage = _usage(recording)
    if usage is None:
        return KernelTime(None, 0, None, None, None, "its processes had ended before they could be"
                          " asked")  # fmt: skip
    minor, major = (n if n >= 0 else None for n in (usage.minor_faults, usage.major_faults))
    why = _reason(recording, usage, threads)
    if why:
        return KernelTime(None, 0, None, minor, major, why)
    outside_ns = usage.system_ns - _calls_ns(threads)
    outside_ns = min(max(outside_ns, 0), threads.parts[USER])
    return KernelTime(
        outside_ns,
        _error_ns(usage, threads),
        _on_path_ns(recording, outside_ns, threads, wall),
        minor,
        major,
    )


def _usage(recording: Recording) -> Usage | None:
    """The target's, of the window: from /proc at its edges, or what the target or its end told."""
    if recording.edges.usage is not None:
        return recording.edges.usage
    told: Mapping[str, Any] = recording.result.get("rusage") or {}
    names = ("user_ns", "system_ns", "minor_faults", "major_faults")
    if any(told.get(name) is None for name in names):
        return None
    return Usage(*(int(told[name]) for name in names))


def _reason(recording: Recording, usage: Usage, threads: Ledger) -> str:
    """Why nothing can be said; empty where it can."""
    if recording.light:
        return "--light does not see system calls"
    if recording.sampled is not None:
        return "--sample does not see all system calls"
    used_ns = usage.user_ns + usage.system_ns
    on_cpu_ns = threads.parts[USER] + _calls_ns(threads)
    if max(used_ns, on_cpu_ns) < _LEAST_TICKS * TICK_NS:
        return f"less than {_LEAST_TICKS} clock ticks of CPU time"
    slack_ns = _TOLERANCE * on_cpu_ns + usage.resolution_ns + recording.load.steal_ns
    if abs(used_ns - on_cpu_ns) > slack_ns:
        return (
            f"the kernel's account has {duration(used_ns)} of CPU time, the ledger"
            f" {duration(on_cpu_ns)}"
        )
    return ""


def _calls_ns(threads: Ledger) -> int:
    """The kernel's time that has a name already: in calls, and its own threads'."""
    return sum(threads.parts[name] for name in (*SYSCALL_PARTS, KERNEL_WORKERS))


def _error_ns(usage: Usage, threads: Ledger) -> int:
    """Twice the standard deviation of a split by ticks, what the reading may be off by, and what
    the two accounts differ by."""
    used_ns = max(usage.user_ns + usage.system_ns, 1)
    share = min(max(usage.system_ns / used_ns, 0.0), 1.0)
    sampling_ns = 2 * TICK_NS * math.sqrt(used_ns / TICK_NS * share * (1 - share))
    apart_ns = abs(used_ns - threads.parts[USER] - _calls_ns(threads))
    return round(sampling_ns + usage.resolution_ns + apart_ns)


def _on_path_ns(recording: Recording, outside_ns: int, threads: Ledger, wall: Ledger) -> int | None:
    """The part of the path's `user`: its share of the target's, where that is one thread's."""
    total_ns, path_ns = threads.parts[USER], wall.parts[USER]
    own_ns = int(thread_times(recording)[:, OWN_PARTS.index(USER)].max(initial=0))
    if not total_ns or own_ns < _CARRIES * total_ns or path_ns < _CARRIES * own_ns:
        return None
    return min(round(outside_ns * path_ns / total_ns), path_ns)
