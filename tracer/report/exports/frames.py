"""What the formats share: the frames of a piece as text."""

from __future__ import annotations

from dataclasses import dataclass

from tracer.analysis.where.own_code import shown
from tracer.analysis.where.pieces import Piece
from tracer.analysis.where.places import NO_SAMPLE, NO_STACK, name_of
from tracer.units import plain


@dataclass(frozen=True)
class NamedFrame:
    """A frame for display: no control characters; `line` 0 and `file` empty where unknown."""

    name: str
    file: str = ""
    line: int = 0
    module: str = ""


def named_frames(piece: Piece, *, with_part: bool = True) -> list[NamedFrame]:
    """From the root to the leaf, without plumbing; the last is the part: `[syscall:io read]`."""
    call = f" {piece.call}" if piece.call else ""
    leaf = [NamedFrame(plain(f"[{piece.part}{call}]"))] if with_part else []
    if not piece.frames:
        return [NamedFrame(NO_SAMPLE if piece.sample is None else NO_STACK), *leaf]
    frames = [
        NamedFrame(
            plain(name_of(frame)), plain(frame.file or ""), frame.line or 0, plain(frame.module)
        )
        for frame in reversed(shown(piece.frames))
    ]
    return [*frames, *leaf]
