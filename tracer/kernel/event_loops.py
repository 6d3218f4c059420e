"""Tells probe stacks where the Python programs among the target have the tasks of asyncio, and
which threads wait for their tasks in polls alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.host.asyncio_tasks import CurrentTasks, current_tasks
from tracer.host.runtimes import waits_in_polls_alone

#: A process is looked at again after this time, and then after twice as long each time.
_FIRST_S = 0.05


class EventLoops:
    """Fills the array of event loops, which is empty from here on.

    `arrays` are the engine's, live; `find` gives what is entered of a process, None for nothing;
    `only_polls` says of a process whether its first thread waits for its tasks in polls alone.
    """

    def __init__(
        self,
        arrays: Mapping[str, NDArray[Any]],
        find: Callable[[int], CurrentTasks | None] = current_tasks,
        only_polls: Callable[[int], bool] = waits_in_polls_alone,
    ) -> None:
        self._arrays, self._find, self._only_polls = arrays, find, only_polls
        self._asked: set[int] = set()  # about that
        #: When a process without a known loop is looked at again, and the time after that.
        self._waiting: dict[int, tuple[float, float]] = {}
        self._known: set[int] = set()
        arrays["event_loops"]["tgid"] = 0

    def look(self) -> None:
        """Look for the loops of processes that poll. A program may import asyncio later."""
        threads = self._arrays["threads"][: int(self._arrays["ctl"][0]["next_slot"])]
        now = time.monotonic()
        polling = threads["polls"] > 0
        for slot in np.flatnonzero(polling & (threads["tid"] == threads["tgid"])).tolist():
            tgid = int(threads["tgid"][slot])
            if tgid not in self._asked:
                self._asked.add(tgid)
                threads["only_polls"][slot] = self._only_polls(tgid)
        for tgid in np.unique(threads["tgid"][polling]).tolist():
            again, wait_s = self._waiting.get(tgid, (now, _FIRST_S))
            if tgid in self._known or now < again:
                continue
            found = self._find(tgid)
            if found:
                self._enter(tgid, found)
            else:
                self._waiting[tgid] = now + wait_s, 2 * wait_s

    def _enter(self, tgid: int, found: CurrentTasks) -> None:
        loops = self._arrays["event_loops"]
        row = loops[tgid % len(loops)]
        row["tgid"] = 0  # not known while the rest is written
        for name, value in asdict(found).items():
            row[name] = value
        row["tgid"] = tgid
        self._known.add(tgid)
