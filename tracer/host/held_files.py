"""Keeps files with code open from when processes had them mapped.

When a process has ended, its files are found by their paths alone: not those that were deleted or
replaced meanwhile, lie in memory, or are in a mount namespace or a root directory of its own.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from tracer.host.files import descriptor_of
from tracer.host.mappings import read_areas
from tracer.model.mappings import Area

_PROC = Path("/proc")
#: Processes that are looked at, and files that are held, at most.
_MOST_PROCESSES, _MOST_FILES = 32, 200
#: So often each program is looked at: it maps its libraries as it starts.
_LOOKS = 3


class HeldFiles:
    """The files by device and inode."""

    def __init__(self) -> None:
        self._held: dict[tuple[tuple[int, int], int], int] = {}
        self._looks: dict[tuple[int, str], int] = {}

    def look(self, pids: Iterable[int]) -> None:
        """To be called now and then with the processes that are there."""
        looks: dict[tuple[int, str], int] = {}  # those that are gone are forgotten
        for pid in [*pids][:_MOST_PROCESSES]:
            try:
                program = pid, str((_PROC / f"{pid}/exe").readlink())
            except OSError:
                continue
            looks[program] = self._looks.get(program, 0) + 1
            if looks[program] <= _LOOKS:
                for area in read_areas(pid):
                    self._hold(pid, area)
        self._looks = looks

    def _hold(self, pid: int, area: Area) -> None:
        key = area.device, area.inode
        if not area.executable or not area.inode or key in self._held:
            return
        if len(self._held) < _MOST_FILES:
            file = descriptor_of(_PROC / f"{pid}/map_files/{area.start:x}-{area.end:x}")
            if file is not None:
                self._held[key] = file

    def of(self, area: Area) -> int | None:
        """A descriptor of the file of this area, which is the caller's; None for one that is not
        held."""
        held = self._held.get((area.device, area.inode))
        return None if held is None else os.dup(held)

    def close(self) -> None:
        """Hold none any more."""
        self._looks.clear()
        while self._held:
            os.close(self._held.popitem()[1])
