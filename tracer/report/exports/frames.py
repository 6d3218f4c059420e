"""What the formats share: the frames of a piece as text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from tracer.analysis.where.own_code import shown
from tracer.analysis.where.pieces import Piece
from tracer.analysis.where.places import NO_SAMPLE, NO_STACK, name_of
from tracer.model.stacks import Frame
from tracer.units import plain


class NamedFrame(NamedTuple):
    """A frame for display: no control characters; `line` 0 and `file` empty where unknown."""

    name: str
    file: str = ""
    line: int = 0
    module: str = ""


class Naming:
    """Names the frames of pieces; stacks that share their frames are named once."""

    def __init__(self, *, with_part: bool = True) -> None:
        self._with_part = with_part
        # by identity, which is quicker than equality; the frames are kept so that it stays theirs
        self._stacks: dict[tuple[int, ...], list[NamedFrame]] = {}
        self._kept: list[Sequence[Frame]] = []

    def of(self, piece: Piece) -> list[NamedFrame]:
        """From the root to the leaf, without plumbing; the last is the part, if it is wanted:
        `[syscall:io read]`."""
        frames = self._stack(piece)
        if not self._with_part:
            return frames
        call = f" {piece.call}" if piece.call else ""
        return [*frames, NamedFrame(plain(f"[{piece.part}{call}]"))]

    def _stack(self, piece: Piece) -> list[NamedFrame]:
        if not piece.frames:
            return [NamedFrame(NO_SAMPLE if piece.sample is None else NO_STACK)]
        key = tuple(map(id, piece.frames))
        if key not in self._stacks:
            self._kept.append(piece.frames)
            self._stacks[key] = [_named(frame) for frame in reversed(shown(piece.frames))]
        return self._stacks[key]


@lru_cache(maxsize=65536)
def _named(frame: Frame) -> NamedFrame:
    return NamedFrame(
        plain(name_of(frame)), plain(frame.file or ""), frame.line or 0, plain(frame.module)
    )
