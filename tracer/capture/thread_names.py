"""The kernel's names of the target's threads, at the end of one window after the other."""

from __future__ import annotations

import time

import numpy as np

from tracer.host.processes import thread_name
from tracer.kernel.engine import Engine
from tracer.model.threads import Threads, comm, is_alive

#: A thread names itself when it is young. One that was read when it was so old is read again in
#: turn: in one window of so many, since any thread can take another name.
_SETTLED_NS, _TURNS = 1_000_000_000, 16


class ThreadNames:
    """Reads /proc, 10 us a thread: in the first window all, later on those that may have changed.

    The first thread of a process is read each time: it may have called exec.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._names: dict[int, str] = {}
        #: By slot: the birth of the thread that was read when it was old enough; -1: none.
        self._settled = np.zeros(0, np.int64)
        self._turn = 0

    def read(self) -> dict[int, str]:
        """Slot -> name of the threads that are alive now."""
        rows = self._engine.arrays.threads
        if len(self._settled) < len(rows):
            more = np.full(len(rows) - len(self._settled), -1)
            self._settled = np.concatenate((self._settled, more))
        slots = np.flatnonzero(is_alive(rows))
        tids, pids = rows["tid"][slots], rows["tgid"][slots]
        births = rows["birth_ns"][slots].astype(np.int64)
        is_known = (self._settled[slots] == births) & (tids != pids)
        is_known &= slots % _TURNS != self._turn
        self._turn = (self._turn + 1) % _TURNS
        unread = ~is_known
        names = self._names
        self._names = {slot: names[slot] for slot in slots[is_known].tolist() if slot in names}
        for slot, pid, tid in zip(
            slots[unread].tolist(), pids[unread].tolist(), tids[unread].tolist(), strict=True
        ):
            if name := thread_name(pid, tid):
                self._names[slot] = name
        old = unread & (births < time.monotonic_ns() - _SETTLED_NS)
        self._settled[slots[unread]] = -1
        self._settled[slots[old]] = births[old]
        return dict(self._names)

    @staticmethod
    def with_later(names: dict[int, str], threads: Threads) -> dict[int, str]:
        """The same with the names of those of a window's `threads` that began after `read`; one
        that has ended since had the name of its process's first thread."""
        for slot in set(np.flatnonzero(is_alive(threads)).tolist()).difference(names):
            row = threads[slot]
            if not comm(row):
                pid, tid = int(row["tgid"]), int(row["tid"])
                names[slot] = thread_name(pid, tid) or thread_name(pid, pid)
        return names
