"""Probe sched: how long threads waited for a CPU, by kind of wake-up, and kept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.histogram import Histogram
from tracer.kernel.states import WAITS, WAKEUP_KINDS

SUMMARY = "context switches, migrations, wake-ups by kind and their latency, time slices"
HOOKS = ("waited", "ran", "handed", "moved")
ARRAYS = ("sched_cpus",)


@dataclass(frozen=True)
class SchedRecord:
    """Histograms (ns): wake-up to running by kind, preempted, and time on a CPU at a stretch;
    `handed`: from coming in to waking another thread, by the kind of wait before; `pulled`: how
    many preempted threads were moved to another CPU."""

    woke: Mapping[str, Histogram]
    preempted: Histogram
    slice: Histogram
    handed: Mapping[str, Histogram]
    pulled: int = 0


def read(arrays: Mapping[str, NDArray[np.void]]) -> SchedRecord:
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
