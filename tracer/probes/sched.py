"""Probe sched: how long threads waited for a CPU, by kind of wake-up, and kept it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracer.model.histogram import Histogram
from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.states import WAITS, WAKEUP_KINDS

#: Wake-ups are counted by how many threads could run on the waker's CPU: 1, 2, or this and more.
RUNNABLE = 3


@dataclass(frozen=True)
class SchedRecord:
    """Histograms (ns): wake-up to running by kind, preempted, and time on a CPU at a stretch;
    `handed`: from switch-in to waking another thread, by the kind of wait before, and `ran`: from
    switch-in to switch-out, of which `ran_io_ns` in calls for I/O and `ran_user_ns` in own code
    (with --light all of it); `pulled`: how many preempted threads were moved to another CPU.

    `placed`: wake-ups by threads of the target, by how many of its threads could run on the waker's
    CPU then (1: the waker alone; the last: so many or more): onto that CPU, onto another.
    `placed_by_queue`: the same by all tasks, of all programs, on that CPU's run queue; empty where
    none was counted, as on a kernel that does not let it be read.
    """

    woke: Mapping[str, Histogram]
    preempted: Histogram
    slice: Histogram
    handed: Mapping[str, Histogram]
    pulled: int = 0
    ran: Mapping[str, Histogram] = field(default_factory=dict)
    placed: Mapping[int, tuple[int, int]] = field(default_factory=dict)
    ran_io_ns: Mapping[str, int] = field(default_factory=dict)
    ran_user_ns: Mapping[str, int] = field(default_factory=dict)
    placed_by_queue: Mapping[int, tuple[int, int]] = field(default_factory=dict)


def _macros(types: KernelTypes) -> dict[str, object]:
    return {"N_RUNNABLE": RUNNABLE, **_run_queue(types)}


def _run_queue(types: KernelTypes) -> dict[str, object]:
    """Where a CPU's run queue is found from the task that runs there, and its tasks; nothing where
    the kernel has no control groups in its scheduler, and so no pointer to it."""
    needed = (("task_struct", "se.cfs_rq"), ("cfs_rq", "rq"), ("rq", "nr_running"))
    if not all(types.has_member(*member) for member in needed):
        return {}
    found: dict[str, object] = {
        "OFFSET_TASK_RQ_OF_GROUP": types.offset_of("task_struct", "se.cfs_rq"),
        "OFFSET_RQ_OF_GROUP_RQ": types.offset_of("cfs_rq", "rq"),
        "OFFSET_RQ_RUNNING": types.offset_of("rq", "nr_running"),
    }
    if types.has_member("rq", "cfs.h_nr_runnable"):
        # Linux 6.14, commit c2a295bffeaf ("sched/fair: Add new cfs_rq.h_nr_runnable"): a task that
        # has gone to sleep may stay on its queue for a while, since 6.12
        found["OFFSET_RQ_QUEUED"] = types.offset_of("rq", "cfs.h_nr_queued")
        found["OFFSET_RQ_RUNNABLE"] = types.offset_of("rq", "cfs.h_nr_runnable")
    return found


def _read(arrays: Arrays, _context: Context) -> SchedRecord:
    """Sum over CPUs."""
    cpus = arrays["sched_cpus"]
    by_queue = _placed(cpus, "woke_by_queue", "woke_away_by_queue")
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
        placed=_placed(cpus, "woke", "woke_away"),
        ran_io_ns=_by_wait(cpus["ran_io_ns"]),
        ran_user_ns=_by_wait(cpus["ran_user_ns"]),
        placed_by_queue=by_queue if any(map(any, by_queue.values())) else {},
    )


def _by_wait(ns: NDArray[np.uint64]) -> dict[str, int]:
    """Sums over CPUs; shape (CPUs, N_WAITS)."""
    return dict(zip(WAITS, ns.sum(axis=0).tolist(), strict=True))


def _placed(cpus: NDArray[np.void], here: str, away: str) -> dict[int, tuple[int, int]]:
    """Wake-ups by how many could run on the waker's CPU."""
    return {
        n + 1: (int(cpus[here][:, n].sum()), int(cpus[away][:, n].sum())) for n in range(RUNNABLE)
    }


PROBE = Probe(
    summary="context switches, migrations, wake-ups by kind and their latency, time slices",
    hooks=("waking", "switched_in", "switched_out", "woke_next", "migrated"),
    arrays=("sched_cpus", "sched_pushed_off", "sched_threads"),
    read=_read,
    states={"sched_pushed_off": (), "sched_threads": ()},
    macros=_macros,
)
