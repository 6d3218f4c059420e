"""Enters threads that already exist into the table of threads, while the programs are attached."""

from __future__ import annotations

import time

import numpy as np

from tracer.errors import TracerError
from tracer.host.processes import Task, is_i386, task, tids
from tracer.kernel.arrays import Snapshot
from tracer.kernel.engine import Engine
from tracer.model.states import (
    EXTERNAL,
    KERNEL_WORKERS,
    PART,
    STOPPED,
    UNKNOWN,
    USER,
    Phase,
    RunState,
)
from tracer.model.syscalls import COMPAT, class_of, name_of
from tracer.model.threads import is_alive

#: Rows kept for processes that join a control group later.
_SPARE = 4096
_PASSES = 20


class Seeder:
    """Fills rows of the engine's table of threads from /proc.

    Its rows are reserved before the first thread is entered: from then on the programs hand out
    rows too, for new threads of the target. A thread's state is written before the programs can
    look it up; a thread that has ended meanwhile is removed again. What a thread that runs does is
    `unknown` until the programs see it come onto a CPU (`settle` makes them), and so is a sleep in
    a call that /proc does not name.
    """

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._free = 1
        self._added: set[int] = set()
        self._refused: set[int] = set()
        self._unsettled: dict[int, tuple[int, int]] = {}  # thread -> process, row
        self._end = threads + _SPARE + 1
        most = len(engine.arrays["threads"]) // 2
        if self._end > most:
            raise TracerError(
                f"the processes have {threads:,} threads; tracer can attach to"
                f" {most - _SPARE - 1:,}",
                "name fewer processes",
                exit_code=2,
            )
        engine.ctl["next_slot"] = self._end

    @property
    def count(self) -> int:
        """Threads entered so far."""
        return len(self._added)

    @property
    def refused(self) -> int:
        """Threads that found no row: a loss."""
        return len(self._refused)

    def add(self, pid: int) -> None:
        """All threads of a process that are not known yet, also those it creates meanwhile."""
        first_call = COMPAT if is_i386(pid) else 0
        for _ in range(_PASSES):
            slots = self._engine.arrays["slots"]
            new = [tid for tid in tids(pid) if not slots[tid]]
            if not new:
                return
            for tid in new:
                self._add(pid, tid, first_call)

    def settle(self) -> bool:
        """Make every CPU report its current task, and remove threads that ended before that.


        False when no thread was entered since the last call.

        A thread that is running when it is added is unknown to its CPU until that CPU next
        switches.
        """
        if not self._unsettled:
            return False
        self._engine.visit()
        slots = self._engine.arrays["slots"]
        for tid, (pid, slot) in self._unsettled.items():
            if task(pid, tid) is None and int(slots[tid]) == slot:
                thread = self._engine.arrays["threads"][slot]
                thread["tid"], thread["state"], slots[tid] = 0, RunState.DEAD, 0
        self._unsettled.clear()
        return True

    def _add(self, pid: int, tid: int, first_call: int) -> None:
        found = task(pid, tid)
        slots = self._engine.arrays["slots"]
        # a thread created by a known one has been entered by the programs by now
        if found is None or slots[tid]:
            return
        slot = self._row()
        if not slot:
            self._refused.add(tid)
            return
        self._write(slot, pid, tid, found, first_call)
        slots[tid] = slot
        self._added.add(tid)
        self._unsettled[tid] = pid, slot

    def _row(self) -> int:
        """A free row, also of a thread that ended before this window; 0 when there is none."""
        if self._free < self._end:
            self._free += 1
            return self._free - 1
        rows = self._engine.arrays["threads"][1 : self._end]
        over = (rows["state"] == RunState.DEAD) & (rows["epoch"] != self._engine.ctl["epoch"])
        return int(over.argmax()) + 1 if over.any() else 0

    def _write(self, slot: int, pid: int, tid: int, found: Task, first_call: int) -> None:
        engine = self._engine
        lives = int(engine.arrays["threads"]["life"][slot]) + 1
        engine.arrays["threads"][slot : slot + 1].view()[...] = np.zeros(
            (), engine.arrays["threads"].dtype
        )
        if engine.followed:  # what was kept of another thread is none of this one's
            engine.arrays["threads_before"][slot : slot + 1].view()[...] = np.zeros(
                (), engine.arrays["threads"].dtype
            )
        thread = engine.arrays["threads"][slot]
        thread["slot"], thread["life"] = slot, lives
        now_ns = time.monotonic_ns()
        running, blocked = UNKNOWN, UNKNOWN
        if found.call is not None and found.call < 0:
            running, blocked = USER, "blocked:other"
        elif found.call is not None:
            number = first_call + min(found.call, COMPAT - 1)
            name = class_of(name_of(number))
            running, blocked = f"syscall:{name}", f"blocked:{name}"
            thread["call_nr"] = number
        if found.state in "Tt":
            blocked = STOPPED
        if found.is_worker:
            running, blocked = KERNEL_WORKERS, "blocked:other"
        elif engine.light:
            running = USER
        thread["on_cpu_part"] = PART[running]
        thread["blocked_part"] = PART[blocked]
        thread["is_worker"] = found.is_worker
        # which of the two a runnable thread is, running or in a queue, its first switch tells
        thread["state"] = RunState.RUNNING if found.state == "R" else RunState.BLOCKED
        thread["sleeps"] = 1  # in its present call, if it is in one
        thread["birth_ns"] = now_ns
        thread["fresh"] = 1
        if int(engine.ctl["phase"]) == Phase.OPEN:
            thread["epoch"] = engine.ctl["epoch"]
            thread["last_ns"] = now_ns
            # its history before it joined is external
            thread["path"][PART[EXTERNAL]] = now_ns - int(engine.ctl["start_ns"])
        thread["tgid"], thread["tid"] = pid, tid

    def drop_doubles(self, data: Snapshot) -> None:
        """Remove rows from a snapshot whose thread was entered twice, by the programs and here."""
        threads = data["threads"]
        slots = self._engine.arrays["slots"][threads["tid"]]
        double = is_alive(threads) & (threads["exec_slot"] == 0)
        double &= np.isin(threads["tid"], list(self._added)) & (slots != np.arange(len(threads)))
        threads["tid"][double & (slots != 0)] = 0
