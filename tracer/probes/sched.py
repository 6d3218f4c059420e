"""Probe sched: how long threads waited for a CPU, by kind of wake-up, and kept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.histogram import Histogram
from tracer.kernel.states import WAKEUP_KINDS

SUMMARY = "context switches, migrations, wake-ups by kind and their latency, time slices"
HOOKS = ("waited", "ran")
ARRAYS = ("sched_cpus",)


@dataclass(frozen=True)
class SchedRecord:
    """Histograms (ns): wake-up to running by kind, preempted, and time on a CPU at a stretch."""

    woke: Mapping[str, Histogram]
    preempted: Histogram
    slice: Histogram


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
    )
