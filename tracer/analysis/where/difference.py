"""Two profiles, function by function."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tracer.analysis.where.pieces import Piece
from tracer.analysis.where.places import place_of_piece


@dataclass(frozen=True)
class Change:
    """A function's time in one part of the path in A and in B, ns."""

    function: str
    part: str
    a_ns: int
    b_ns: int

    @property
    def difference_ns(self) -> int:
        return self.b_ns - self.a_ns


def changes(a: Iterable[Piece], b: Iterable[Piece]) -> list[Change]:
    """Every function that either has, largest difference first.

    The differences of a part sum to the difference of the ledgers in that part, exactly.
    """
    of_a, of_b = _by_function(a), _by_function(b)
    found = [Change(*key, of_a[key], of_b[key]) for key in {**of_a, **of_b}]
    return sorted(found, key=lambda change: -abs(change.difference_ns))


def _by_function(pieces: Iterable[Piece]) -> Counter[tuple[str, str]]:
    sums: Counter[tuple[str, str]] = Counter()
    for piece in pieces:
        sums[place_of_piece(piece).function, piece.part] += piece.ns
    return sums


def by_function(found: Sequence[Change]) -> list[Change]:
    """The same with the parts of a function summed; `part` is empty."""
    sums: dict[str, tuple[int, int]] = {}
    for change in found:
        a_ns, b_ns = sums.get(change.function, (0, 0))
        sums[change.function] = (a_ns + change.a_ns, b_ns + change.b_ns)
    summed = [Change(name, "", *ns) for name, ns in sums.items()]
    return sorted(summed, key=lambda change: -abs(change.difference_ns))
