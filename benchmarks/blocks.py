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

from tracer.analysis.observer import Pair, observe
from tracer.errors import TracerError


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
        return self._median([(a, b) for a, b in self._pairs(name, base)])

    def added_share(self, name: str, other: str, base: str) -> Ratio:
        """What `name` adds to `base`, as a share of what `other` adds to it."""
        pairs = [
            (a.ns_per_unit - b.ns_per_unit, o.ns_per_unit - b.ns_per_unit)
            for a, o, b in zip(self.runs[name], self.runs[other], self.runs[base], strict=True)
        ]
        return self._median([(Run(a), Run(o)) for a, o in pairs if o > 0])

    def _pairs(self, name: str, base: str) -> list[tuple[Run, Run]]:
        return list(zip(self.runs[name], self.runs[base], strict=True))

    def _median(self, pairs: Sequence[tuple[Run, Run]]) -> Ratio:
        found = observe([Pair(a.ns_per_unit, b.ns_per_unit, 0.0, 0.0) for a, b in pairs])
        if found is None:
            return Ratio(float("nan"), float("nan"), float("nan"))
        return Ratio(found.slowdown, found.low, found.high)


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
