"""How much of the program's own code was the kernel's: an estimate, marked `~`."""

from __future__ import annotations

from tracer.analysis.run.summary import Summary
from tracer.model.states import USER
from tracer.units import counted, duration

#: A smaller part of the path is not worth a line.
_LEAST = 0.005


def kernel_time(run: Summary) -> list[str]:
    """One line on all threads; nothing where all time on a CPU is one."""
    found = run.kernel_time
    if not run.is_split:
        return []
    if found.outside_ns is None:
        return [f"~ kernel time outside calls: unknown ({found.why})"]
    faults = counted((found.minor_faults or 0) + (found.major_faults or 0), "page fault")
    own = duration(run.threads.parts[USER])
    if found.error_ns >= run.threads.parts[USER]:
        known = f"known to {duration(found.error_ns)} here, more than all own code"
        return [f"~ kernel time outside calls: unknown ({known}); {faults}"]
    if not found.is_seen:
        return [f"~ kernel time outside calls: <{duration(found.error_ns)} of {own}; {faults}"]
    return [
        f"~ kernel time outside calls: {duration(found.outside_ns)} of the own code's {own}:"
        f" {faults}, entry and exit of calls, tracing"
    ]


def on_path_ns(run: Summary) -> int:
    """The kernel's part of the path's own code that is worth a line; 0 where there is none."""
    found = run.kernel_time
    line_ns = round((run.headline.user or 0.0) * run.window_ns)
    ns = min(found.on_path_ns or 0, line_ns)
    return ns if found.is_seen and ns >= _LEAST * run.window_ns else 0
