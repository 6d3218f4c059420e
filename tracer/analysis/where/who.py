"""Who was on the path: its time by process and group of threads, and by what they did there."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.pieces import Piece, path_pieces
from tracer.analysis.where.places import Errors
from tracer.model.profile import Profile


@dataclass(frozen=True)
class Doing:
    """`ns` of the path in one part of its ledger, in `call` (None: in none); `awaited`: of a sleep
    that nobody of the target ended."""

    part: str
    call: str | None
    ns: int
    awaited: str | None = None


@dataclass(frozen=True)
class OnPath:
    """The path's time in the threads `group` of the processes `role`: `processes` of them were on
    the path. `error`: the 95 % half-width of its share of the window, None where that is not known.
    `doing`: most time first; it sums to `ns`."""

    role: str
    group: str
    processes: int
    ns: int
    error: float | None
    doing: tuple[Doing, ...]


@dataclass(frozen=True)
class Who:
    """The rows, most time first, and `unsampled_ns` sum to the window. `points` of the grid were
    sampled, one every `grid_ns`."""

    window_ns: int
    grid_ns: int
    points: int
    rows: tuple[OnPath, ...]
    unsampled_ns: int


def who(profile: Profile, wall: Ledger, roles: Mapping[int, str]) -> Who:
    """The samples scaled to the exact ledger `wall`. `roles`: of processes, by number; a thread of
    another one counts under its group alone."""
    pieces, window_ns = path_pieces(profile, wall), wall.total_ns
    points = sum(sample.points for sample in profile.samples)
    errors = Errors(pieces, window_ns)
    members: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for at, piece in enumerate(pieces):
        if piece.thread is not None:
            members[roles.get(piece.thread.tgid, ""), piece.thread.group].append(at)
    rows = [
        OnPath(
            role,
            group,
            len({thread.tgid for at in found if (thread := pieces[at].thread)}),
            sum(pieces[at].ns for at in found),
            _error(errors, pieces, found),
            tuple(_doing(pieces[at] for at in found)),
        )
        for (role, group), found in members.items()
    ]
    rows.sort(key=lambda row: (-row.ns, row.role, row.group))
    rest_ns = window_ns - sum(row.ns for row in rows)
    return Who(window_ns, profile.grid_ns, points, tuple(rows), rest_ns)


def _error(errors: Errors, pieces: Sequence[Piece], members: Iterable[int]) -> float | None:
    """Of all parts together; the samples of one part do not depend on those of another."""
    by_part: defaultdict[str, list[int]] = defaultdict(list)
    for at in members:
        by_part[pieces[at].part].append(at)
    found = [errors.of(part, found) for part, found in by_part.items()]
    known = [error for error in found if error is not None]
    return math.hypot(*known) if len(known) == len(found) else None


def _doing(pieces: Iterable[Piece]) -> list[Doing]:
    times: defaultdict[tuple[str, str | None, str | None], int] = defaultdict(int)
    for piece in pieces:
        times[piece.part, piece.call, piece.awaited] += piece.ns
    found = [Doing(part, call, ns, awaited) for (part, call, awaited), ns in times.items()]
    return sorted(found, key=lambda doing: (-doing.ns, doing.part, doing.call or ""))
