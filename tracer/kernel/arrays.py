"""The memory that the programs and tracer share: emptied, seeded, copied. Needs no BPF."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from tracer.kernel.settings import GATE_CALL, call_info
from tracer.model.states import PART, RunState
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
MACHINE_COUNTS = ("others", "outside_waits")
#: Read by their own collector while the programs run (kernel/stacks.py, kernel/event_reader.py).
_COLLECTED = (
    *("path_nodes", "user_stacks", "event_loops"),
    *("record_rings", "records", "record_losses"),
)
_NOT_COPIED = ("slots", "free_slots", "words", "cpus_before", "threads_before", *_COLLECTED)
#: Copies of arrays by name.
Snapshot = Mapping[str, NDArray[np.void]]


class SharedArrays(Mapping[str, NDArray[np.void]]):
    """The arrays by name, live: numpy views of what the programs write.

    Parameters
    ----------
    views:
        Each array of the state machine and of the chosen probes.
    light:
        The programs see no system calls.
    machine:
        Whose system calls, as in `uname -m`.
    """

    def __init__(self, views: Mapping[str, NDArray[np.void]], light: bool, machine: str) -> None:
        self._views = dict(views)
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
        return self["threads"][: min(int(self.ctl["next_slot"]), len(self["threads"]))]

    @property
    def is_full(self) -> bool:
        """Every row has been handed out once: rows of ended threads are reused."""
        return int(self.ctl["next_slot"]) >= len(self["threads"])

    @property
    def events(self) -> int:
        """Events of the target's threads since `reset`."""
        return int(self["cpus"]["events"].sum())

    def reset(self) -> None:
        """Empty every array; only while no program is attached."""
        rows = len(self.threads) + 1
        for name, array in self.items():
            if name in _COLLECTED:
                continue
            if name in ("threads", "free_slots", "threads_before"):
                array = array[:rows]
            array.view()[...] = np.zeros((), array.dtype)
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
        self["slots"][pid] = 1

    def snapshot(self, wanted: Callable[[Threads], Mask] | None = None) -> Snapshot:
        """A copy of every array, threads up to the last slot handed out.

        `wanted` is a mask of the threads to copy, the other rows being zero: that is faster.
        Where programs are attached meanwhile, the arrays are copied in the order in which they
        depend on each other: a thread's row before the counts that refer to it.
        """
        threads = self.threads
        found = {"cpus": self["cpus"].copy()}
        if wanted is None:
            found["threads"] = threads.copy()
        else:
            rows = np.flatnonzero(wanted(threads))
            found["threads"] = np.zeros(len(threads), threads.dtype)
            found["threads"][rows] = threads[rows]
        for name, array in self.items():
            if name not in (*found, *_NOT_COPIED):
                found[name] = array.copy()
        return found

    def forget(self) -> None:
        """Drop the views, so that their memory can be freed."""
        self._views.clear()
