"""Hand-overs along the path: from the place of a waker to the place of the thread it woke."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tracer.analysis.where.pieces import Piece
from tracer.analysis.where.places import Place, Places
from tracer.model.profile import PathSample, SampledStack


@dataclass(frozen=True)
class Edge:
    """The path went from `waker` to `woken`, `times` times between one sample and the next.

    `handovers` is how many hand-overs there were there, and `direct` how many of these times it
    was a single one: `waker` woke `woken`. `ns`: the path's time from the woken thread's first
    sample to the next hand-over between samples.
    """

    waker: Place
    woken: Place
    times: int
    handovers: int
    direct: int
    ns: int


def edges(
    samples: Sequence[PathSample], pieces: Sequence[Piece], places: Places | None = None
) -> list[Edge]:
    """Every edge, most time first. All of them and the time before the first one are the path's
    time that has samples."""
    places = places or Places()
    ns_of = [0] * len(samples)
    for piece in pieces:
        if piece.sample is not None:
            ns_of[piece.sample] += piece.ns
    found: dict[tuple[Place, Place], list[int]] = defaultdict(list)
    start: int | None = None
    stretch_ns = [0] * len(samples)
    for index, sample in enumerate(samples):
        if sample.waker is not None:
            start = index
            waker = samples[sample.waker]
            # where the waker's sample ended, and where this one began
            key = _site(waker.stacks[-1:], places), _site(sample.stacks[:1], places)
            found[key].append(index)
        if start is not None:
            stretch_ns[start] += ns_of[index]
    made = [
        Edge(
            waker,
            woken,
            len(at),
            sum(samples[index].handovers or 0 for index in at),
            sum(samples[index].handovers == 1 for index in at),
            sum(stretch_ns[index] for index in at),
        )
        for (waker, woken), at in found.items()
    ]
    return sorted(made, key=lambda edge: (-edge.ns, -edge.times))


def _site(stacks: Sequence[SampledStack], places: Places) -> Place:
    """One function is one place, whichever of its lines ran; lines that call others differ."""
    place = places.of(stacks[0].frames if stacks else ())
    return place if place.called else replace(place, line=0)
