"""The memory that the programs and tracer share: emptied, seeded, copied. Needs no BPF."""

from __future__ import annotations

import contextlib
import mmap
import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.kernel.settings import GATE_CALL, call_info
from tracer.model.states import ON_CPU_PARTS, PART, UNSPLIT, USER, RunState
from tracer.model.syscalls import numbers
from tracer.model.threads import Mask, Threads

#: The state machine's own arrays; all others hold a probe's counts.
CORE_ARRAYS = (
    "ctl",
    "cpus",
    "threads",
    "slots",
    "free_slots",
    "call_info",
    "words",
    "affinities",
    "cpus_before",
    "threads_before",
)
#: What it counts in each window.
MACHINE_COUNTS = ("others", "outside_waits", "sample_groups")
#: Read by their own collector while the programs run (kernel/stacks.py, kernel/event_reader.py).
_COLLECTED = (
    *("path_nodes", "user_stacks", "event_loops"),
    *("record_rings", "records", "record_losses"),
)
_NOT_COPIED = ("slots", "free_slots", "words", "cpus_before", "threads_before", *_COLLECTED)
#: Arrays whose row is that of the thread in the table of threads.
BY_SLOT = ("threads", "threads_before", "free_slots")
#: Read or written all the time.
ALWAYS_READ = ("ctl", "cpus", *_COLLECTED)
#: Rows of threads that are copied at a time, and what is looked at as one in other tables.
_ROWS_AT_ONCE, _BLOCK_WORDS = 512, 512
#: Tables of more than this are mostly empty.
_LARGE_BYTES = 1 << 20
#: Copies of arrays by name.
Snapshot = Mapping[str, NDArray[np.void]]


class Views(Mapping[str, NDArray[np.void]]):
    """Arrays by name; of those with a row per thread at least the rows that were handed out."""

    @abstractmethod
    def pieces(self, name: str) -> Iterator[tuple[int, NDArray[np.void]]]:
        """All rows of the array in pieces, each with the number of its first row: one at a time."""

    @abstractmethod
    def room(self, name: str) -> int:
        """The rows that there can be."""

    @abstractmethod
    def forget(self) -> None:
        """Let go of the arrays, so that their memory can be freed."""


class SharedArrays(Mapping[str, NDArray[np.void]]):
    """The arrays by name, live: numpy views of what the programs write.

    Parameters
    ----------
    views:
        The arrays of the state machine and of the chosen probes.
    light:
        The programs see no system calls.
    machine:
        Whose system calls, as in `uname -m`.
    """

    def __init__(self, views: Views, light: bool, machine: str) -> None:
        self._views = views
        self._light = light
        self._call_info = call_info(machine)
        self._gate_nr = numbers(machine)[GATE_CALL]

    def __getitem__(self, name: str) -> NDArray[np.void]:
        return self._views[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    @property
    def ctl(self) -> np.void:
        """The window's settings, one record."""
        return self["ctl"][0]  # type: ignore[no-any-return]

    @property
    def threads(self) -> Threads:
        """The rows handed out so far, living and dead; row 0 stands for no thread."""
        rows = int(self.ctl["next_slot"])  # before they are looked up: there may be more by then
        return self["threads"][:rows]

    @property
    def most_threads(self) -> int:
        """The rows that there can be in the table of threads."""
        return self._views.room("threads")

    @property
    def is_full(self) -> bool:
        """Every row has been handed out once: rows of ended threads are reused."""
        return int(self.ctl["next_slot"]) >= self.most_threads

    @property
    def events(self) -> int:
        """Events of the target's threads since `reset`."""
        return int(self["cpus"]["events"].sum())

    def reset(self) -> None:
        """Empty every array; only while no program is attached."""
        rows = len(self.threads) + 1
        for name in self:
            if name in BY_SLOT:
                _empty(self[name][:rows])
            elif name not in _COLLECTED:
                for _first, piece in self._views.pieces(name):
                    _empty(piece)
        self["call_info"][:] = self._call_info
        self["cpus"]["number"] = np.arange(len(self["cpus"]))
        self.ctl["next_slot"] = 1
        self.ctl["control_fd"] = -1
        self.ctl["tracer_tid"] = os.getpid()

    def seed(self, pid: int) -> None:
        """Make the process `pid`, blocked in its read of the gate, the first thread."""
        thread = self["threads"][1]
        thread["state"] = RunState.BLOCKED
        # with --light the return from the gate's read is not seen: all on-CPU time is one part
        thread["on_cpu_part"] = PART["user" if self._light else "syscall:io"]
        thread["blocked_part"] = PART["blocked:io"]
        thread["call_nr"] = self._gate_nr
        thread["tid"] = thread["tgid"] = pid
        thread["slot"] = 1
        self.ctl["next_slot"] = 2
        self.ctl["first_tgid"], self.ctl["first_threads"] = pid, 1
        for first, slots in self._views.pieces("slots"):
            if first <= pid < first + len(slots):
                slots[pid - first] = 1

    def snapshot(self, wanted: Callable[[Threads], Mask] | None = None) -> Snapshot:
        """A copy of every array, threads up to the last slot handed out.

        `wanted` is a mask of the threads to copy, the other rows being zero: that is faster.
        Where programs are attached meanwhile, the arrays are copied in the order in which they
        depend on each other: a thread's row before the counts that refer to it.
        """
        threads = self.threads
        found = {"cpus": self["cpus"].copy()}
        rows = np.arange(len(threads)) if wanted is None else np.flatnonzero(wanted(threads))
        found["threads"] = zeros(len(threads), threads.dtype, dense=2 * len(rows) > len(threads))
        copy_rows(found["threads"], threads, rows)
        for name in self:
            if name not in (*found, *_NOT_COPIED):
                array = self[name]  # the later, the more rows of threads it has
                found[name] = array.copy() if array.nbytes < _LARGE_BYTES else _sparse_copy(array)
        if len(found["sample_groups"]) > 1:
            found["path_seen_ns"] = found["threads"]["path"][:, : len(ON_CPU_PARTS)].copy()
            _name_unsplit(found)
        return found

    def forget(self) -> None:
        """Drop the views, so that their memory can be freed."""
        self._views.forget()


def zeros(rows: int, dtype: np.dtype[np.void], *, dense: bool = False) -> NDArray[np.void]:
    """Rows of zeros in memory of their own, which takes room where it is written to and goes back
    to the kernel as soon as the array is gone; from malloc(3) it would leave gaps. `dense`: most of
    it will be written to, so huge pages waste nothing and take fewer page faults."""
    length = max(rows * dtype.itemsize, 1)
    memory = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without huge pages
        memory.madvise(mmap.MADV_HUGEPAGE if dense else mmap.MADV_NOHUGEPAGE)
    return np.ndarray((rows,), dtype, memory)


def copy_rows(
    to: NDArray[np.void], source: NDArray[np.void], rows: NDArray[np.integer[Any]]
) -> None:
    """Copy these rows, in the order of their numbers, to the same places of `to`.

    As plain words: numpy copies a struct member by member, which takes eight times as long. And
    some at a time: it makes a copy between.
    """
    into, words = _words(to), _words(source)
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[at : at + _ROWS_AT_ONCE]
        first, last = int(some[0]), int(some[-1]) + 1
        if last - first == len(some):
            into[first:last] = words[first:last]
        else:
            into[some] = words[some]


def _words(array: NDArray[np.void]) -> NDArray[np.uint64]:
    """The same rows as words, shape (rows, words)."""
    return array.view(np.uint64).reshape(len(array), array.dtype.itemsize // 8)


def _empty(array: NDArray[np.void]) -> None:
    if _is_words(array):
        _words(array)[...] = 0
    else:
        array.view()[...] = np.zeros((), array.dtype)


def _is_words(array: NDArray[np.void]) -> bool:
    """Whether its rows lie behind each other and are whole words."""
    return array.strides == (array.dtype.itemsize,) and array.dtype.itemsize % 8 == 0


def _sparse_copy(array: NDArray[np.void]) -> NDArray[np.void]:
    """A copy that has no memory for blocks of nothing but zeros: most of a table is."""
    found = zeros(len(array), array.dtype)
    if not _is_words(array):
        found[...] = array
        return found
    source, to = (_words(each).reshape(-1) for each in (array, found))
    whole = len(source) // _BLOCK_WORDS * _BLOCK_WORDS
    blocks = source[:whole].reshape(-1, _BLOCK_WORDS)
    used = np.bitwise_or.reduce(blocks, axis=1) != 0
    to[:whole].reshape(-1, _BLOCK_WORDS)[used] = blocks[used]
    to[whole:] = source[whole:]
    return found


def _name_unsplit(data: Snapshot) -> None:
    """With --sample: time on a CPU while calls were not seen is a thread's own code, in place; one
    that sleeps there is in the call that its registers named."""
    threads, cpus, user = data["threads"], data["cpus"], PART[USER]
    rows = np.flatnonzero(threads["tid"])  # the others have no memory yet
    threads["path"][rows, user] += threads["path_unsplit_ns"][rows]
    threads["own"][rows, user] += threads["own_unsplit_ns"][rows]
    cpus["recycled_own"][:, user] += cpus["recycled_unsplit_ns"]
    is_unsplit = threads["on_cpu_part"] == UNSPLIT
    asleep = is_unsplit & (threads["state"] == RunState.BLOCKED)
    threads["on_cpu_part"][is_unsplit] = user
    threads["on_cpu_part"][asleep] = threads["asleep_part"][asleep]
