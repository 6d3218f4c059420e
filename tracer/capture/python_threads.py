"""Collects the names of Python programs' threads while the target runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tracer.host.processes import readable, thread_name
from tracer.host.python_names import is_python, names_in
from tracer.kernel.engine import Engine
from tracer.model.threads import comm, is_alive

_PROC = Path("/proc")
#: All looks together may take the first time plus this share of the time since the beginning; one
#: look is given up after the last.
_FREE_S, _SHARE, _LONGEST_LOOK_S = 0.1, 0.01, 0.3
#: A look outside the window may take this long.
_OUTSIDE_S = 1.0
#: Number of processes of which it is remembered whether they run Python.
_MOST_PROGRAMS = 4096
_MOST_FAILURES = 3
#: A younger thread may not have set its name yet.
_SETTLE_NS = 5_000_000
#: How often new threads are looked for: at least, at most, and as a share of the time without any.
_SHORTEST_S, _LONGEST_S, _PATIENCE = 0.005, 0.1, 0.1


@dataclass(frozen=True)
class _Name:
    """A thread's name in Python, and the kernel's at that time: if that has changed since, the
    thread has called exec or named itself, and Python's name no longer holds."""

    birth_ns: int
    kernels: str
    name: str


class PythonThreads:
    """Reads names soon after a thread appears: they cannot be read after its end.

    Reading one process takes about 10 ms of CPU time, more with deep stacks; the total is kept to
    0.1 s + 1 % of the time. So some of very many threads stay without a name, as do those that
    live for less than about 30 ms.
    """

    def __init__(self, engine: Engine, look: Callable[[], None] = lambda: None) -> None:
        """`look` is called too whenever new threads are looked for."""
        self._engine, self._also = engine, look
        self._names: dict[int, _Name] = {}  # by slot
        self._programs: dict[int, tuple[Path, bool]] = {}  # process -> program, is it Python
        self._mains: dict[int, set[str]] = {}  # process -> the kernel's names of its first thread
        self._failures: dict[int, int] = {}  # process -> how often in a row it could not be read
        self._began_s = self._new_s = time.monotonic()
        self._spent_s = 0.0
        self._seen_ns = 0
        self._rows = 0

    def wait(self, fds: Collection[int], timeout_s: float | None) -> list[int]:
        """Wait until one of the descriptors can be read; look for new threads meanwhile.

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
            self._also()

    def look(self, outside: bool = False) -> None:
        """Read the names of new threads; `outside` the window of all threads, at most 1 s."""
        began_s = time.monotonic()
        if outside:
            self._look(0, 0, began_s + _OUTSIDE_S)
            return
        allowed_s = _FREE_S + _SHARE * (began_s - self._began_s) - self._spent_s
        arrays = self._engine.arrays
        if allowed_s <= 0 or (not arrays.is_full and self._rows == len(arrays.threads)):
            return
        if not arrays.is_full:
            self._look(self._rows, 0, began_s + allowed_s)
        else:  # rows are given again
            self._look(0, self._seen_ns, began_s + allowed_s)
        self._spent_s += time.monotonic() - began_s

    def rescan(self) -> None:
        """Start again from the first row: threads were entered in rows already looked at."""
        self._rows = 0

    def _look(self, first: int, since_ns: int, until_s: float) -> None:
        """At the threads in rows from `first` on, born after `since_ns`. It gives up at `until_s`;
        the next look finds the same threads then."""
        threads = self._engine.arrays.threads[first:]
        settled_ns = time.monotonic_ns() - _SETTLE_NS
        births = threads["birth_ns"].copy()
        new = (threads["tid"] != threads["tgid"]) & is_alive(threads)
        new &= births > since_ns
        young = new & (births > settled_ns)
        for pid in np.unique(threads["tgid"][new]).tolist():
            if time.monotonic() > until_s:
                return
            if self._is_python(pid):
                own = new & (threads["tgid"] == pid)
                if not self._read(pid, threads["tid"][own].tolist()):
                    young |= own  # it was changing just then
                if (young & own).any():
                    self._new_s = time.monotonic()
        self._seen_ns = settled_ns
        self._rows = first + (int(young.argmax()) if young.any() else len(threads))

    def over(self, kernels: Mapping[int, str]) -> dict[int, str]:
        """Names by slot: the kernel's, replaced by Python's where only Python has a name."""
        threads = self._engine.arrays["threads"]
        found = dict(kernels)
        for slot, known in self._names.items():
            if int(threads["birth_ns"][slot]) != known.birth_ns:
                continue
            if kernels.get(slot, comm(threads[slot])) == known.kernels:
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
                self._failures.clear()
            known = self._programs[pid] = program, is_python(pid, program)
        return known[1]

    def _read(self, pid: int, tids: Iterable[int]) -> bool:
        """False when it is worth another try.

        A thread whose kernel name is not one that the first thread has had has named itself; its
        Python name is not used.
        """
        mains = self._mains.setdefault(pid, set())
        mains.add(thread_name(pid, pid))
        if not any(thread_name(pid, tid) in mains for tid in tids):
            return True
        slots = self._engine.arrays["slots"]
        threads = self._engine.arrays["threads"]
        found = names_in(pid, _LONGEST_LOOK_S)
        self._failures[pid] = 0 if found else self._failures.get(pid, 0) + 1
        for tid, name in found.items():
            slot, own = int(slots[tid]), thread_name(pid, tid)
            if tid != pid and int(threads["tid"][slot]) == tid and own in mains:
                self._names[slot] = _Name(int(threads["birth_ns"][slot]), own, name)
        return bool(found) or self._failures[pid] >= _MOST_FAILURES
