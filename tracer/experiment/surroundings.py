"""What the host did around a run: its speed, steal, other processes."""

from __future__ import annotations

import os
import resource
import time

from tracer.analysis.quiet import LIMIT
from tracer.errors import TracerError
from tracer.host.load import HostTimes
from tracer.model.trial import HostShare, Surroundings
from tracer.progress import Progress

_SPIN_STEPS = 400_000
#: How long the host is looked at before an experiment.
LOOK_S = 0.5


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
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(sum(usage.ru_utime + usage.ru_stime for usage in usages) * 1e9)


class Watch:
    """Watches the host from its making until `ended`, on the CPUs that tracer may use."""

    def __init__(self, spin: bool = True) -> None:
        self._cpus = os.sched_getaffinity(0)
        self._own_cpu_ns = _own_cpu_ns()
        self._before = HostTimes.now(self._cpus)
        self._spin_ns = timed_spin_ns() if spin else 0

    def ended(self, spin: bool = True) -> Surroundings:
        """What happened meanwhile; without `spin` the host's speed is not timed a second time."""
        spin_after_ns = timed_spin_ns() if spin else self._spin_ns
        after = HostTimes.now(self._cpus)
        load = after.load_since(self._before)
        own_ns = _own_cpu_ns() - self._own_cpu_ns
        return Surroundings(
            spin_before_ns=self._spin_ns,
            spin_after_ns=spin_after_ns,
            wall_ns=after.at_ns - self._before.at_ns,
            steal_ns=load.steal_ns,
            others_ns=max(load.busy_ns - own_ns, 0),  # of which one is in whole clock ticks
            cpus=len(self._cpus),
        )


def look() -> HostShare:
    """The host's other load in the next moment."""
    watch = Watch(spin=False)
    time.sleep(LOOK_S)
    around = watch.ended(spin=False)
    total_ns = max(around.cpu_time_ns, 1)
    return HostShare(around.others_ns / total_ns, around.steal_ns / total_ns)


def wait_until_quiet(limit_s: float, progress: Progress) -> HostShare:
    """Wait for a moment in which neither other programs nor steal take more than 10 % of the CPUs.

    TracerError when none came within `limit_s` seconds.
    """
    deadline_s = time.monotonic() + limit_s
    while (seen := look()).largest > LIMIT:
        if time.monotonic() >= deadline_s:
            raise TracerError(
                f"no quiet host in {limit_s:g} s: at the end other programs used"
                f" {100 * seen.others:.0f} % of the CPUs, the host took {100 * seen.steal:.0f} %"
                " (steal)",
                "wait longer, end what runs beside (see top), or leave --wait-quiet out: what"
                " meets load is then marked, and no verdict rests on it",
            )
        progress.say(f"waiting for a quiet host: others use {100 * seen.others:.0f} %")
    return seen
