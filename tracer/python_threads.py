"""Collects the names of Python programs' threads while the target runs."""

from __future__ import annotations

import select
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from tracer.kernel.engine import MAX_THREADS, Engine
from tracer.kernel.states import RUN_STATES
from tracer.python_names import is_python, kernel_name, names_in

_PROC = Path("/proc")
_DEAD = RUN_STATES.index("DEAD")
#: Looks may take this much time in all, and this share of the time since the beginning.
_FREE_S, _SHARE = 0.1, 0.01
#: For how many processes it is kept whether they run Python.
_MOST_PROGRAMS = 4096
#: A thread that is younger may not have told its name yet.
_SETTLE_NS = 5_000_000
#: How often new threads are looked for: at least, at most, and as a share of the time without any.
_SHORTEST_S, _LONGEST_S, _PATIENCE = 0.005, 0.1, 0.1


class PythonThreads:
    """A thread takes its name along when it ends, so they are read as soon as it is there.

    To read one process takes about 10 ms of a CPU, and `look` keeps to 1 % of one. A thread that
    lives shorter than some 30 ms may stay without its name.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._names: dict[int, tuple[int, str]] = {}  # slot -> birth, name
        self._programs: dict[int, tuple[Path, bool]] = {}  # process -> program, is it Python
        self._began_s = self._new_s = time.monotonic()
        self._spent_s = 0.0
        self._seen_ns = 0
        self._rows = 0

    def select(self, fds: Sequence[int], timeout_s: float | None) -> list[int]:
        """The descriptors that can be read, waited for as by `select`, with looks meanwhile.

        The looks are close together after a new thread, then ever further apart.
        """
        end_s = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while True:
            now_s = time.monotonic()
            wait_s = min(max((now_s - self._new_s) * _PATIENCE, _SHORTEST_S), _LONGEST_S)
            ready = select.select(fds, [], [], max(min(wait_s, end_s - now_s), 0))[0]
            if ready or time.monotonic() >= end_s:
                return ready
            self.look()

    def look(self, again: bool = False) -> None:
        """Read the names of the threads that are new; with `again` of all."""
        rows = int(self._engine.ctl["next_slot"])
        if rows == self._rows < MAX_THREADS and not again:  # at MAX_THREADS rows are given again
            return
        now_s = time.monotonic()
        if self._spent_s > _FREE_S + _SHARE * (now_s - self._began_s):
            return
        until_ns = time.monotonic_ns() - _SETTLE_NS
        threads = self._engine.arrays["threads"][:rows]
        new = (threads["tid"] != threads["tgid"]) & (threads["word"] != _DEAD)
        new &= threads["birth_ns"] > (0 if again else self._seen_ns)
        if (threads["birth_ns"][new] > until_ns).any():
            self._new_s = now_s
        else:
            self._rows = rows
        self._seen_ns = until_ns
        for pid in np.unique(threads["tgid"][new]).tolist():
            if self._is_python(pid):
                self._read(pid, threads["tid"][new & (threads["tgid"] == pid)].tolist())
        self._spent_s += time.monotonic() - now_s

    def names(self) -> dict[int, str]:
        """Slot -> name, of the threads whose row is still theirs."""
        births = self._engine.arrays["threads"]["birth_ns"]
        return {slot: n for slot, (birth, n) in self._names.items() if births[slot] == birth}

    def _is_python(self, pid: int) -> bool:
        try:
            program = (_PROC / str(pid) / "exe").readlink()
        except OSError:
            return False
        known = self._programs.get(pid)
        if known is None or known[0] != program:
            if len(self._programs) >= _MOST_PROGRAMS:
                self._programs.clear()
            known = self._programs[pid] = program, is_python(pid, program)
        return known[1]

    def _read(self, pid: int, tids: Iterable[int]) -> None:
        """A name that the program has given the kernel stays."""
        own = kernel_name(pid, pid)
        if not any(kernel_name(pid, tid) == own for tid in tids):
            return
        slots = self._engine.arrays["slots"]
        threads = self._engine.arrays["threads"]
        for tid, name in names_in(pid).items():
            slot = int(slots[tid])
            if tid != pid and int(threads["tid"][slot]) == tid and kernel_name(pid, tid) == own:
                self._names[slot] = int(threads["birth_ns"][slot]), name
