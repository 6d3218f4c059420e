"""The end of a run with --sample: what was seen, taken out of the table of threads.

Time on a CPU is one afterwards, as with --light: which part of it was seen says nothing about the
rest, but as an estimate (tracer/analysis/run/sampled.py).
"""

from __future__ import annotations

import time

import numpy as np

from tracer.kernel.arrays import Snapshot
from tracer.kernel.engine import Engine
from tracer.kernel.settings import SAMPLE_GROUPS
from tracer.model.sampled import Sampled
from tracer.model.states import KERNEL_WORKERS, PART, SYSCALL_PARTS, USER

_USER, _CALLS = PART[USER], slice(PART[SYSCALL_PARTS[0]], PART[SYSCALL_PARTS[-1]] + 1)


#: A thread of the target that has kept its CPU for so long without a switch is made to switch.
_STILL_NS = 1_000_000_000


class StillCpus:
    """CPUs on which a thread of the target runs on and on: one that makes no call either would
    never go over to another piece of time (machine/sample.c)."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._next_ns = engine, 0

    def look(self) -> None:
        """Make such CPUs switch once, each at most once a second; some us each."""
        now_ns = time.monotonic_ns()
        if self._engine.one_in == 1 or now_ns < self._next_ns:
            return
        self._next_ns = now_ns + _STILL_NS
        cpus = self._engine.arrays["cpus"]
        still = (cpus["slot"] != 0) & (cpus["since_ns"] + np.uint64(_STILL_NS) < now_ns)
        if still.any():
            self._engine.visit(np.flatnonzero(still).tolist())


def take(data: Snapshot, one_in: int) -> Sampled:
    """What was seen of the window of `data`, whose times on a CPU become one, in place."""
    ctl, threads, cpus = data["ctl"][0], data["threads"], data["cpus"]
    groups = data["sample_groups"].reshape(-1, SAMPLE_GROUPS)
    here = cpus["epoch"] == ctl["epoch"]
    found = Sampled(
        one_in,
        groups["ns"].astype(np.int64).sum(axis=0),
        groups["calls"].astype(np.int64).sum(axis=0),
        int(cpus["unseen_calls"][here].sum()),  # of a CPU on which threads end it can be below 0
        data["path_seen_ns"][int(ctl["end_slot"])].astype(np.int64),
    )
    assert _CALLS.stop == PART[KERNEL_WORKERS]
    rows = np.flatnonzero(threads["tid"])
    for array, some in (
        (threads["path"], rows),
        (threads["own"], rows),
        (cpus["recycled_own"], ...),
    ):
        times = array[some]
        times[:, _USER] += times[:, _CALLS].sum(axis=1)
        times[:, _CALLS] = 0
        array[some] = times
    return found
