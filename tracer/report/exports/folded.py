"""Folded stacks, one a line, for flamegraph.pl, inferno and others: `main;pass_on;[user] 1200`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tracer.analysis.where.pieces import Piece
from tracer.report.exports.frames import Naming
from tracer.units import plain


def folded(pieces: Iterable[Piece], *, by_thread: bool = False) -> str:
    """A line for each stack: from the root to the part, a space, and ns.

    `by_thread`: the root is the name of the thread's group. A `;` in a name becomes a `:`.
    """
    lines = [f"{stack} {ns}\n" for stack, ns in _stacks(pieces, by_thread).items() if ns > 0]
    return "".join(sorted(lines))


def _stacks(pieces: Iterable[Piece], by_thread: bool) -> Counter[str]:
    sums: Counter[str] = Counter()
    naming = Naming()
    for piece in pieces:
        names = [frame.name for frame in naming.of(piece)]
        if by_thread and piece.thread:
            names.insert(0, plain(piece.thread.group))
        sums[";".join(name.replace(";", ":") for name in names)] += piece.ns
    return sums
