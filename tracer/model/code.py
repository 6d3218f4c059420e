"""Which code a process had mapped, over time: from all that it mapped."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass, replace

from tracer.model.mappings import Area

#: Of a process that replaces its libraries more often than this, the last are taken for all.
_MOST_VIEWS = 500


@dataclass(frozen=True)
class Code:
    """Executable memory: a part of `area`, which was mapped at a time (CLOCK_MONOTONIC ns)."""

    area: Area
    mapped_ns: int
    start: int
    end: int

    @property
    def offset(self) -> int:
        """Of `start`, in the file."""
        return self.area.offset + self.start - self.area.start


@dataclass(frozen=True)
class View:
    """The code from a time on, in order of address, without overlaps."""

    since_ns: int
    code: tuple[Code, ...]


def views(history: Iterable[tuple[int, Area]]) -> list[View]:
    """What the code of a space was, from the times of its mappings, in their order.

    A view ends where the code of a file is replaced: until then each address has one meaning.
    Memory that only loses the right to be executed keeps its meaning: programs that make code take
    that right away to write to it.
    """
    found: list[View] = []
    code: list[Code] = []
    since_ns: int | None = None
    for at_ns, area in history:
        first = bisect.bisect_right(code, area.start, key=lambda one: one.end)
        last = bisect.bisect_left(code, area.end, key=lambda one: one.start)
        covered = code[first:last]
        replaced = [one for one in covered if _meaning(one.area) != _meaning(area)]
        if not area.executable and not replaced:
            continue
        is_other = any(one.area.inode and not _is_of_same_file(one.area, area) for one in replaced)
        if is_other and len(found) < _MOST_VIEWS:
            found.append(View(since_ns or 0, tuple(code)))
            since_ns = at_ns
        left = [replace(one, end=area.start) for one in covered if one.start < area.start]
        right = [replace(one, start=area.end) for one in covered if one.end > area.end]
        new = [Code(area, at_ns, area.start, area.end)] if area.executable else []
        code[first:last] = left + new + right
        since_ns = at_ns if since_ns is None else since_ns
    return [*found, View(since_ns or 0, tuple(code))]


def _meaning(area: Area) -> tuple[object, ...]:
    """Which bytes are at which addresses, as far as that is known: the same for all memory."""
    return (area.device, area.inode, area.start - area.offset) if area.inode else ()


def _is_of_same_file(one: Area, other: Area) -> bool:
    """A loader maps a file as a whole, then its parts over it: that replaces nothing in use."""
    is_part = not other.executable or one.start - one.offset == other.start - other.offset
    return is_part and (one.device, one.inode) == (other.device, other.inode)
