"""Enters threads that already exist into the table of threads, while the programs are attached."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.host.processes import Task, has_ended, is_i386, stat_fields, task, tids
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
#: Threads that are looked at before they are entered: what one does may change meanwhile.
_AT_ONCE = 64


@dataclass(frozen=True)
class _Seed:
    """What a thread does: the parts of its time on a CPU and asleep, and the number of its call."""

    running: str
    blocked: str
    call: int = 0


@functools.cache
def _seed(found: Task, first_call: int, *, light: bool) -> _Seed:
    running, blocked, number = UNKNOWN, UNKNOWN, 0
    if found.call is not None and found.call < 0:
        running, blocked = USER, "blocked:other"
    elif found.call is not None:
        number = first_call + min(found.call, COMPAT - 1)
        name = class_of(name_of(number))
        running, blocked = f"syscall:{name}", f"blocked:{name}"
    if found.state in "Tt":
        blocked = STOPPED
    if found.is_worker:
        running, blocked = KERNEL_WORKERS, "blocked:other"
    elif light:
        running = USER
    return _Seed(running, blocked, number)


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
        most = engine.arrays.most_threads // 2
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
        slots = self._engine.arrays["slots"]  # of a host with millions of threads 32 MiB
        for _ in range(_PASSES):
            new = [tid for tid in tids(pid) if not slots[tid]]
            if not new:
                return
            for first in range(0, len(new), _AT_ONCE):
                self._add(pid, new[first : first + _AT_ONCE], first_call, slots)

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
            if has_ended(stat_fields(f"/proc/{pid}/task/{tid}")) and int(slots[tid]) == slot:
                thread = self._engine.arrays["threads"][slot]
                thread["tid"], thread["state"], slots[tid] = 0, RunState.DEAD, 0
        self._unsettled.clear()
        return True

    def _add(self, pid: int, new: Sequence[int], first_call: int, slots: NDArray[np.void]) -> None:
        tasks = {tid: task(pid, tid) for tid in new}
        # a thread created by a known one has been entered by the programs by now
        found = {tid: t for tid, t in tasks.items() if t is not None and not slots[tid]}
        rows = self._rows(len(found))
        entered = list(found)[: len(rows)]
        self._refused.update(list(found)[len(rows) :])
        if not entered:
            return
        self._write(rows, pid, entered, [found[tid] for tid in entered], first_call)
        slots[entered] = rows
        self._added.update(entered)
        self._unsettled |= {tid: (pid, row) for tid, row in zip(entered, rows, strict=True)}

    def _rows(self, wanted: int) -> list[int]:
        """Free rows, also of threads that ended before this window; fewer where there are not as
        many."""
        rows = list(range(self._free, min(self._free + wanted, self._end)))
        self._free += len(rows)
        if len(rows) < wanted:
            used = self._engine.arrays["threads"][1 : self._end]
            over = (used["state"] == RunState.DEAD) & (used["epoch"] != self._engine.ctl["epoch"])
            rows += (np.flatnonzero(over)[: wanted - len(rows)] + 1).tolist()
        return rows

    def _write(
        self,
        rows: Sequence[int],
        pid: int,
        numbers: Sequence[int],
        tasks: Sequence[Task],
        first_call: int,
    ) -> None:
        engine = self._engine
        threads = engine.arrays["threads"]
        lives = threads["life"][rows] + 1
        threads.view()[rows] = np.zeros((), threads.dtype)
        if engine.followed:  # what was kept of another thread is none of this one's
            engine.arrays["threads_before"].view()[rows] = np.zeros((), threads.dtype)
        threads["slot"][rows], threads["life"][rows] = rows, lives
        now_ns = time.monotonic_ns()
        seeds = [_seed(found, first_call, light=engine.light) for found in tasks]
        threads["on_cpu_part"][rows] = [PART[seed.running] for seed in seeds]
        threads["blocked_part"][rows] = [PART[seed.blocked] for seed in seeds]
        threads["call_nr"][rows] = [seed.call for seed in seeds]
        threads["is_worker"][rows] = [found.is_worker for found in tasks]
        # which of the two a runnable thread is, running or in a queue, its first switch tells
        threads["state"][rows] = [
            RunState.RUNNING if found.state == "R" else RunState.BLOCKED for found in tasks
        ]
        threads["sleeps"][rows] = 1  # in its present call, if it is in one
        threads["birth_ns"][rows] = now_ns
        threads["fresh"][rows] = 1
        if int(engine.ctl["phase"]) == Phase.OPEN:
            threads["epoch"][rows] = engine.ctl["epoch"]
            threads["last_ns"][rows] = now_ns
            # their history before they joined is external
            threads["path"][rows, PART[EXTERNAL]] = now_ns - int(engine.ctl["start_ns"])
        threads["tgid"][rows], threads["tid"][rows] = pid, numbers

    def drop_doubles(self, data: Snapshot) -> None:
        """Remove rows from a snapshot whose thread was entered twice, by the programs and here."""
        threads = data["threads"]
        slots = self._engine.arrays["slots"][threads["tid"]]
        double = is_alive(threads) & (threads["exec_slot"] == 0)
        double &= np.isin(threads["tid"], list(self._added)) & (slots != np.arange(len(threads)))
        threads["tid"][double & (slots != 0)] = 0
