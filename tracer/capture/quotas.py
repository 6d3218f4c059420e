"""The CPU quotas of the control groups that the target's processes are seen in."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from itertools import islice
from pathlib import Path

from tracer.host.cgroups import own_groups, quota_of, quotas
from tracer.model.recording import Quota

#: How often, and in how many processes at most, it is looked which groups they are in: more often
#: where a group of the host has a quota.
_LOOK_S, _LOOK_WITH_QUOTA_S = 0.25, 0.05
_MOST_PROCESSES = 64


class Quotas:
    """What the quotas held back, from `opens` to `closes`.

    A program can move itself into a group after its start, and is in none after its end; a group
    can be made and removed meanwhile. So both are looked at while the program runs.
    """

    def __init__(self, processes: Callable[[], Collection[int]]) -> None:
        """`processes` gives those of the target that there are now."""
        self._processes = processes
        self._next_s = 0.0
        self._before: dict[Path, Quota] = {}
        self._now: dict[Path, Quota] = {}

    def opens(self) -> None:
        """Count from here on."""
        self._before, self._now = quotas(), {}

    def goes_on(self) -> None:
        """The next window begins where the last one ended."""
        self._before.update(self._now)
        self._now = {}

    def look(self) -> None:
        """Note what the groups that the processes are in have counted up to now."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        for pid in islice(self._processes(), _MOST_PROCESSES):
            for group in own_groups(pid):
                if (found := quota_of(group)) is not None:
                    self._now[group] = found
        has_quota = self._before or self._now
        self._next_s = now_s + (_LOOK_WITH_QUOTA_S if has_quota else _LOOK_S)

    def closes(self) -> tuple[Quota, ...]:
        """What they held back, the most first; groups that held nobody back are left out."""
        self._next_s = 0.0
        self.look()
        # a group may be gone with the program
        self._now = {group: quota_of(group) or last for group, last in self._now.items()}
        since = [now.since(self._before.get(group)) for group, now in self._now.items()]
        return tuple(sorted((q for q in since if q.throttled_ns), key=lambda q: -q.throttled_ns))
