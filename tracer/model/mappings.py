"""What was mapped where, and when, in processes that may have ended by now: plain records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: A space with more areas than this forgets some: see `_fewer`.
_MOST_AREAS = 50_000
#: A process forked by a forked one, and so on: one with more parents begins with a copy of all.
_MOST_PARENTS = 8


@dataclass(frozen=True)
class Area:
    """One mapping: `path` is empty for anonymous memory, `device` and `inode` are 0 without a file.

    `offset` is that of `start` in the file, in bytes.
    """

    start: int
    end: int
    offset: int
    path: str
    device: tuple[int, int] = (0, 0)
    inode: int = 0
    shared: bool = False
    executable: bool = False

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end


def _is_loaded(area: Area) -> bool:
    """Whether it is the beginning of a file that is mapped for one space alone."""
    return bool(area.inode) and not area.shared and area.offset == 0


class Space:
    """One address space: what was mapped in it, in order of time.

    A forked process begins with what its parent had mapped then. Unmapping is not kept: where
    areas overlap, the latest holds. Of an area that is mapped again and again the first and the
    last time are kept. One thread may add to it while others read: they work on copies.
    """

    def __init__(self, since_ns: int, parent: Space | None = None) -> None:
        self.since_ns = since_ns
        self._parent = parent
        self._parents: int = parent._parents + 1 if parent else 0
        self._times: dict[Area, tuple[int, int]] = {}
        self._known: _Columns | None = None
        if self._parents > _MOST_PARENTS:
            self._times = self._all()
            self._parent, self._parents = None, 0

    def add(self, at_ns: int, area: Area) -> None:
        """`area` was mapped, or what was mapped there has changed."""
        first_ns, _last_ns = self._times.pop(area, (at_ns, at_ns))
        self._times[area] = first_ns, at_ns
        self._known = None
        if len(self._times) > _MOST_AREAS:
            self._times = _fewer(self._times)

    def _all(self) -> dict[Area, tuple[int, int]]:
        """Its areas with their times, those that it has inherited too."""
        found = {}
        if self._parent:
            for area, (first_ns, last_ns) in self._parent._all().items():
                if first_ns <= self.since_ns:
                    found[area] = first_ns, min(last_ns, self.since_ns)
        for area, (first_ns, last_ns) in self._times.items():
            first_ns, _last_ns = found.pop(area, (first_ns, last_ns))
            found[area] = first_ns, last_ns
        return found

    def find(self, address: int, at_ns: int) -> Area | None:
        """The area in which `address` lay at that time; None when it was in none."""
        columns = self._columns()
        found = columns.last((columns.starts <= address) & (address < columns.ends), at_ns)
        if found is None and self._parent:
            return self._parent.find(address, min(at_ns, self.since_ns))
        return found

    def loaded_below(self, address: int, at_ns: int) -> Area | None:
        """The nearest beginning of a file, mapped for this space alone, at or below `address`."""
        columns = self._columns()
        below = columns.loaded & (columns.firsts <= at_ns) & (columns.starts <= address)
        own = None
        if below.any():
            own = columns.last(below & (columns.starts == columns.starts[below].max()), at_ns)
        inherited = self._parent.loaded_below(address, self.since_ns) if self._parent else None
        found = [area for area in (own, inherited) if area]
        return max(found, key=lambda area: area.start, default=None)

    @property
    def program(self) -> Area | None:
        """The first area of a file: of the program, which exec maps before its libraries."""
        inherited = self._parent.program if self._parent else None
        return inherited or next(filter(_is_loaded, [*self._times]), None)

    def history(self) -> list[tuple[int, Area]]:
        """What was mapped, with its times, in their order; first what the parent had mapped."""
        inherited = self._parent.history() if self._parent else []
        known = [*self._times.items()]
        own = [(at, area) for area, times in known for at in sorted({*times})]
        return [
            *((at, area) for at, area in inherited if at <= self.since_ns),
            *sorted(own, key=lambda entry: entry[0]),
        ]

    def _columns(self) -> _Columns:
        if self._known is None:
            self._known = _Columns({**self._times})
        return self._known


def _fewer(times: Mapping[Area, tuple[int, int]]) -> dict[Area, tuple[int, int]]:
    """At most half of the areas of a full space: without data that has no file, then without all
    data, then the latest ones."""
    kept = {area: at for area, at in times.items() if area.inode or area.executable}
    if len(kept) > _MOST_AREAS // 2:
        kept = {area: at for area, at in kept.items() if area.executable}
    return dict([*kept.items()][-(_MOST_AREAS // 2) :])


class _Columns:
    """The areas of a space in order of time, as arrays to search in."""

    def __init__(self, times: Mapping[Area, tuple[int, int]]) -> None:
        self._areas = list(times)
        both = np.array([*times.values()], np.uint64).reshape(len(times), 2)
        self.firsts, self._lasts = both[:, 0], both[:, 1]
        self.starts = np.array([area.start for area in times], np.uint64)
        self.ends = np.array([area.end for area in times], np.uint64)
        self.loaded = np.array([_is_loaded(area) for area in times], bool)

    def last(self, wanted: NDArray[np.bool_], at_ns: int) -> Area | None:
        """The one of these that was mapped last by then; where all of them were mapped later
        again, one that was mapped before then too."""
        by_then = wanted & (self._lasts <= at_ns)
        rows = np.flatnonzero(by_then if by_then.any() else wanted & (self.firsts <= at_ns))
        return self._areas[int(rows[-1])] if len(rows) else None


class AddressSpaces:
    """The address spaces that processes have had, by process and time (CLOCK_MONOTONIC ns).

    What happened is told in order of time; a time before the first that is known finds that.
    """

    def __init__(self) -> None:
        self._spaces: dict[int, list[Space]] = {}
        self._ended: dict[int, int] = {}  # when
        #: Why mappings are missing that should be here; empty when none is known to be.
        self.missing = ""

    def mapped(self, at_ns: int, pid: int, area: Area) -> None:
        """The process mapped `area`, or changed what it had mapped there."""
        if pid not in self._spaces:
            self._spaces[pid] = [Space(at_ns)]
        self._spaces[pid][-1].add(at_ns, area)

    def executed(self, at_ns: int, pid: int) -> None:
        """The process began another program: a new space."""
        self._spaces.setdefault(pid, []).append(Space(at_ns))

    def forked(self, at_ns: int, pid: int, parent: int) -> None:
        """A process `pid` began with a copy of its parent's space; an earlier one had ended."""
        before = self._spaces.get(parent)
        self._spaces.setdefault(pid, []).append(Space(at_ns, before[-1] if before else None))
        self._ended.pop(pid, None)

    def ended(self, at_ns: int, pid: int) -> None:
        """The process has ended."""
        self._ended[pid] = at_ns

    @property
    def ended_count(self) -> int:
        """How many processes have ended and are not forgotten."""
        return len(self._ended)

    def of(self, pid: int, at_ns: int) -> Space | None:
        """The space of the process at that time; None when nothing is known of the process."""
        spaces = self._spaces.get(pid, [])
        before = [space for space in spaces if space.since_ns <= at_ns] or spaces[:1]
        return before[-1] if before else None

    def ended_since(self, at_ns: int) -> set[int]:
        """The processes that have ended then or later and are not forgotten."""
        return {pid for pid, ended_ns in self._ended.items() if ended_ns >= at_ns}

    def forget(self, keep: Iterable[int]) -> None:
        """Drop the processes that have ended, but for these."""
        for pid in self._ended.keys() - keep:
            self._spaces.pop(pid, None)
            del self._ended[pid]
