"""Windows that follow each other while the programs go on counting; nothing is unseen between.

The programs never empty a count: that of a window is the difference between two copies. The rows of
CPUs and threads, whose sums start anew in each window, are kept by the programs at their first
event after its end. See docs/adr/0014-windows-follow-each-other.md.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tracer import probes
from tracer.errors import TracerError
from tracer.kernel.arrays import CORE_ARRAYS, Snapshot, copy_rows, zeros
from tracer.kernel.engine import Engine
from tracer.model.states import Phase, RunState
from tracer.model.threads import Mask, Threads

#: Of arrays of the state machine whose rows are found by a key: what says what a row is of.
_KEYS = {"others": ("tgid", "pad", "comm"), "outside_waits": ("key", "tgid", "comm")}
#: Rows are freed where more than this share of a table is used.
_MUCH_USED = 0.5
_PATIENCE_S = 2.0


class Follower:
    """Makes one window after the other of an engine with `followed`, and what each has counted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._before: dict[str, NDArray[np.void]] = {}
        declared = [probes.available()[name] for name in engine.names]
        self._states = {array: kept for probe in declared for array, kept in probe.states.items()}
        self._keys = {array: key for probe in declared for array, key in probe.keys.items()} | _KEYS

    def next_window(self) -> Snapshot:
        """End the window and begin the next one at the same instant; everything as it was then.

        TracerError where no CPU reports a switch.
        """
        ctl = self._engine.ctl
        epoch, start_ns = int(ctl["epoch"]), int(ctl["start_ns"])
        self._begin_next(epoch)
        self._engine.report_from(start_ns)
        return self.ended(epoch, start_ns)

    def ended(self, epoch: int, start_ns: int) -> Snapshot:
        """The window `epoch`, which began at `start_ns` and has just been followed by the next."""
        data = self._engine.arrays.snapshot(lambda threads: _of_window(threads, epoch))
        for name in ("cpus", "threads"):
            self._take_kept(name, data[name], epoch)
        ended = data["ctl"][0]
        ended["end_ns"], ended["start_ns"], ended["epoch"] = ended["start_ns"], start_ns, epoch
        ended["phase"] = Phase.CLOSED
        return self._counted(data)

    def last_window(self, data: Snapshot) -> Snapshot:
        """The counts of the window that was closed with `data`, in place."""
        return self._counted(data)

    def _begin_next(self, epoch: int) -> None:
        """Ask for the next window and sleep: the switch away from tracer begins it."""
        self._engine.ctl["next_wanted"] = 1
        until_s = time.monotonic() + _PATIENCE_S
        while int(self._engine.ctl["epoch"]) == epoch:
            if time.monotonic() > until_s:
                raise TracerError(
                    "no CPU reported a switch: the next window could not begin",
                    "a fault of tracer on this kernel: please report it",
                )
            time.sleep(0.00002)

    def _take_kept(self, name: str, rows: NDArray[np.void], epoch: int) -> None:
        """Replace the rows that an event of the next window has changed, maybe while they were
        copied, by what the programs kept of them."""
        arrays = self._engine.arrays
        changed = np.flatnonzero(arrays[name]["epoch"][: len(rows)] != epoch)
        changed = changed[arrays[name]["epoch"][changed] > epoch]
        copy_rows(rows, arrays[f"{name}_before"], changed)

    def _counted(self, data: Snapshot) -> Snapshot:
        counted = dict(data)
        for name, now in data.items():
            kept = self._states.get(name, self._keys.get(name))
            if name in CORE_ARRAYS or kept == ():
                continue
            before = self._before.get(name)
            self._before[name] = now
            self._empty_maxima(self._engine.arrays[name])
            if before is not None:
                before = _as_long_as(now, before)
                if name in self._keys:
                    counted[name] = _keyed_difference(now, before, self._keys[name])
                    self._free(name, now, before)
                else:
                    counted[name] = _difference(now, before, kept or ())
        return counted

    @staticmethod
    def _empty_maxima(live: NDArray[np.void]) -> None:
        for maxima in _maxima(live):
            maxima[maxima != 0] = 0

    def _free(self, name: str, now: NDArray[np.void], before: NDArray[np.void]) -> None:
        """Free rows that have not counted for a whole window, where the table gets full."""
        used = now[self._keys[name][0]] != 0
        if used.mean() <= _MUCH_USED:
            return
        idle = np.flatnonzero(used & (now == before))
        nothing = np.zeros((), now.dtype)
        self._engine.arrays[name][idle] = nothing
        now[idle] = nothing


def _of_window(threads: Threads, epoch: int) -> Mask:
    """Rows that are not of an earlier window alone."""
    return np.asarray((threads["epoch"] >= epoch) | (threads["state"] != RunState.DEAD))


def _as_long_as(now: NDArray[np.void], before: NDArray[np.void]) -> NDArray[np.void]:
    """The earlier copy with as many rows: an array with a row per thread gets longer."""
    if len(before) >= len(now):
        return before[: len(now)]
    return np.concatenate((before, np.zeros(len(now) - len(before), before.dtype)))


def _keyed_difference(
    now: NDArray[np.void], before: NDArray[np.void], key: Sequence[str]
) -> NDArray[np.void]:
    """The same of rows that are found by a key: few of them are used, and only these can differ."""
    found = zeros(len(now), now.dtype)
    used = now[key[0]] != 0
    found[used] = _difference(now[used], before[used], key)
    return found


def _difference(now: NDArray[np.void], before: NDArray[np.void], kept: Collection[str]
                ) -> NDArray[np.void]:  # fmt: skip
    """What was counted between two copies; the fields `kept`, and maxima, as they are now."""
    if now.dtype.names is None:
        return np.asarray(np.subtract(now, before))
    found = now.copy()
    for name in now.dtype.names:
        if name not in kept and name != "max":
            found[name] = _difference(now[name], before[name], ())
    return found


def _maxima(live: NDArray[np.void]) -> Iterator[NDArray[np.uint64]]:
    """The maxima of all histograms in an array."""
    for name in live.dtype.names or ():
        if name == "max":
            yield live[name]
        else:
            yield from _maxima(live[name])
