"""Rounds: every condition once per block, in random order; ratios are formed within a block.

A machine drifts by more than the differences that are looked for. Two runs of one block lie
seconds apart, so what both suffered cancels in their ratio; the order is drawn anew for each
block, so that no condition always follows the same other one.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError

#: With fewer blocks a bootstrap interval would not be worth the name.
_BOOTSTRAP_BLOCKS = 5
_RESAMPLES = 10_000


@dataclass(frozen=True)
class Run:
    """One run: ns per unit of work, and context switches per unit (None: not known)."""

    ns_per_unit: float
    switches_per_unit: float | None = None


@dataclass(frozen=True)
class Condition:
    """A way to run the subject; `run` raises TracerError when it cannot be done here."""

    name: str
    run: Callable[[], Run]


@dataclass(frozen=True)
class Ratio:
    """Median of the ratios within each block, with its 95 % bootstrap interval.

    With fewer than 5 blocks the interval is minimum to maximum.
    """

    median: float
    low: float
    high: float


@dataclass
class Blocks:
    """The runs by condition, one per block, and why a condition could not be run."""

    runs: dict[str, list[Run]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def ns_per_unit(self, name: str) -> float:
        """Median over the blocks."""
        return float(np.median([run.ns_per_unit for run in self.runs[name]]))

    def switches_per_unit(self, name: str) -> float | None:
        """Median over the blocks; None when a run did not say."""
        found = [run.switches_per_unit for run in self.runs[name]]
        known = [value for value in found if value is not None]
        return float(np.median(known)) if known and len(known) == len(found) else None

    def ratio(self, name: str, base: str) -> Ratio:
        """How much slower `name` was than `base`."""
        return median_of(self._array(name) / self._array(base))

    def added_share(self, name: str, other: str, base: str) -> Ratio:
        """What `name` adds to `base`, as a share of what `other` adds to it.

        Of blocks in which `other` added something; nan where there is none.
        """
        zero = self._array(base)
        ours, theirs = self._array(name) - zero, self._array(other) - zero
        return median_of(ours[theirs > 0] / theirs[theirs > 0])

    def added_ns(self, name: str, base: str) -> Ratio:
        """What `name` adds to `base`, ns per unit."""
        return median_of(self._array(name) - self._array(base))

    def further_share(self, name: str, other: str, base: str) -> Ratio:
        """What `name` adds to `other`, as a share of what `other` adds to `base`.

        Both are small beside what a machine drifts by, so here each is the median of its
        differences within a block, and the interval is that of their ratio: blocks are drawn
        anew, whole (with fewer than 5 blocks it is minimum to maximum of the blocks' own).
        """
        first = self._array(other) - self._array(base)
        second = self._array(name) - self._array(other)
        middle = float(np.median(second) / np.median(first))
        if len(first) < _BOOTSTRAP_BLOCKS:
            each = second / first
            return Ratio(middle, float(each.min()), float(each.max()))
        drawn = np.random.default_rng(1).integers(0, len(first), (_RESAMPLES, len(first)))
        shares = np.median(second[drawn], axis=1) / np.median(first[drawn], axis=1)
        low, high = np.percentile(shares, [2.5, 97.5])
        return Ratio(middle, float(low), float(high))

    def _array(self, name: str) -> NDArray[np.float64]:
        return np.array([run.ns_per_unit for run in self.runs[name]])


def median_of(values: NDArray[np.float64], seed: int = 1) -> Ratio:
    """The median with its interval."""
    if not len(values):
        return Ratio(float("nan"), float("nan"), float("nan"))
    low, high = values.min(), values.max()
    if len(values) >= _BOOTSTRAP_BLOCKS:
        chance = np.random.default_rng(seed)
        medians = np.median(chance.choice(values, (_RESAMPLES, len(values))), axis=1)
        low, high = np.percentile(medians, [2.5, 97.5])
    return Ratio(float(np.median(values)), float(low), float(high))


def measure(
    conditions: Sequence[Condition], rounds: int, progress: Callable[[str], None], seed: int = 1
) -> Blocks:
    """`rounds` blocks. A condition that fails is left out from then on, its reason kept."""
    chance = random.Random(seed)
    found = Blocks({condition.name: [] for condition in conditions})
    for number in range(rounds):
        order = [c for c in conditions if c.name not in found.errors]
        chance.shuffle(order)
        for condition in order:
            progress(f"block {number + 1} of {rounds}: {condition.name}")
            try:
                found.runs[condition.name].append(condition.run())
            except TracerError as error:
                found.errors[condition.name] = error.message
                del found.runs[condition.name]
    return found


def scaled_iterations(per_trip_ns: float, run_ns: float, least: int = 5) -> int:
    """Iterations that take about `run_ns`."""
    return max(least, int(run_ns / max(per_trip_ns, 1.0)))


def as_json(blocks: Blocks) -> Mapping[str, object]:
    """Every single run, for those who want to do their own statistics."""
    return {
        "ns_per_unit": {n: [r.ns_per_unit for r in runs] for n, runs in blocks.runs.items()},
        "switches_per_unit": {
            n: [r.switches_per_unit for r in runs] for n, runs in blocks.runs.items()
        },
        "errors": blocks.errors,
    }
