"""Hops by kind: how many, how long, and of which parts those at a percentile are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.model.hops import CPU_ASLEEP, KINDS, PARTS, Hops

PERCENTILES = (50, 99)
#: A percentile's anatomy is the mean of the hops that are this close to it, in ranks of 100.
_NEAR = 0.1
#: What rests on fewer hops, or on a smaller share of them, was not seen.
FEWEST, SMALLEST_SHARE = 100, 0.01
ASLEEP_SHORT, ASLEEP_LONG = "cross_cpu_asleep_short", "cross_cpu_asleep_long"
_SHOWN_CALLS = 10


@dataclass(frozen=True)
class Waterfall:
    """What `hops` hops around a percentile are made of: the means of their parts, ns, in the order
    of time; those that are 0 are left out. They sum to `total_ns`."""

    percentile: int
    hops: int
    total_ns: float
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Group:
    """The hops of one kind. `share` is of all hops, `time_share` of the time of all; times in ns.

    `kind`: one of KINDS, or ASLEEP_SHORT, ASLEEP_LONG where sleeps are divided."""

    kind: str
    count: int
    share: float
    time_share: float
    mean_ns: float
    percentiles_ns: Mapping[int, int]
    max_ns: int
    mean_parts: Mapping[str, float]
    waterfalls: Sequence[Waterfall]

    @property
    def is_seen(self) -> bool:
        return self.count >= FEWEST and self.share >= SMALLEST_SHARE


@dataclass(frozen=True)
class CallPair:
    """Hops from one call to another, by their numbers."""

    waker_nr: int
    woken_nr: int
    count: int
    p50_ns: int


@dataclass(frozen=True)
class Anatomy:
    """`every` are all hops together; `limit_ns` divides the sleeps of CPUs (None: not divided).
    `whole_kinds`: the same groups, with the sleeps in one."""

    every: Group
    groups: Sequence[Group]
    whole_kinds: Sequence[Group]
    limit_ns: int | None
    calls: Sequence[CallPair]
    window_ns: int
    other_wakeups: int


def anatomy(hops: Hops) -> Anatomy | None:
    """None where there is no hop."""
    rows = hops.rows
    if not len(rows):
        return None
    totals = rows["end_ns"] - rows["start_ns"]
    asleep = rows["kind"] == CPU_ASLEEP
    limit_ns = _dividing(rows["slept_ns"][asleep])
    groups, whole = [], []
    for number, kind in enumerate(KINDS):
        of_kind = rows["kind"] == number
        whole.append(_group(kind, rows, totals, of_kind))
        if number == CPU_ASLEEP and limit_ns is not None:
            short = of_kind & (rows["slept_ns"] < limit_ns)
            groups += [_group(ASLEEP_SHORT, rows, totals, short)]
            groups += [_group(ASLEEP_LONG, rows, totals, of_kind & ~short)]
        else:
            groups.append(whole[-1])
    return Anatomy(
        every=_group("all", rows, totals, np.ones(len(rows), bool)),
        groups=[group for group in groups if group.count],
        whole_kinds=[group for group in whole if group.count],
        limit_ns=limit_ns,
        calls=_calls(rows, totals),
        window_ns=hops.window_ns,
        other_wakeups=hops.other_wakeups,
    )


def ranked(hops: Hops) -> NDArray[np.int64]:
    """The indices of all hops, the longest first; of equals the earlier one first."""
    return np.argsort(hops.rows["start_ns"] - hops.rows["end_ns"], kind="stable")


def _dividing(slept_ns: NDArray[np.int64]) -> int | None:
    """The power of two that divides these sleeps most evenly; None where there are none, or all
    are of one octave."""
    if not len(slept_ns):
        return None
    octaves = np.floor(np.log2(np.maximum(slept_ns, 1))).astype(np.int64)
    limits = np.unique(octaves)[1:]
    if not len(limits):
        return None
    uneven = [abs(2 * int(np.sum(octaves < limit)) - len(octaves)) for limit in limits]
    return 1 << int(limits[int(np.argmin(uneven))])


def _group(
    kind: str,
    rows: NDArray[np.void],
    totals: NDArray[np.int64],
    where: NDArray[np.bool_],
) -> Group:
    at = np.flatnonzero(where)
    own = totals[at]
    order = at[np.argsort(own, kind="stable")]
    size = len(at)
    return Group(
        kind=kind,
        count=size,
        share=size / len(rows),
        time_share=float(own.sum() / max(totals.sum(), 1)),
        mean_ns=float(own.mean()) if size else 0.0,
        percentiles_ns={p: int(totals[order[_rank(p, size)]]) for p in PERCENTILES if size},
        max_ns=int(own.max()) if size else 0,
        mean_parts=_parts(rows, at) if size else {},
        waterfalls=[_waterfall(p, rows, order) for p in PERCENTILES if size],
    )


def _rank(percentile: float, size: int) -> int:
    """The index of the smallest value that so many percent do not exceed."""
    return min(max(math.ceil(size * percentile / 100) - 1, 0), size - 1)


def _waterfall(percentile: int, rows: NDArray[np.void], order: NDArray[np.int64]) -> Waterfall:
    """`order`: hops of a group, the shortest first."""
    first = _rank(percentile - _NEAR, len(order))
    near = order[first : max(_rank(percentile + _NEAR, len(order)), first) + 1]
    parts = _parts(rows, near)
    return Waterfall(percentile, len(near), sum(parts.values()), parts)


def _parts(rows: NDArray[np.void], at: NDArray[np.int64]) -> dict[str, float]:
    means = rows["parts_ns"][at].mean(axis=0)
    return {name: float(ns) for name, ns in zip(PARTS, means, strict=True) if ns}


def _calls(rows: NDArray[np.void], totals: NDArray[np.int64]) -> list[CallPair]:
    """The most frequent pairs of calls."""
    keys = rows["waker_nr"].astype(np.int64) << 16 | rows["woken_nr"]
    pairs, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    found = []
    for number in np.argsort(-counts, kind="stable")[:_SHOWN_CALLS]:
        own = np.sort(totals[inverse == number])
        key = int(pairs[number])
        p50_ns = int(own[_rank(50, len(own))])
        found.append(CallPair(key >> 16, key & 0xFFFF, int(counts[number]), p50_ns))
    return found
