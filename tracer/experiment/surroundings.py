"""What the host did around a run: its speed, steal, other processes."""

from __future__ import annotations

import os
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


def _own_cpu_ns() -> int:
    """CPU time of tracer and of the children that it has waited for."""
    return int(sum(os.times()[:4]) * 1e9)


class Watch:
    """Watches the host from its making until `ended`."""

    def __init__(self) -> None:
        self._own_cpu_ns = _own_cpu_ns()
        self._before = HostTimes.now()
        self._spin_ns = timed_spin_ns()

    def ended(self, spin: bool = True) -> Surroundings:
        """What happened meanwhile; without `spin` the host's speed is not timed a second time."""
        spin_after_ns = timed_spin_ns() if spin else self._spin_ns
        after = HostTimes.now()
        load = after.load_since(self._before)
        own_ns = _own_cpu_ns() - self._own_cpu_ns
        return Surroundings(
            spin_before_ns=self._spin_ns,
            spin_after_ns=spin_after_ns,
            wall_ns=after.at_ns - self._before.at_ns,
            steal_ns=load.steal_ns,
            others_ns=max(load.busy_ns - own_ns, 0),
        )
