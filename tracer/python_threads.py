"""Collects the names of Python programs' threads while the target runs."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracer.kernel.engine import MAX_THREADS, Engine
from tracer.kernel.states import RUN_STATES
from tracer.processes import readable
from tracer.python_names import is_python, kernel_name, names_in

_PROC = Path("/proc")
_DEAD = RUN_STATES.index("DEAD")
#: Looks may take this much time in all, and this share of the time since the beginning; one that
#: takes longer is given up after the last one.
_FREE_S, _SHARE, _LONGEST_LOOK_S = 0.1, 0.01, 0.3
#: Outside the window all of them may take this much.
_OUTSIDE_S = 1.0
#: For how many processes it is kept whether they run Python.
_MOST_PROGRAMS = 4096
#: A thread that is younger may not have told its name yet.
_SETTLE_NS = 5_000_000
#: How often new threads are looked for: at least, at most, and as a share of the time without any.
_SHORTEST_S, _LONGEST_S, _PATIENCE = 0.005, 0.1, 0.1


@dataclass(frozen=True)
class _Name:
    """A thread's name in Python, and the kernel's at that time: who has another one by now is
    another program, or has told the kernel a name of its own."""

    birth_ns: int
    kernels: str
    name: str


class PythonThreads:
    """A thread takes its name along when it ends, so they are read as soon as it is there.

    To read one process takes about 10 ms of a CPU, more where stacks are deep; all of it is kept
    to 0.1 s and 1 % of the time, so among very many threads some stay without their name, as do
    those that live shorter than some 30 ms.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._names: dict[int, _Name] = {}  # by slot
        self._programs: dict[int, tuple[Path, bool]] = {}  # process -> program, is it Python
        self._mains: dict[int, set[str]] = {}  # process -> the kernel's names of its first thread
        self._began_s = self._new_s = time.monotonic()
        self._spent_s = 0.0
        self._seen_ns = 0
        self._rows = 0

    def wait(self, fds: Collection[int], timeout_s: float | None) -> list[int]:
        """The descriptors that can be read, waited for, with looks meanwhile.

        The looks are close together after a new thread, then ever further apart.
        """
        end_s = float("inf") if timeout_s is None else time.monotonic() + timeout_s
        while True:
            now_s = time.monotonic()
            wait_s = min(max((now_s - self._new_s) * _PATIENCE, _SHORTEST_S), _LONGEST_S)
            ready = readable(fds, max(min(wait_s, end_s - now_s), 0))
            if ready or time.monotonic() >= end_s:
                return ready
            self.look()

    def look(self, outside: bool = False) -> None:
        """Read the names of the threads that are new; `outside` the window of all, for 1 s."""
        rows = int(self._engine.ctl["next_slot"])
        if rows == self._rows < MAX_THREADS and not outside:  # at MAX_THREADS rows are given again
            return
        began_s = time.monotonic()
        until_ns = time.monotonic_ns() - _SETTLE_NS
        threads = self._engine.arrays["threads"][:rows]
        new = (threads["tid"] != threads["tgid"]) & (threads["word"] != _DEAD)
        new &= threads["birth_ns"] > (0 if outside else self._seen_ns)
        young = (threads["birth_ns"][new] > until_ns).any()
        if young:
            self._new_s = began_s
        for pid in np.unique(threads["tgid"][new]).tolist():
            now_s = time.monotonic()
            if outside and now_s > began_s + _OUTSIDE_S:
                return
            if not outside and self._spent_s > _FREE_S + _SHARE * (now_s - self._began_s):
                return  # for now: the next look finds the same threads
            if self._is_python(pid):
                self._read(pid, threads["tid"][new & (threads["tgid"] == pid)].tolist())
            if not outside:
                self._spent_s += time.monotonic() - now_s
        self._seen_ns = until_ns
        if not young:
            self._rows = rows

    def over(self, kernels: Mapping[int, str]) -> dict[int, str]:
        """Names by slot: the kernel's, and over them those that Python alone knows."""
        threads = self._engine.arrays["threads"]
        found = dict(kernels)
        for slot, known in self._names.items():
            if int(threads["birth_ns"][slot]) != known.birth_ns:
                continue
            last = bytes(threads["comm"][slot]).split(b"\0")[0].decode(errors="replace")
            if kernels.get(slot, last) == known.kernels:
                found[slot] = known.name
        return found

    def _is_python(self, pid: int) -> bool:
        try:
            program = (_PROC / str(pid) / "exe").readlink()
        except OSError:
            return False
        known = self._programs.get(pid)
        if known is None or known[0] != program:
            if len(self._programs) >= _MOST_PROGRAMS:
                self._programs.clear()
                self._mains.clear()
            known = self._programs[pid] = program, is_python(pid, program)
        return known[1]

    def _read(self, pid: int, tids: Iterable[int]) -> None:
        """A name that the program has given the kernel is none that its first thread has had."""
        mains = self._mains.setdefault(pid, set())
        mains.add(kernel_name(pid, pid))
        if not any(kernel_name(pid, tid) in mains for tid in tids):
            return
        slots = self._engine.arrays["slots"]
        threads = self._engine.arrays["threads"]
        for tid, name in names_in(pid, _LONGEST_LOOK_S).items():
            slot, own = int(slots[tid]), kernel_name(pid, tid)
            if tid != pid and int(threads["tid"][slot]) == tid and own in mains:
                self._names[slot] = _Name(int(threads["birth_ns"][slot]), own, name)
