"""What the living target shows at the edges of a window: its CPU time, the CPUs it may use."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from tracer.host.cpus import online_cpus
from tracer.host.load import TICK_NS
from tracer.host.processes import stat_fields
from tracer.kernel.engine import Engine
from tracer.model.recording import Edges, Usage
from tracer.model.threads import is_alive

#: Above so many threads or processes neither is asked for: it takes some us each.
_MOST = 20_000


def allowed_cpus(tids: Iterable[int]) -> tuple[int, ...]:
    """The CPUs that any of these threads may use; none where all have ended."""
    cpus: set[int] = set()
    online = set(online_cpus())
    for tid in tids:
        if cpus >= online:
            break  # most often the first thread may use all
        with contextlib.suppress(OSError):  # it has ended
            cpus |= os.sched_getaffinity(tid)
    return tuple(sorted(cpus))


def used(pids: Iterable[int]) -> Usage:
    """What these processes and the children they waited for have used so far (proc_pid_stat(5))."""
    total = [0] * 4
    number = 0
    for pid in pids:
        fields = stat_fields(Path(f"/proc/{pid}"))
        if not fields:
            continue
        number += 1
        user, system = (int(fields[at]) + int(fields[at + 2]) for at in (11, 12))
        minor, major = (int(fields[at]) + int(fields[at + 1]) for at in (7, 9))
        total = [a + b for a, b in zip(total, (user, system, minor, major), strict=True)]
    user, system, minor, major = total
    return Usage(user * TICK_NS, system * TICK_NS, minor, major, 2 * number * TICK_NS)


class Living:
    """The target at the edges of its windows.

    `opens` may come a little before the window does, `closes` a little after its end.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cpus: tuple[int, ...] = ()
        self._used: Usage | None = None

    def opens(self) -> None:
        self._cpus, self._used = self._look()

    def closes(self) -> Edges:
        """Both edges; the end is where the next window begins."""
        before, start = self._used, self._cpus
        self._cpus, self._used = self._look()
        usage = None if before is None or self._used is None else self._used.since(before)
        return Edges(start, self._cpus, usage)

    def ended(self) -> Edges:
        """The target has ended: nothing is left to be asked at the end."""
        return Edges(self._cpus, (), None)

    def _look(self) -> tuple[tuple[int, ...], Usage | None]:
        rows = self._engine.arrays.threads
        rows = rows[is_alive(rows)]
        if not len(rows) or len(rows) > _MOST:
            return (), None
        return allowed_cpus(rows["tid"].tolist()), used(set(rows["tgid"].tolist()))
