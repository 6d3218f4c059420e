"""The format of pprof: profile.proto, compressed by gzip.

Its few messages are written here: a field is its number and kind, then a varint, or a length and
as many bytes (https://protobuf.dev/programming-guides/encoding/). The numbers are those of
https://github.com/google/pprof/blob/main/proto/profile.proto.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tracer.analysis.where.pieces import Piece
from tracer.analysis.where.places import place_of
from tracer.report.exports.frames import NamedFrame, Naming
from tracer.units import plain

_VARINT, _BYTES = 0, 2
# fields of Profile
_SAMPLE_TYPE, _SAMPLE, _MAPPING, _LOCATION, _FUNCTION, _STRING = 1, 2, 3, 4, 5, 6
_TIME, _DURATION, _PERIOD_TYPE, _PERIOD, _DEFAULT_TYPE = 9, 10, 11, 12, 14


def pprof(pieces: Iterable[Piece], *, grid_ns: int = 0, time_ns: int = 0) -> bytes:
    """The profile: of each stack how many samples it had, and ns.

    The part, the call and the thread's group are labels: `-tagleaf=part` shows parts as frames.
    `time_ns`: when the run began, since 1970; 0 where unknown.
    """
    tables = _Tables()
    pieces = list(pieces)
    # pprof takes the first file for the program's
    own = (place for piece in pieces if (place := place_of(piece.frames)).is_own)
    tables.mapping(next((plain(place.module) for place in own if place.module), ""))
    sums = _summed(pieces, tables)
    samples = [_embedded(_SAMPLE, _sample(*key, *values)) for key, values in sums.items()]
    total_ns = sum(ns for _count, ns in sums.values())
    # all that refers to the table of strings comes before it is written
    head = _embedded(_SAMPLE_TYPE, _pair(tables, "samples", "count"))
    head += _embedded(_SAMPLE_TYPE, _pair(tables, "path", "nanoseconds"))
    tail = _number(_TIME, time_ns) + _number(_DURATION, total_ns)
    tail += _embedded(_PERIOD_TYPE, _pair(tables, "path", "nanoseconds"))
    tail += _number(_PERIOD, grid_ns) + _number(_DEFAULT_TYPE, tables.string("path"))
    # mtime: the same profile is the same file
    return gzip.compress(head + b"".join(samples) + tables.encoded() + tail, mtime=0)


@dataclass
class _Tables:
    """What samples refer to by number; each entry is encoded when it is first used."""

    strings: dict[str, int] = field(default_factory=lambda: {"": 0})
    _numbers: dict[tuple[int, object], int] = field(default_factory=dict)
    _last: Counter[int] = field(default_factory=Counter)
    _entries: list[bytes] = field(default_factory=list)

    def string(self, text: str) -> int:
        return self.strings.setdefault(text, len(self.strings))

    def location(self, frame: NamedFrame) -> int:
        known = self._numbers.get((_LOCATION, frame))
        if known is not None:
            return known
        function, mapping = self._function(frame), self.mapping(frame.module)
        line = _number(1, function) + _number(2, frame.line)
        return self._add(_LOCATION, frame, _number(2, mapping) + _embedded(4, line))

    def _function(self, frame: NamedFrame) -> int:
        name, file = self.string(frame.name), self.string(frame.file)
        return self._add(_FUNCTION, (name, file), _number(2, name) + _number(4, file))

    def mapping(self, module: str) -> int:
        """0 for a frame that is in no file. The flags say that names are known."""
        if not module:
            return 0
        flags = b"".join(_number(flag, 1) for flag in (7, 8, 9, 10))
        return self._add(_MAPPING, module, _number(5, self.string(module)) + flags)

    def _add(self, kind: int, key: object, body: bytes) -> int:
        """The number of an entry, from 1 in its kind; it is added where it is new."""
        if (kind, key) not in self._numbers:
            self._last[kind] += 1
            self._numbers[kind, key] = self._last[kind]
            self._entries.append(_embedded(kind, _number(1, self._last[kind]) + body))
        return self._numbers[kind, key]

    def encoded(self) -> bytes:
        strings = (_embedded(_STRING, text.encode()) for text in self.strings)
        return b"".join([*self._entries, *strings])


def _summed(pieces: Iterable[Piece], tables: _Tables) -> dict[tuple[bytes, bytes], tuple[int, int]]:
    """Samples and ns of each stack and its labels, both encoded."""
    naming = Naming(with_part=False)
    sums: dict[tuple[bytes, bytes], tuple[int, int]] = {}
    for piece in pieces:
        if piece.ns > 0:
            frames = reversed(naming.of(piece))
            stack = b"".join(_varint(tables.location(frame)) for frame in frames)
            key = stack, _labels(piece, tables)
            count, ns = sums.get(key, (0, 0))
            sums[key] = count + (piece.sample is not None), ns + piece.ns
    return sums


def _labels(piece: Piece, tables: _Tables) -> bytes:
    labels = {"part": piece.part, "call": piece.call or ""}
    if piece.thread:
        labels["thread"] = plain(piece.thread.group)
    return b"".join(_embedded(3, _pair(tables, *label)) for label in labels.items() if label[1])


def _sample(stack: bytes, labels: bytes, count: int, ns: int) -> bytes:
    return _embedded(1, stack) + _embedded(2, _varint(count) + _varint(ns)) + labels


def _pair(tables: _Tables, first: str, second: str) -> bytes:
    """A ValueType, or a Label with a text: two strings in fields 1 and 2."""
    return _number(1, tables.string(first)) + _number(2, tables.string(second))


def _varint(value: int) -> bytes:
    """7 bits a byte, lowest first; the highest bit says that more follow."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(number: int, value: int) -> bytes:
    """A field that holds a number; a 0 is left out, as it is what is read then."""
    return _varint(number << 3 | _VARINT) + _varint(value) if value else b""


def _embedded(number: int, body: bytes) -> bytes:
    """A field that holds bytes: a message, a text or packed numbers."""
    return _varint(number << 3 | _BYTES) + _varint(len(body)) + body
