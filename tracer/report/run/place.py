"""Where a target ran: the CPUs it was allowed, from the start to the end."""

from __future__ import annotations

from tracer.analysis.run.allowed import Allowed
from tracer.analysis.run.summary import Summary
from tracer.host.cpus import cpu_list
from tracer.units import counted, duration


def place(run: Summary) -> str:
    """`CPUs 0-1 (free to move), Linux 6.18`."""
    return f"{start(run)}, Linux {kernel(run)}{_later(run.allowed)}"


def kernel(run: Summary) -> str:
    """`6.18`."""
    return ".".join(run.host.kernel.split("-")[0].split(".")[:2])


def start(run: Summary) -> str:
    """The CPUs it was allowed at the start."""
    if run.target.cpus:
        return f"pinned to {_named(run.target.cpus)}"
    if set(run.allowed.start) < set(run.host.online_cpus):
        return f"{_named(run.allowed.start)} (it was allowed no others)"
    return f"{_named(run.host.online_cpus)} (free to move)"


def _later(allowed: Allowed) -> str:
    """What became of that; nothing where it stayed so."""
    if allowed.narrowed:
        when = "before the measured part"
        if allowed.narrowed_ns:
            when = f"the first one {duration(allowed.narrowed_ns)} after the start"
        number = f"{allowed.narrowed} of {counted(allowed.threads, 'thread')}"
        to = _named(allowed.narrowed_to)
        return f"; {number} narrowed to {to} by sched_setaffinity, {when}"
    if allowed.end and allowed.end != allowed.start:
        return f"; {_named(allowed.end)} at the end"
    return ""


def _named(cpus: tuple[int, ...]) -> str:
    return f"CPU{'' if len(cpus) == 1 else 's'} {cpu_list(cpus)}"
