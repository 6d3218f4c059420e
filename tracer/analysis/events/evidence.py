"""What the hops of one run say about why threads are slow where they may move."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.events.anatomy import FEWEST, SMALLEST_SHARE
from tracer.model.hops import (
    CPU_ASLEEP,
    CPU_BUSY,
    CPU_POLLING,
    PARTS,
    SAME_CPU,
    WAKER_PUSHED_OFF,
    Hops,
)


@dataclass(frozen=True)
class Side:
    """Hops that crossed to another CPU, or did not: how many, the mean and its parts, ns."""

    count: int
    mean_ns: float
    parts: Mapping[str, float]


@dataclass(frozen=True)
class Chance:
    """Of `count` wake-ups so many `crossed`."""

    count: int
    crossed: int

    @property
    def share(self) -> float:
        return self.crossed / max(self.count, 1)


@dataclass(frozen=True)
class Evidence:
    """Of the `hops` by a wake-up from one thread's call to another's that was asleep.

    `asleep`: of those that crossed, how many met a CPU that slept. `pushed_off`: of those on the
    same CPU, in how many the woken thread pushed its waker off. `alone`, `beside_another`: how many
    cross where the waker had pushed no thread of the target off its CPU, and where it had.
    """

    hops: int
    same: Side
    crossed: Side
    asleep: int
    pushed_off: int
    alone: Chance
    beside_another: Chance

    @property
    def is_seen(self) -> bool:
        """Both sides are."""
        return all(
            side.count >= FEWEST and side.count >= SMALLEST_SHARE * self.hops
            for side in (self.same, self.crossed)
        )

    @property
    def mean_ns(self) -> float:
        whole = sum(side.count * side.mean_ns for side in (self.same, self.crossed))
        return whole / max(self.hops, 1)

    @property
    def excess(self) -> dict[str, float]:
        """By how much each part of a hop that crossed is longer, ns; the longest first."""
        names = {*self.same.parts, *self.crossed.parts}
        longer = {n: self.crossed.parts.get(n, 0.0) - self.same.parts.get(n, 0.0) for n in names}
        return dict(sorted(longer.items(), key=lambda item: -item[1]))


def evidence(hops: Hops) -> Evidence:
    rows = hops.rows
    crossed = np.isin(rows["kind"], (CPU_ASLEEP, CPU_POLLING, CPU_BUSY))
    same = np.isin(rows["kind"], (SAME_CPU, WAKER_PUSHED_OFF))
    beside = rows["had_pushed_off"]
    return Evidence(
        hops=int(np.sum(crossed | same)),
        same=_side(rows[same]),
        crossed=_side(rows[crossed]),
        asleep=int(np.sum(rows["kind"] == CPU_ASLEEP)),
        pushed_off=int(np.sum(rows["kind"] == WAKER_PUSHED_OFF)),
        alone=_chance(crossed, same, ~beside),
        beside_another=_chance(crossed, same, beside),
    )


def _chance(
    crossed: NDArray[np.bool_], same: NDArray[np.bool_], where: NDArray[np.bool_]
) -> Chance:
    return Chance(int(np.sum((crossed | same) & where)), int(np.sum(crossed & where)))


def _side(rows: NDArray[np.void]) -> Side:
    if not len(rows):
        return Side(0, 0.0, {})
    means = rows["parts_ns"].mean(axis=0)
    parts = {name: float(ns) for name, ns in zip(PARTS, means, strict=True) if ns}
    return Side(len(rows), float(means.sum()), parts)
