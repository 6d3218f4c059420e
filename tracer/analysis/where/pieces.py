"""Samples as pieces of time that sum to a ledger exactly; everything else is made of these."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tracer.analysis.run.ledger import Ledger
from tracer.model.profile import Profile, SampledStack, SampledThread, ThreadSample
from tracer.model.stacks import Frame
from tracer.model.states import UNKNOWN


@dataclass(frozen=True)
class Piece:
    """Some of the time of one part, in one stack.

    `sample` is the index of its sample; None for a part of the ledger that no sample is of.
    `stack` is None where it is missing. `weight`: its points of the grid.
    `awaited`: as in `PathSample`.
    """

    part: str
    ns: int
    sample: int | None = None
    call: str | None = None
    thread: SampledThread | None = None
    stack: SampledStack | None = None
    weight: float = 0.0
    awaited: str | None = None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Innermost first; none where the stack is missing."""
        return self.stack.frames if self.stack else ()


def path_pieces(profile: Profile, wall: Ledger) -> list[Piece]:
    """The path's samples in order of time, then the parts without a sample; they sum to the window.

    The samples of a part share its exact time in proportion to their points, to the ns by largest
    remainders. The ledger's residual is the part `unknown`.
    """
    parts = dict(wall.parts)
    parts[UNKNOWN] = parts.get(UNKNOWN, 0) + wall.residual_ns
    rows = [
        (index, stack, len(sample.stacks) or 1)
        for index, sample in enumerate(profile.samples)
        for stack in sample.stacks or (None,)
    ]
    by_part: dict[str, list[int]] = defaultdict(list)
    for at, (index, _stack, _of) in enumerate(rows):
        by_part[profile.samples[index].part].append(at)
    # points are split between stacks: whole numbers in units of the common denominator
    whole = math.lcm(*(of for _index, _stack, of in rows))
    ns_of = [0] * len(rows)
    for part, members in by_part.items():
        weights = [profile.samples[rows[at][0]].points * whole // rows[at][2] for at in members]
        for at, ns in zip(members, shared(parts.pop(part, 0), weights), strict=True):
            ns_of[at] = ns
    pieces = []
    for (index, stack, of), ns in zip(rows, ns_of, strict=True):
        sample = profile.samples[index]
        weight = sample.points / of
        piece = Piece(sample.part, ns, index, sample.call, sample.thread, stack, weight)
        pieces.append(replace(piece, awaited=sample.awaited) if sample.awaited else piece)
    return pieces + [Piece(part, ns) for part, ns in parts.items() if ns]


def thread_pieces(samples: Iterable[ThreadSample]) -> list[Piece]:
    """The samples of all threads; they sum to what the samples hold."""
    return [
        Piece(one.state, one.ns, index, one.call, one.thread, one.stack, one.ns)
        for index, one in enumerate(samples)
    ]


def shared(total: int, weights: Sequence[int]) -> list[int]:
    """`total` divided in proportion to `weights` into whole numbers; evenly if all are 0.

    Their sum is `total`: what rounding down leaves goes to the largest remainders, the first ones
    of equals.
    """
    weights = weights if any(weights) else [1] * len(weights)
    of = sum(weights)
    shares, remainders = [], []
    for weight in weights:
        share, remainder = divmod(total * weight, of)
        shares.append(share)
        remainders.append(remainder)
    left = total - sum(shares)
    for at in sorted(range(len(weights)), key=lambda at: -remainders[at])[:left]:
        shares[at] += 1
    return shares


def part_totals(pieces: Iterable[Piece]) -> Mapping[str, int]:
    """The time of each part, ns."""
    totals: dict[str, int] = defaultdict(int)
    for piece in pieces:
        totals[piece.part] += piece.ns
    return totals
