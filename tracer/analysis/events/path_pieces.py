"""The critical path of a recording as spans of a timeline, and as pieces for profiles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.events.naming import Naming
from tracer.analysis.events.replay import NO_CALL, Replayed
from tracer.analysis.events.slices import Slice
from tracer.analysis.events.timeline import PATH, Span, Track
from tracer.analysis.where.pieces import Piece
from tracer.model.profile import SampledStack, SampledThread
from tracer.model.stacks import Frame
from tracer.model.states import OWN_PARTS


def path_spans(found: Replayed, part: Slice, naming: Naming) -> list[Span]:
    """The path inside a slice, in order of time."""
    names = _Names(found, naming)
    return [
        Span(Track(PATH), f"{names.what(row)}: {names.thread(row).name}",
             int(row["start_ns"]), int(row["end_ns"]))
        for row in _inside(found, part)
    ]  # fmt: skip


def path_pieces(found: Replayed, part: Slice, naming: Naming) -> Iterator[Piece]:
    """The path inside a slice in order of time, as a profile has it; each thread is a frame."""
    names = _Names(found, naming)
    for row in _inside(found, part):
        yield names.piece(row, int(row["end_ns"] - row["start_ns"]))


def path_sums(found: Replayed, part: Slice, naming: Naming) -> list[Piece]:
    """The same, those of one thread, part and call in one."""
    names = _Names(found, naming)
    rows = _inside(found, part)
    if not len(rows):
        return []
    keys = (rows["thread"].astype(np.int64) << 24) | (rows["part"].astype(np.int64) << 16)
    keys |= rows["nr"].astype(np.uint16)
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    sums = np.zeros(len(first), np.int64)
    np.add.at(sums, inverse, rows["end_ns"] - rows["start_ns"])
    return [names.piece(rows[at], int(ns)) for at, ns in zip(first, sums, strict=True)]


def _inside(found: Replayed, part: Slice) -> NDArray[np.void]:
    """The path's rows, cut to the slice."""
    path = found.path
    first = int(np.searchsorted(path["end_ns"], part.start_ns, side="right"))
    rows = path[first : int(np.searchsorted(path["start_ns"], part.end_ns))].copy()
    rows["start_ns"] = np.maximum(rows["start_ns"], part.start_ns)
    rows["end_ns"] = np.minimum(rows["end_ns"], part.end_ns)
    return rows


class _Names:
    def __init__(self, found: Replayed, naming: Naming) -> None:
        self._found = found
        self._naming = naming
        self._threads: dict[int, SampledThread] = {}
        self._stacks: dict[int, SampledStack] = {}

    def thread(self, row: np.void) -> SampledThread:
        """`name`: with its number; `group`: without."""
        number = int(row["thread"])
        if number not in self._threads:
            known = number < len(self._found.threads)
            slot = int(self._found.threads["slot"][number]) if known else 0
            tid = int(self._found.threads["tid"][number]) if known else 0
            name = self._naming.name(slot) or "thread"
            self._threads[number] = SampledThread(slot, tid, f"{name} {tid}", name)
        return self._threads[number]

    def what(self, row: np.void) -> str:
        """`syscall:io sendto`."""
        call = self._call(row)
        part = OWN_PARTS[int(row["part"])]
        return f"{part} {call}" if call else part

    def piece(self, row: np.void, ns: int) -> Piece:
        part, thread = OWN_PARTS[int(row["part"])], self.thread(row)
        call, stack = self._call(row), self._stack(thread)
        return Piece(part, ns, 0, call=call, thread=thread, stack=stack)

    def _call(self, row: np.void) -> str | None:
        return None if row["nr"] == NO_CALL else self._naming.call(int(row["nr"]))

    def _stack(self, thread: SampledThread) -> SampledStack:
        if thread.tid not in self._stacks:
            frame = Frame(thread.name, "", "", None, False, "native", 0)
            self._stacks[thread.tid] = SampledStack((frame,))
        return self._stacks[thread.tid]
