"""Where on the path: everything that a report says of a profile, as plain numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.edges import Edge, edges
from tracer.analysis.where.error import ENOUGH_POINTS
from tracer.analysis.where.hints import hints
from tracer.analysis.where.pieces import Piece, path_pieces, thread_pieces
from tracer.analysis.where.places import Places, PlaceShare, place_shares
from tracer.analysis.where.tasks import Loop, TaskShare, loops, task_shares
from tracer.model.profile import Profile, Stretch
from tracer.model.stacks import Frame


@dataclass(frozen=True)
class StackQuality:
    """The path's time, ns, by what is known of its stacks; the four sum to the window.

    `broken_ns`: by the module in which unwinding stopped, most time first. `taken_ns`: of the time
    with a stack, by how it was taken.
    """

    whole_ns: int
    broken_ns: Mapping[str, int]
    missing_ns: int
    no_sample_ns: int
    taken_ns: Mapping[str, int]


@dataclass(frozen=True)
class Where:
    """The profile of one run's path. `places` sum to the window exactly.

    `points` of the grid were sampled, one every `grid_ns`; `lost` more found no room. `handovers`:
    all of the path, seen between samples or not. `missing`: why names or whole stacks are missing,
    as in `Profile`. `path` and `threads` are what exports are made from: the path in order of
    time, and all threads where they were sampled.
    """

    window_ns: int
    grid_ns: int
    points: int
    lost: int
    places: tuple[PlaceShare, ...]
    edges: tuple[Edge, ...]
    quality: StackQuality
    missing: str = ""
    hints: tuple[str, ...] = ()
    tasks: tuple[TaskShare, ...] = ()
    loops: tuple[Loop, ...] = ()
    handovers: int = 0
    path: Sequence[Piece] = field(default=(), repr=False)
    threads: Sequence[Piece] = field(default=(), repr=False)

    @property
    def is_enough(self) -> bool:
        """Whether enough points were sampled for errors to be known."""
        return self.points >= ENOUGH_POINTS


def where(profile: Profile, wall: Ledger) -> Where:
    """The places and hand-overs of a path whose exact ledger is `wall`."""
    pieces, found = path_pieces(profile, wall), Places()
    tasks = task_shares(profile.samples, pieces)
    return Where(
        window_ns=wall.total_ns,
        grid_ns=profile.grid_ns,
        points=sum(sample.points for sample in profile.samples),
        lost=profile.lost,
        places=tuple(place_shares(pieces, wall.total_ns, found)),
        edges=tuple(edges(profile.samples, pieces, found)),
        quality=stack_quality(pieces),
        missing=profile.missing,
        hints=hints(_frames(pieces, profile.stretches), profile.machine),
        tasks=tuple(tasks),
        loops=tuple(loops(profile.stretches, tasks)),
        handovers=profile.handovers,
        path=pieces,
        threads=thread_pieces(profile.threads),
    )


def _frames(pieces: Iterable[Piece], stretches: Iterable[Stretch]) -> Iterator[Frame]:
    """All that the section shows."""
    for piece in pieces:
        yield from piece.frames
    for stretch in stretches:
        for stack in stretch.stacks:
            yield from stack.frames


def stack_quality(pieces: Iterable[Piece]) -> StackQuality:
    """Which share of the time has a whole stack, and why the rest has none."""
    ns: Counter[str] = Counter()
    broken: Counter[str] = Counter()
    taken: Counter[str] = Counter()
    for piece in pieces:
        if piece.sample is None:
            ns["no_sample"] += piece.ns
            continue
        if piece.stack is None or not piece.stack.frames:
            ns["missing"] += piece.ns
            continue
        taken[piece.stack.taken] += piece.ns
        if piece.stack.whole:
            ns["whole"] += piece.ns
        else:
            module = piece.stack.broken_in or piece.stack.frames[-1].module
            broken[module.rpartition("/")[2] or "unknown code"] += piece.ns
    return StackQuality(
        ns["whole"], dict(broken.most_common()), ns["missing"], ns["no_sample"], dict(taken)
    )
