"""Questions to the table of threads (`struct thread`, a row a slot), as masks over its rows."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tracer.model.states import PART, PREEMPTED, WAKEUP_QUEUED, YIELDED, RunState

#: A slot's number has so many bits: the table of threads has a row for each.
SLOT_BITS = 17

Threads = NDArray[np.void]
Mask = NDArray[np.bool_]

RUNNING = (RunState.RUNNING, RunState.RUNNING_EARLY)
WAKING = (RunState.WAKING, RunState.WAKING_EARLY)


def is_in(threads: Threads, *states: RunState) -> Mask:
    """Rows of threads in one of these states."""
    return np.isin(threads["state"], states)


def is_alive(threads: Threads) -> Mask:
    """Rows of threads that have not ended; a row with thread number 0 is free."""
    return np.asarray((threads["tid"] != 0) & (threads["state"] != RunState.DEAD))


def processes(threads: Threads) -> list[int]:
    """The processes with a thread that has not ended, by their numbers."""
    found: list[int] = np.unique(threads["tgid"][is_alive(threads)]).tolist()
    return found


def present_part(threads: Threads) -> NDArray[np.int64]:
    """The part (index into `own`) that each thread's present state counts under; -1: it has ended.

    A thread that waits for a CPU counts as queued: whether that CPU was idle is known at switch-in.
    """
    part = np.full(len(threads), -1, dtype=np.int64)
    running, blocked = is_in(threads, *RUNNING), is_in(threads, RunState.BLOCKED)
    part[running] = threads["on_cpu_part"][running]
    part[blocked] = threads["blocked_part"][blocked]
    part[is_in(threads, *WAKING)] = PART[WAKEUP_QUEUED]
    part[is_in(threads, RunState.PREEMPTED)] = PART[PREEMPTED]
    part[is_in(threads, RunState.YIELDED)] = PART[YIELDED]
    return part


def comm(row: np.void) -> str:
    """The kernel's name of a thread, as kept in its row; bytes that are not UTF-8 are replaced."""
    return bytes(row["comm"]).split(b"\0")[0].decode(errors="replace")


@lru_cache(maxsize=1 << 16)
def pattern(name: str) -> str:
    """`worker-*` for worker-1, worker-22."""
    return re.sub(r"\d+", "*", name)
