"""What the host did around a run: its speed, steal, other processes."""

from __future__ import annotations

import time

from tracer.host.load import HostTimes
from tracer.model.trial import Surroundings

_SPIN_STEPS = 400_000


def timed_spin_ns() -> int:
    """Time of a fixed piece of arithmetic (about 10 ms): the host's speed at this moment.

    The shorter of two, since an interruption can only lengthen it.
    """
    return min(_spin(), _spin())


def _spin() -> int:
    began = time.perf_counter_ns()
    value = 1
    for _ in range(_SPIN_STEPS // 2):
        value = value * 1103515245 + 12345 & 0x7FFFFFFF
    return time.perf_counter_ns() - began


def surroundings(
    before: HostTimes, after: HostTimes, spins: tuple[int, int], own_cpu_ns: int
) -> Surroundings:
    """What happened between two moments, of which `own_cpu_ns` was the run's and tracer's own."""
    return Surroundings(
        spin_before_ns=spins[0],
        spin_after_ns=spins[1],
        wall_ns=after.at_ns - before.at_ns,
        steal_ns=after.steal_ns - before.steal_ns,
        others_ns=max(after.busy_ns - before.busy_ns - own_cpu_ns, 0),
    )
