"""Collects what the processes of the target are for while they live."""

from __future__ import annotations

import time
from collections.abc import Iterable

import numpy as np

from tracer.host.processes import arguments, thread_name
from tracer.host.roles import role
from tracer.kernel.engine import Engine
from tracer.model.threads import Threads, is_alive

#: A younger process may not have called exec or written its title yet: it is read again.
_SETTLE_NS = 100_000_000
#: A look asks the young ones and so many others in turn, since each can call exec: 20 us each.
_OTHERS = 8
#: More processes than these are not asked.
_MOST = 4096


class Roles:
    """By process: read while it is young, and again at the end of the window."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._found: dict[int, str] = {}
        self._turn = 0

    def look(self) -> None:
        """To be called now and then in the window: a process that has ended cannot be asked."""
        rows = self._living()
        pids = np.unique(rows["tgid"]).tolist()
        young = rows["birth_ns"] > time.monotonic_ns() - _SETTLE_NS
        young_pids = set(rows["tgid"][young].tolist())
        in_turn = {pids[(self._turn + n) % len(pids)] for n in range(_OTHERS) if pids}
        self._turn += _OTHERS
        self._read(
            pid for pid in pids if pid in young_pids or pid in in_turn or pid not in self._found
        )

    def closes(self) -> dict[int, str]:
        """At the end of a window: all that live are asked again."""
        self._read(np.unique(self._living()["tgid"]).tolist())
        return dict(self._found)

    def _living(self) -> Threads:
        rows = self._engine.arrays.threads
        return rows[is_alive(rows)]

    def _read(self, pids: Iterable[int]) -> None:
        for pid in pids:
            if pid not in self._found and len(self._found) >= _MOST:
                continue
            found = role(arguments(pid), thread_name(pid, pid))
            if found:
                self._found[pid] = found
