"""The conditions of the pinning experiment by label: what the runs differ in.

The labels stand in reports, in JSON documents and in the files of unfinished experiments.
"""

from __future__ import annotations

import re

#: The two placements whose difference is to be explained.
FREE, PINNED = "unpinned", "one CPU"
#: Free to move, each with one mechanism switched off.
POLLING, BATCH, SPINNERS = "idle CPUs polling", "no wake-up preemption", "CPUs kept busy"
PINNED_BATCH = "one CPU, no wake-up preemption"
#: Other workloads as controls: tasks in separate address spaces, tasks that do no I/O, and the same
#: I/O by a single thread, which never switches.
PROCESSES, PROCESSES_PINNED = "processes", "processes, one CPU"
MEMORY, MEMORY_PINNED = "no I/O", "no I/O, one CPU"
FLOOR = "one thread"

#: Of these no share of the gap can be computed: the placements themselves, and other work.
WITHOUT_SHARE = frozenset({FREE, PINNED, FLOOR, MEMORY, MEMORY_PINNED, PROCESSES, PROCESSES_PINNED})

#: Both keep idle CPUs from sleeping; where the first has no effect the second can tell.
SLEEPLESS = (POLLING, SPINNERS)


def with_cpus(count: int) -> str:
    """The label of the base on so many CPUs, fewer than all and more than one."""
    return f"{count} CPUs"


def cpus_of(label: str, every: int) -> int | None:
    """On how many CPUs the base runs in this condition, `every` being all that it may use; None of
    conditions that change something else."""
    if label in (FREE, PINNED):
        return every if label == FREE else 1
    match = re.fullmatch(r"(\d+) CPUs", label)
    return int(match[1]) if match else None
