"""Looks at the table of threads while the target runs: how many run, wait and sleep at a time.

The table is mapped: a look costs the target nothing but the time of the CPU that it is made on.
A thread that is off its CPU only because this one looks there counts as running.
"""

from __future__ import annotations

import os
import random
import threading
import time
from array import array

import numpy as np
from numpy.typing import NDArray

from tracer.kernel.background import Background
from tracer.kernel.engine import Engine
from tracer.model.concurrency import ALL_ASLEEP, RAN, READY_NONE_RAN, Looks, Seen, Sleep
from tracer.model.states import PART, STOPPED, UNSPLIT, Phase, RunState
from tracer.model.threads import Mask, Threads

#: The mean distance of two looks. Distances are random: a program may have a period of its own.
LOOK_S = 0.01
#: A look at a long table is repeated less often: the pause is so many times its CPU time.
_PAUSE = 30
#: One that comes later than this has waited for another thread of tracer, which had a CPU that the
#: target could have had: it is left out.
_LATE_S = 0.001
_MOST = np.iinfo(np.uint16).max - RAN
_PART_BITS = 16
_PART_MASK = (1 << _PART_BITS) - 1
_NEVER = Seen(0, 0)


class Concurrency(Background):
    """Looks on a thread of its own, from `with` on to its end, while a window is open.

    That thread has a real-time priority where it may: one that waits for its turn would look
    mostly when the target has just gone to sleep.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__("looks")
        self._engine = engine
        self._lock = threading.Lock()  # of what was seen
        self._seen = Tallied()

    def closes(self) -> Looks:
        """The window closes about now: its looks. From here on those of the next one count."""
        with self._lock:
            seen, self._seen = self._seen, Tallied()
        return seen.looks()

    def _run(self) -> None:
        latest_s = _LATE_S if _has_priority() else float("inf")
        own, pause_s = threading.get_native_id(), LOOK_S
        arrays = self._engine.arrays
        while True:
            due_s = time.monotonic() + pause_s * random.uniform(0.5, 1.5)
            if self._over.wait(due_s - time.monotonic()):
                return
            if int(arrays.ctl["phase"]) != Phase.OPEN:
                continue
            if time.monotonic() - due_s > latest_s:
                self._seen.late += 1
                continue
            began_s = time.thread_time()
            with self._lock:
                self._seen.look(arrays.threads, arrays["cpus"], own)
            pause_s = max(LOOK_S, _PAUSE * (time.thread_time() - began_s))


def _has_priority() -> bool:
    """Give this thread a real-time priority; whether that was allowed."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        return False
    return True


class Tallied:
    """What was seen in the looks of one window; `late` ones were left out."""

    def __init__(self) -> None:
        self.late = 0
        self._states = array("H")
        self._threads = self._ready = 0
        self._asleep: dict[Sleep, Seen] = {}
        #: By row: its present sleep, as a number, and in how many looks it was so.
        self._key = np.zeros(0, np.int64)
        self._looks = np.zeros((0, 2), np.int64)

    def look(self, threads: Threads, cpus: NDArray[np.void], own: int) -> None:
        """One look at the live rows; `own` is the thread that looks."""
        state = threads["state"].copy()  # first, so that it is of one instant
        there = (threads["tid"] != 0) & (state != RunState.DEAD)
        runs = there & (state <= RunState.RUNNING_EARLY)
        preempted = there & (state == RunState.PREEMPTED)
        if preempted.any():
            runs |= preempted & displaced(threads, cpus, own)
        # the kernel's own workers do the program's work, but wait for none of it
        there &= (threads["is_worker"] == 0) | runs
        slots = np.flatnonzero(there & (state == RunState.BLOCKED))
        number, ran = int(np.count_nonzero(there)), int(np.count_nonzero(runs))
        ready = number - len(slots) - ran
        self._states.append(
            RAN - 1 + min(ran, _MOST) if ran else READY_NONE_RAN if ready else ALL_ASLEEP
        )
        self._threads += number
        self._ready += ready
        self._add(threads, slots, not ran)

    def _add(self, threads: Threads, asleep: NDArray[np.intp], none_ran: bool) -> None:
        """Count the sleep of each of these rows: there as long as it is the same, then under its
        own name."""
        more = len(threads) - len(self._key)
        if more > 0:
            self._key = np.concatenate((self._key, np.zeros(more, np.int64)))
            self._looks = np.concatenate((self._looks, np.zeros((more, 2), np.int64)))
        stopped = threads["blocked_part"][asleep] == PART[STOPPED]
        called = threads["on_cpu_part"][asleep]
        if (unsplit := called == UNSPLIT).any():
            called = np.where(unsplit, threads["asleep_part"][asleep], called)
        part = np.where(stopped, PART[STOPPED], called)
        key = (threads["call_nr"][asleep].astype(np.int64) << _PART_BITS) | part
        changed = key != self._key[asleep]
        if changed.any():
            self._keep(asleep[changed])
            self._key[asleep] = key
        self._looks[asleep, 0] += 1
        if none_ran:
            self._looks[asleep, 1] += 1

    def _keep(self, slots: NDArray[np.intp]) -> None:
        """Count what these rows have slept in under its name."""
        slots = slots[self._looks[slots, 0] != 0]
        counts, keys = self._looks[slots].tolist(), self._key[slots].tolist()
        for slot, key, (looks, none_ran) in zip(slots.tolist(), keys, counts, strict=True):
            sleep = Sleep(slot, key & _PART_MASK, key >> _PART_BITS)
            before = self._asleep.get(sleep, _NEVER)
            self._asleep[sleep] = Seen(before.looks + looks, before.none_ran + none_ran)
        self._looks[slots] = 0

    def looks(self) -> Looks:
        """All of it; nothing is to be added after that."""
        self._keep(np.flatnonzero(self._looks[:, 0]))
        states = np.array(self._states, dtype=np.uint16)
        return Looks(states, self._threads, self._ready, self._asleep, self.late)


def displaced(threads: Threads, cpus: NDArray[np.void], own: int) -> Mask:
    """Rows of threads that left their CPU when the thread `own` came in there. By a switch that was
    not timed none of the target's left."""
    rows = np.zeros(len(threads), dtype=np.bool_)
    for cpu in np.flatnonzero((cpus["tid"] == own) & (cpus["untimed"] == 0)).tolist():
        came_ns = cpus["since_ns"][cpu]
        rows |= (threads["cpu"] == cpu) & (threads["out_ns"] == came_ns)
    return rows
