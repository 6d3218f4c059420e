"""The CPU quotas of the control groups that the target's processes are seen in."""

from __future__ import annotations

import time
from collections.abc import Collection
from itertools import islice
from pathlib import Path

from tracer.host.cgroups import own_groups, quotas
from tracer.model.recording import Quota

#: How often, and in how many processes at most, it is looked which groups they are in.
_LOOK_S = 0.05
_MOST_PROCESSES = 64


class Quotas:
    """What the quotas held back, from `opens` to `closes`.

    A program can move itself into a group after its start, and is in none after its end, so the
    groups are looked up while it runs. Where no group of the host has a quota nothing is looked up.
    """

    def __init__(self) -> None:
        self._seen: set[Path] = set()
        self._next_s = 0.0
        self.opens()

    def opens(self) -> None:
        """Count from here on."""
        self._before = quotas()
        self._seen.clear()

    def look(self, pids: Collection[int]) -> None:
        """Note the groups that these processes are in now."""
        now_s = time.monotonic()
        if not self._before or now_s < self._next_s:
            return
        self._next_s = now_s + _LOOK_S
        for pid in islice(pids, _MOST_PROCESSES):
            self._seen.update(own_groups(pid))

    def closes(self, pids: Collection[int]) -> tuple[Quota, ...]:
        """What they held back, the most first; groups that held nobody back are left out."""
        self._next_s = 0.0
        self.look(pids)
        if not self._seen:
            return ()
        since = [
            now.since(self._before.get(group))
            for group, now in quotas().items()
            if group in self._seen
        ]
        return tuple(sorted((q for q in since if q.throttled_ns), key=lambda q: -q.throttled_ns))
