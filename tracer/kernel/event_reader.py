"""Empties the rings of probe events while the programs go on: in bulk, on a timer.

Nobody is woken by an event. The time to the next look follows from how full the rings were, and the
kernel may put the timer off until the CPU is awake anyway.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tracer.kernel.perf import start_unsignalled

#: The next look comes when the fullest ring is about so full, but in this time.
_FULL, _SHORTEST_S, _LONGEST_S = 1 / 8, 0.005, 0.2
#: By so much of the time to the next look the kernel may put it off.
_SLACK = 0.5
_LAST_LOOKS = 20
_PR_SET_TIMERSLACK = 29
_libc = ctypes.CDLL(None, use_errno=True)

#: Lost events by CPU and second of CLOCK_MONOTONIC.
Losses = Mapping[tuple[int, int], int]


class Sink(Protocol):
    """Takes the records."""

    def put(self, cpu: int, records: NDArray[np.void]) -> None:
        """Records (RECORD_DTYPE) of one CPU, in the order of its ring. They are the ring's own
        memory, and are overwritten later."""

    def looked(self) -> None:
        """All that was in the rings has been put."""


class Nowhere:
    """The sink of runs that are not kept."""

    def put(self, cpu: int, records: NDArray[np.void]) -> None:
        pass

    def looked(self) -> None:
        pass


class EventReader:
    """Reads from `start` to `stop`, on a thread of its own, what it gives to `sink`.

    `arrays` are the engine's, live.
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.void]]) -> None:
        self._arrays = arrays
        self._size = len(arrays["records"]) // len(arrays["record_rings"])
        self.sink: Sink = Nowhere()
        self.losses: dict[tuple[int, int], int] = {}
        self.failure = ""  # why reading ended early
        self.looks = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with what comes from here on."""
        self.stop()
        rings, lost = self._arrays["record_rings"], self._arrays["record_losses"]
        rings["read"] = rings["made"]
        rings["lost"] = 0
        lost.view()[...] = np.zeros((), lost.dtype)
        self.losses, self.failure, self.looks = {}, "", 0
        self._over.clear()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        start_unsignalled(self._thread)

    def stop(self) -> None:
        """Stop, after the programs have been detached, with all records taken."""
        if self._thread is None:
            return
        self._over.set()
        self._thread.join()
        self._thread = None
        self._count_losses()

    def _run(self) -> None:
        try:
            self._follow()
            rings = self._arrays["record_rings"]
            for _ in range(_LAST_LOOKS):  # a program that has been interrupted may still be writing
                self._look()
                if (rings["made"] == rings["read"]).all():
                    return
                time.sleep(0.001)
        except Exception as error:
            self.failure = str(error) or type(error).__name__

    def _follow(self) -> None:
        pause_s = 0.02
        while not self._over.wait(pause_s):
            full = max(self._look(), 1e-9)
            self.sink.looked()
            pause_s = min(max(pause_s * _FULL / full, _SHORTEST_S), _LONGEST_S, 2 * pause_s)
            _libc.prctl(_PR_SET_TIMERSLACK, int(pause_s * _SLACK * 1e9), 0, 0, 0)

    def _look(self) -> float:
        """Take what is there; how full the fullest ring was."""
        rings, most = self._arrays["record_rings"], 0
        self.looks += 1
        for cpu in np.flatnonzero(rings["made"] != rings["read"]).tolist():
            first, end = int(rings["read"][cpu]), int(rings["made"][cpu])
            most = max(most, end - first)
            while first < end and (taken := self._take(cpu, first, end)):
                first += taken
                rings["read"][cpu] = first
        if rings["lost"].any():
            self._count_losses()
        return most / self._size

    def _take(self, cpu: int, first: int, end: int) -> int:
        """Give the records from `first` on to the sink, up to the end of the ring or to one that is
        being written; how many these are."""
        lap, at = divmod(first, self._size)
        begin = cpu * self._size + at
        records = self._arrays["records"][begin : begin + min(end - first, self._size - at)]
        unwritten = np.flatnonzero((records["when"] & np.uint64(1)) != (1 - lap % 2))
        if len(unwritten):
            records = records[: unwritten[0]]
        if len(records):
            self.sink.put(cpu, records)
        return len(records)

    def _count_losses(self) -> None:
        rows = self._arrays["record_losses"].reshape(len(self._arrays["record_rings"]), -1)
        for cpu, row in np.argwhere(rows["count"] != 0).tolist():
            self.losses[cpu, int(rows["second"][cpu, row])] = int(rows["count"][cpu, row])
