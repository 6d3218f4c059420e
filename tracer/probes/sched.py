"""Probe sched: how long threads waited for a CPU, by kind of wake-up, and kept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tracer.model.histogram import Histogram
from tracer.model.probe import Arrays, Context, Probe
from tracer.model.states import WAITS, WAKEUP_KINDS


@dataclass(frozen=True)
class SchedRecord:
    """Histograms (ns): wake-up to running by kind, preempted, and time on a CPU at a stretch;
    `handed`: from switch-in to waking another thread, by the kind of wait before; `pulled`: how
    many preempted threads were moved to another CPU."""

    woke: Mapping[str, Histogram]
    preempted: Histogram
    slice: Histogram
    handed: Mapping[str, Histogram]
    pulled: int = 0


def _read(arrays: Arrays, _context: Context) -> SchedRecord:
    """Sum over CPUs."""
    cpus = arrays["sched_cpus"]
    return SchedRecord(
        woke={
            kind: Histogram.merged(cpus["waited"][:, index])
            for index, kind in enumerate(WAKEUP_KINDS)
        },
        preempted=Histogram.merged(cpus["waited"][:, len(WAKEUP_KINDS)]),
        slice=Histogram.merged(cpus["slice"]),
        handed={
            kind: Histogram.merged(cpus["handed"][:, index]) for index, kind in enumerate(WAITS)
        },
        pulled=int(cpus["pulled"].sum()),
    )


PROBE = Probe(
    summary="context switches, migrations, wake-ups by kind and their latency, time slices",
    hooks=("switched_in", "switched_out", "woke_next", "migrated"),
    arrays=("sched_cpus",),
    read=_read,
)
