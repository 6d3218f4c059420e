"""The critical path of a recording, walked backwards: its ledger, its longest pieces, and who held
the CPU while it waited for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.events.replay import NO_ROW, Replayed
from tracer.model.states import PATH_PARTS
from tracer.model.syscalls import MACHINE, name_of

#: More than there are numbers of system calls.
_CALLS = 2048


@dataclass(frozen=True)
class Part:
    """A part of the path in one system call (None: in none): ns in all, of `pieces`."""

    part: str
    call: str | None
    ns: int
    pieces: int
    longest_ns: int


@dataclass(frozen=True)
class Piece:
    """One thread in one state, from `at_ns` after the window's start on. `behind`: who ran longest
    on its CPU while it waited there, for `behind_ns`."""

    at_ns: int
    ns: int
    tid: int
    thread: str
    part: str
    call: str | None
    cpu: int
    behind: str | None
    behind_ns: int


@dataclass(frozen=True)
class Holder:
    """A task that ran longest on the path's CPU in `times` of its waits, ns in all. `tid` 0:
    nobody, the CPU was idle."""

    tid: int
    name: str
    is_own: bool
    ns: int
    times: int


@dataclass(frozen=True)
class PathWalk:
    """The path of one thread (tid, name; 0: there is none). `threads`: how many it goes through,
    `changes`: how often it goes on in another one; `unknown_ns`: what has no name or no piece."""

    tid: int
    thread: str
    window_ns: int
    threads: int
    pieces: int
    changes: int
    unknown_ns: int
    parts: tuple[Part, ...]
    longest: tuple[Piece, ...]
    holders: tuple[Holder, ...]


class Names:
    """Names of threads by row of the replay, and of other tasks by their number."""

    def __init__(
        self, found: Replayed, by_slot: Mapping[int, str], others: Mapping[int, str]
    ) -> None:
        self._rows, self._by_slot, self._others = found.threads, by_slot, others
        self._last = {int(slot): row for row, slot in enumerate(found.threads["slot"])}

    def of_row(self, row: int) -> str:
        """The name at the end of its life."""
        thread = self._rows[row]
        slot, told = int(thread["slot"]), bytes(thread["comm"]).decode(errors="replace")
        if self._last[slot] == row:
            return self._by_slot.get(slot) or told
        return told

    def of_task(self, tid: int) -> str:
        """Of a task outside the target: its process's name, where the report of the run has it."""
        return self._others.get(tid, "")

    def tid(self, row: int) -> int:
        return int(self._rows["tid"][row])


def walk(found: Replayed, names: Names, top: int, machine: str = MACHINE) -> PathWalk:
    """The path with its `top` longest pieces and as many of those who held its CPU."""
    path = found.path
    ns = path["end_ns"] - path["start_ns"]
    window_ns = found.end_ns - found.start_ns
    row = found.end_row
    unknown = int(ns[path["part"] == PATH_PARTS.index("unknown")].sum())
    return PathWalk(
        tid=names.tid(row) if row >= 0 else 0,
        thread=names.of_row(row) if row >= 0 else "",
        window_ns=window_ns,
        threads=int(np.count_nonzero(np.bincount(path["thread"]))),
        pieces=len(path),
        changes=int((path["thread"][1:] != path["thread"][:-1]).sum()),
        unknown_ns=unknown + window_ns - int(ns.sum()),
        parts=tuple(_parts(path, ns, machine)),
        longest=tuple(_longest(found, names, ns, top, machine)),
        holders=tuple(_holders(path, names)[:top]),
    )


def _call(nr: int, machine: str) -> str | None:
    return None if nr < 0 else name_of(nr, machine)


def _parts(path: NDArray[np.void], ns: NDArray[np.int64], machine: str) -> list[Part]:
    """Longest in all first."""
    keys = path["part"].astype(np.int64) * _CALLS + path["nr"] + 1
    pieces, totals = np.bincount(keys), np.bincount(keys, ns)
    rows = [
        Part(
            PATH_PARTS[key // _CALLS],
            _call(key % _CALLS - 1, machine),
            *(int(totals[key]), int(pieces[key]), int(ns[keys == key].max())),
        )
        for key in np.flatnonzero(pieces).tolist()
    ]
    return sorted(rows, key=lambda part: -part.ns)


def _longest(
    found: Replayed, names: Names, ns: NDArray[np.int64], top: int, machine: str
) -> list[Piece]:
    path = found.path
    least = np.partition(ns, max(len(ns) - top, 0))[max(len(ns) - top, 0)] if len(ns) else 0
    long = np.flatnonzero(ns >= least)
    order = long[np.argsort(-ns[long], kind="stable")][:top]
    return [_piece(path[at], found.start_ns, names, machine) for at in order.tolist()]


def _piece(row: np.void, start_ns: int, names: Names, machine: str) -> Piece:
    behind_ns = int(row["behind_ns"])
    return Piece(
        at_ns=int(row["start_ns"]) - start_ns,
        ns=int(row["end_ns"] - row["start_ns"]),
        tid=names.tid(int(row["thread"])),
        thread=names.of_row(int(row["thread"])),
        part=PATH_PARTS[row["part"]],
        call=_call(int(row["nr"]), machine),
        cpu=int(row["cpu"]),
        behind=_holder_name(row, names)[1] if behind_ns else None,
        behind_ns=behind_ns,
    )


def _holder_name(row: np.void, names: Names) -> tuple[int, str, bool]:
    """Number, name, and whether it is the target's."""
    thread, tid = int(row["behind_thread"]), int(row["behind_tid"])
    if thread != NO_ROW:
        return names.tid(thread), names.of_row(thread), True
    return tid, names.of_task(tid) if tid else "", False


def _holders(path: NDArray[np.void], names: Names) -> list[Holder]:
    """By task, longest in all first."""
    waited = path[path["behind_ns"] > 0]
    key = waited["behind_thread"].astype(np.int64) << 32 | waited["behind_tid"]
    _keys, first, which = np.unique(key, return_index=True, return_inverse=True)
    totals, times = np.bincount(which, waited["behind_ns"]), np.bincount(which)
    rows = []
    for at, index in enumerate(first.tolist()):
        tid, name, is_own = _holder_name(waited[index], names)
        rows.append(Holder(tid, name, is_own, int(totals[at]), int(times[at])))
    return sorted(rows, key=lambda holder: -holder.ns)
