"""Does a set of runs have one mode or two? Placement makes runs come out in two kinds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Fewer values cannot show two modes.
FEWEST = 8
_SMALLEST_SHARE = 0.15
_SIMULATIONS = 2_000
_QUANTILE = 0.99


@dataclass(frozen=True)
class Modes:
    """Two groups of runs: the median of each and how many there are."""

    low: float
    low_count: int
    high: float
    high_count: int


def _best_split(logs: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Separation and split of each row, shape (rows, n), sorted: the split into a lower and an
    upper group, neither too small, whose means lie furthest apart in units of the spread inside."""
    _rows, n = logs.shape
    fewest = max(3, int(np.ceil(_SMALLEST_SHARE * n)))
    cuts = np.arange(fewest, n - fewest + 1)
    sums, squares = np.cumsum(logs, axis=1), np.cumsum(logs**2, axis=1)
    low_mean = sums[:, cuts - 1] / cuts
    high_mean = (sums[:, -1:] - sums[:, cuts - 1]) / (n - cuts)
    inside = squares[:, -1:] - cuts * low_mean**2 - (n - cuts) * high_mean**2
    spread = np.sqrt(np.maximum(inside, 0) / (n - 2)) + 1e-12
    separation = (high_mean - low_mean) / spread
    best = np.argmax(separation, axis=1)
    return separation[np.arange(len(best)), best], cuts[best]


@lru_cache
def _critical(n: int) -> float:
    """The separation that one in a hundred sets of `n` normal values exceeds."""
    values = np.sort(np.random.default_rng(11).normal(size=(_SIMULATIONS, n)), axis=1)
    return float(np.quantile(_best_split(values)[0], _QUANTILE))


def find_modes(values: ArrayLike) -> Modes | None:
    """Two modes of positive `values`, shape (n,), or None for one.

    Judged on the logarithms: the best split must be further apart than in 99 of 100 sets of as
    many normal values, and no value may lie in the middle of the gap between the groups.
    """
    data = np.sort(np.asarray(values, dtype=np.float64))
    if len(data) < FEWEST or data[0] <= 0:
        return None
    logs = np.log(data)
    separation, cut = (x[0] for x in _best_split(logs[None, :]))
    low, high = logs[:cut], logs[cut:]
    gap = high[0] - low[-1]
    widest = max(np.diff(low).max(initial=0), np.diff(high).max(initial=0))
    if separation <= _critical(len(data)) or gap <= widest:
        return None
    return Modes(
        float(np.median(data[:cut])), int(cut), float(np.median(data[cut:])), len(data) - int(cut)
    )
