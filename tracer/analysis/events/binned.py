"""The states of threads in bins of time: how many were in each, and what each of them did."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.events.replay import Replayed

Times = NDArray[np.float64]


def edges(found: Replayed, bins: int) -> NDArray[np.int64]:
    """The ends of so many bins of the window, shape (bins + 1,), CLOCK_MONOTONIC, ns."""
    return np.linspace(found.start_ns, found.end_ns, bins + 1).astype(np.int64)


def numbers(found: Replayed, kind_of: Sequence[int], kinds: int, bins: int) -> Times:
    """How many threads were in each kind of state, on average over each bin: shape (kinds, bins).

    `kind_of`: of each of OWN_PARTS.
    """
    at = edges(found, bins)
    kind = np.asarray(kind_of)[found.segments["part"]]
    widths = np.maximum(np.diff(at), 1)
    rows = []
    for number in range(kinds):
        of_kind = found.segments[kind == number]
        until = _time_since(of_kind["start_ns"], at) - _time_since(of_kind["end_ns"], at)
        rows.append(np.diff(until) / widths)
    return np.array(rows)


def _time_since(moments: NDArray[np.int64], at: NDArray[np.int64]) -> Times:
    """The sum of `t - moment` over the moments before each `t` of `at`, ns."""
    moments = np.sort(moments)
    before = np.searchsorted(moments, at)
    # from the first time on, so that the sums keep their precision
    sums = np.concatenate([[0.0], np.cumsum((moments - at[0]).astype(np.float64))])
    return np.asarray(before * (at - at[0]).astype(np.float64) - sums[before])


@dataclass(frozen=True)
class Lanes:
    """`rows`: of `Replayed.threads`, those that were awake longest first; `cells`: the kind of
    state of each in each bin, shape (rows, bins), -1: it was not there; `left_out` more threads."""

    rows: NDArray[np.intp]
    cells: NDArray[np.int8]
    left_out: int


def lanes(
    found: Replayed,
    kind_of: Sequence[int],
    asleep: int,
    bins: int,
    most: int,
    least_awake: float,
) -> Lanes:
    """What each thread did most in each bin, sleep (kind `asleep`) left out where it was awake for
    `least_awake` of the bin or more; of the `most` threads that were awake longest."""
    kinds = max(kind_of) + 1
    kind = np.asarray(kind_of)[found.segments["part"]]
    ns = found.segments["end_ns"] - found.segments["start_ns"]
    threads = len(found.threads)
    awake_ns = np.bincount(found.segments["thread"], np.where(kind == asleep, 0, ns), threads)
    seen = np.flatnonzero(np.bincount(found.segments["thread"], minlength=threads))
    rows = seen[np.argsort(-awake_ns[seen], kind="stable")][:most]
    place = np.full(threads, -1)
    place[rows] = np.arange(len(rows))
    mine = place[found.segments["thread"]] >= 0
    part = found.segments[mine]
    times = _times(
        place[part["thread"]], kind[mine], part["start_ns"], part["end_ns"], edges(found, bins),
        (len(rows), kinds),
    )  # fmt: skip
    whole = times.sum(axis=1)
    asleep_ns = times[:, asleep].copy()
    times[:, asleep] = 0
    cells = times.argmax(axis=1).astype(np.int8)
    is_asleep = whole - asleep_ns < least_awake * whole
    cells[is_asleep] = asleep
    cells[whole <= 0] = -1
    return Lanes(rows, cells, len(seen) - len(rows))


def _times(
    row: NDArray[np.intp],
    kind: NDArray[np.intp],
    start: NDArray[np.int64],
    end: NDArray[np.int64],
    at: NDArray[np.int64],
    shape: tuple[int, int],
) -> Times:
    """The time of each kind of each row in each bin, ns: shape (rows, kinds, bins)."""
    bins = len(at) - 1
    first = np.clip(np.searchsorted(at, start, "right") - 1, 0, bins - 1)
    last = np.clip(np.searchsorted(at, end, "left") - 1, 0, bins - 1)
    base = (row * shape[1] + kind) * bins
    size = shape[0] * shape[1] * bins
    within = first == last
    # in the first bin, in the last one, and in all those between them
    sums = np.bincount(
        base + first, np.where(within, end - start, at[first + 1] - start), size
    ) + np.bincount(base + last, np.where(within, 0, end - at[last]), size)
    steps = np.zeros((shape[0], shape[1], bins + 1))
    flat = (row * shape[1] + kind) * (bins + 1)
    np.add.at(steps.reshape(-1), (flat + first + 1)[~within], 1)
    np.add.at(steps.reshape(-1), (flat + last)[~within], -1)
    between = np.cumsum(steps, axis=2)[:, :, :-1] * np.diff(at)
    return np.asarray(sums.reshape(shape[0], shape[1], bins) + between)


@dataclass(frozen=True)
class PathPiece:
    """Time of the path in one bin: the number of the threads' group (-1: none of the program's),
    the index of the part, the call or -1."""

    group: int
    part: int
    nr: int
    ns: int


def path(found: Replayed, groups: Sequence[int], bins: int) -> list[PathPiece]:
    """The path in order of time: what is alike within a bin is one piece, in no order within the
    bin; time belongs to the bin in which it begins. They sum to the window. `groups`: of each row
    of the threads."""
    pieces = found.path
    if not len(pieces):
        return []
    at = edges(found, bins)
    number = np.clip(np.searchsorted(at, pieces["start_ns"], "right") - 1, 0, bins - 1)
    of = np.append(np.asarray(groups, dtype=np.int64), -1)
    group = of[np.minimum(pieces["thread"], len(groups))] + 1
    sizes = (bins, int(group.max()) + 1, int(pieces["part"].max()) + 1, int(pieces["nr"].max()) + 2)
    members = (number, group, pieces["part"].astype(np.int64), pieces["nr"].astype(np.int64) + 1)
    keys = np.ravel_multi_index(members, sizes)
    known, inverse = np.unique(keys, return_inverse=True)
    ns = np.bincount(inverse, (pieces["end_ns"] - pieces["start_ns"]).astype(float))
    _bins, group, part, nr = np.unravel_index(known, sizes)
    return [
        PathPiece(int(group[n]) - 1, int(part[n]), int(nr[n]) - 1, int(ns[n]))
        for n in range(len(known))
    ]
