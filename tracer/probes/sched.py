"""Probe sched: how long threads waited for a CPU, by kind of wake-up, and kept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tracer.model.histogram import Histogram
from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.states import WAITS, WAKEUP_KINDS

#: Wake-ups are counted by how many threads could run on the waker's CPU: 1, 2, or this and more.
RUNNABLE = 3


@dataclass(frozen=True)
class SchedRecord:
    """Histograms (ns): wake-up to running by kind, preempted, and time on a CPU at a stretch;
    `handed`: from switch-in to waking another thread, by the kind of wait before, and `ran`: from
    switch-in to switch-out; `pulled`: how many preempted threads were moved to another CPU.

    `placed`: wake-ups by threads of the target, by how many of its threads could run on the waker's
    CPU then (1: the waker alone; the last: so many or more): onto that CPU, onto another.
    """

    woke: Mapping[str, Histogram]
    preempted: Histogram
    slice: Histogram
    handed: Mapping[str, Histogram]
    pulled: int = 0
    ran: Mapping[str, Histogram] = field(default_factory=dict)
    placed: Mapping[int, tuple[int, int]] = field(default_factory=dict)


def _macros(_types: KernelTypes) -> dict[str, object]:
    return {"N_RUNNABLE": RUNNABLE}


def _read(arrays: Arrays, _context: Context) -> SchedRecord:
    """Sum over CPUs."""
    cpus = arrays["sched_cpus"]
    return SchedRecord(
        woke={
            kind: Histogram.merged(cpus["waited"][:, index])
            for index, kind in enumerate(WAKEUP_KINDS)
        },
        preempted=Histogram.merged(cpus["waited"][:, len(WAKEUP_KINDS)]),
        slice=Histogram.merged(cpus["ran"]),
        handed={
            kind: Histogram.merged(cpus["handed"][:, index]) for index, kind in enumerate(WAITS)
        },
        pulled=int(cpus["pulled"].sum()),
        ran={kind: Histogram.merged(cpus["ran"][:, index]) for index, kind in enumerate(WAITS)},
        placed={
            n + 1: (int(cpus["woke"][:, n].sum()), int(cpus["woke_away"][:, n].sum()))
            for n in range(RUNNABLE)
        },
    )


PROBE = Probe(
    summary="context switches, migrations, wake-ups by kind and their latency, time slices",
    hooks=("waking", "switched_in", "switched_out", "woke_next", "migrated"),
    arrays=("sched_cpus", "sched_threads"),
    read=_read,
    states={"sched_cpus": ("pushed_off",), "sched_threads": ()},
    macros=_macros,
)
