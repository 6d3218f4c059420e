"""What tracing cost: the ratio of paired traced and untraced runs, with its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Fewer pairs give no bootstrap interval worth the name: minimum and maximum then.
BOOTSTRAP_PAIRS = 5
_RESAMPLES = 10_000


@dataclass(frozen=True)
class Pair:
    """One traced and one untraced run: ns per unit and context switches per unit."""

    traced_ns_per_unit: float
    untraced_ns_per_unit: float
    traced_switches: float
    untraced_switches: float


@dataclass(frozen=True)
class Observer:
    """Medians over the pairs; the interval is 95 % bootstrap, or minimum and maximum."""

    baseline_ns_per_unit: float
    traced_ns_per_unit: float
    slowdown: float
    low: float
    high: float
    pairs: int
    is_bootstrap: bool
    untraced_switches: float
    traced_switches: float

    @property
    def in_noise(self) -> bool:
        """True when the interval holds 1: no difference was seen."""
        return self.low <= 1 <= self.high


def observe(pairs: Sequence[Pair], seed: int = 1) -> Observer | None:
    """The observer effect of these pairs; None without any."""
    if not pairs:
        return None
    ratios = np.array([p.traced_ns_per_unit / p.untraced_ns_per_unit for p in pairs])
    bootstrap = len(pairs) >= BOOTSTRAP_PAIRS
    if bootstrap:
        rng = np.random.default_rng(seed)
        medians = np.median(rng.choice(ratios, (_RESAMPLES, len(ratios))), axis=1)
        low, high = np.percentile(medians, [2.5, 97.5])
    else:
        low, high = ratios.min(), ratios.max()
    return Observer(
        baseline_ns_per_unit=float(np.median([p.untraced_ns_per_unit for p in pairs])),
        traced_ns_per_unit=float(np.median([p.traced_ns_per_unit for p in pairs])),
        slowdown=float(np.median(ratios)),
        low=float(low),
        high=float(high),
        pairs=len(pairs),
        is_bootstrap=bootstrap,
        untraced_switches=float(np.median([p.untraced_switches for p in pairs])),
        traced_switches=float(np.median([p.traced_switches for p in pairs])),
    )
