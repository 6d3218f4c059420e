"""Places: the frames of the program's own code that the path's time belongs to."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tracer.analysis.where import own_code
from tracer.analysis.where.error import ENOUGH_POINTS, Blocks
from tracer.analysis.where.function_names import without_type
from tracer.analysis.where.pieces import Piece
from tracer.model.stacks import Frame

NO_SAMPLE = "(no sample)"
NO_STACK = "(no stack)"
#: The functions of a program that Node runs, where none of them has a name.
NO_JS_NAME = "JavaScript without a name"
#: What the C library puts before the names of its functions: `__GI___libc_read` is `read`.
_PREFIX = re.compile(r"^(?:__GI_)?_*libc_(?!start)(?=\w)|^__GI_+(?=[a-z])")
#: What compilers and linkers append to a name.
_SUFFIX = re.compile(r"(?:::h[0-9a-f]{16}|\.llvm\.\d+|@@?[A-Z][\w.]*)+$")


@dataclass(frozen=True)
class Place:
    """A function of the program, and what it called, if the time was spent there.

    `line` is 0 and `file` empty where they are not known. Where no own code has a name, it is the
    innermost own code without one, `program+0x1f30`. `is_own` is False where the stack has no
    frame of own code: it is its innermost named function then. `function` is `(no stack)` or
    `(no sample)` where there is no stack, and `JavaScript without a name` for Node's functions
    where none in the stack has one.
    """

    function: str
    module: str = ""
    file: str = ""
    line: int = 0
    called: str = ""
    is_own: bool = True


_NOT_SAMPLED = Place(NO_SAMPLE, is_own=False)


@dataclass(frozen=True)
class PlaceShare:
    """The time of one part at one place, in the system calls `calls` (most time first).

    `line` of the place is the one with the most time; `lines` is how many there were. `error` is
    the 95 % half-width of its share of the window; None where too few points were sampled.
    """

    place: Place
    part: str
    calls: tuple[str, ...]
    ns: int
    points: float
    lines: int
    error: float | None


@dataclass(frozen=True)
class _Key:
    """What is one row: a line of a function that called another, or a function."""

    function: str
    module: str
    file: str
    line: int
    called: str
    part: str


def name_of(frame: Frame) -> str:
    """The function as the program knows it, or where the code is: `libfoo.so+0x1f`."""
    if frame.function:
        return _named(frame.function)
    module = frame.module.rpartition("/")[2]
    return f"{module or 'unknown'}+{frame.offset or 0:#x}"


@lru_cache(maxsize=65536)
def _named(function: str) -> str:
    return _PREFIX.sub("", _SUFFIX.sub("", without_type(function))) or function


class Places:
    """Finds the places of stacks; stacks that share their frames are looked at once."""

    def __init__(self) -> None:
        # by identity, which is quicker than equality; the frames are kept so that it stays theirs
        self._found: dict[tuple[int, ...], Place] = {}
        self._kept: list[Sequence[Frame]] = []

    def of(self, frames: Sequence[Frame]) -> Place:
        """Of a stack, innermost first."""
        key = tuple(map(id, frames))
        if key not in self._found:
            self._kept.append(frames)
            self._found[key] = place_of(frames)
        return self._found[key]

    def of_piece(self, piece: Piece) -> Place:
        """Of a piece of the path."""
        return _NOT_SAMPLED if piece.sample is None else self.of(piece.frames)


def place_of(frames: Sequence[Frame]) -> Place:
    """Of a stack, innermost first."""
    if not frames:
        return Place(NO_STACK, is_own=False)
    beside = own_code.languages(frames)
    unnamed = None
    if "js" not in beside and any(map(own_code.enters_js, frames)):
        beside |= {"js"}
        unnamed = next(i for i, frame in enumerate(frames) if own_code.may_be_js(frame))
    at = next((i for i, frame in enumerate(frames) if own_code.is_own(frame, beside)), None)
    if unnamed is not None and (at is None or unnamed < at):
        by_js = next((name_of(f) for f in reversed(frames[:unnamed]) if f.function), "")
        return Place(NO_JS_NAME, called=by_js)
    if at is None:
        unnamed_own = (i for i, f in enumerate(frames) if own_code.is_unnamed_own(f, beside))
        at = next(unnamed_own, None)
    if at is None:
        frame = next((frame for frame in frames if frame.function), frames[0])
        return _place(frame, called="", is_own=False)
    inside = (f for f in reversed(frames[:at]) if f.function and not own_code.interprets(f, beside))
    called = next((f for f in inside if not own_code.is_plumbing(f.function)), None)
    return _place(frames[at], called=name_of(called) if called else "", is_own=True)


def _place(frame: Frame, *, called: str, is_own: bool) -> Place:
    line = frame.line or 0
    return Place(name_of(frame), frame.module, frame.file or "", line, called, is_own)


def place_shares(
    pieces: Sequence[Piece], window_ns: int, found: Places | None = None
) -> list[PlaceShare]:
    """Every place with its part, most time first; the times sum to those of the pieces.

    The pieces of each part are in order of time.
    """
    rows: dict[_Key, list[int]] = defaultdict(list)
    found = found or Places()
    places = [found.of_piece(piece) for piece in pieces]
    for at, (piece, place) in enumerate(zip(pieces, places, strict=True)):
        line = place.line if place.called else 0
        key = _Key(place.function, place.module, place.file, line, place.called, piece.part)
        rows[key].append(at)
    errors = Errors(pieces, window_ns)
    shares = []
    for key, members in rows.items():
        lines: Counter[int] = Counter()
        calls: Counter[str] = Counter()
        for at in members:
            lines[places[at].line] += pieces[at].ns
            calls[pieces[at].call or ""] += pieces[at].ns
        place = next(p for at in members if (p := places[at]).line == lines.most_common(1)[0][0])
        shares.append(
            PlaceShare(
                place,
                key.part,
                tuple(call for call, _ns in calls.most_common() if call),
                sum(pieces[at].ns for at in members),
                sum(pieces[at].weight for at in members),
                sum(1 for line in lines if line),
                errors.of(key.part, members),
            )
        )
    return sorted(shares, key=lambda share: -share.ns)


class Errors:
    """The sampling errors of shares of the window."""

    def __init__(self, pieces: Sequence[Piece], window_ns: int) -> None:
        self._window_ns = max(window_ns, 1)
        self._is_enough = sum(piece.weight for piece in pieces) >= ENOUGH_POINTS
        self._part_ns: Counter[str] = Counter()
        points: dict[str, list[float]] = defaultdict(list)
        self._index = []
        for piece in pieces:
            self._part_ns[piece.part] += piece.ns
            self._index.append(len(points[piece.part]))
            points[piece.part].append(piece.weight)
        self._blocks = {part: Blocks(weights) for part, weights in points.items()}

    def of(self, part: str, members: Sequence[int]) -> float | None:
        """The 95 % half-width of the share of these pieces of one part."""
        blocks = self._blocks[part]
        if not self._is_enough:
            return None
        part_share = self._part_ns[part] / self._window_ns
        if not blocks.points:
            return part_share
        return part_share * blocks.half_width([self._index[at] for at in members])
