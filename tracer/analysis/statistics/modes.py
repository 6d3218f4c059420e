"""Does a set of runs have one mode or two? Where threads were placed can make two kinds of run."""

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
    """Two groups of runs: the median of each, in the values' unit, and its number of runs."""

    low: float
    low_count: int
    high: float
    high_count: int


def _best_split(logs: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """The best split of each row of `logs`, shape (rows, n), sorted, into two groups.

    Returns its separation (difference of the groups' means over the spread inside the groups) and
    the size of the lower group, each of shape (rows,). No group is smaller than `_SMALLEST_SHARE`.
    """
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
    """The separation that 1 in 100 sets of `n` normal values exceeds (simulated)."""
    values = np.sort(np.random.default_rng(11).normal(size=(_SIMULATIONS, n)), axis=1)
    return float(np.quantile(_best_split(values)[0], _QUANTILE))


def find_modes(values: ArrayLike) -> Modes | None:
    """The two modes of positive `values`, shape (n,); None when they have one.

    Judged on the logarithms: the best split must separate the groups further than in 99 of 100
    sets of as many normal values, and the gap between the groups must be wider than any inside one.
    """
    data = np.sort(np.asarray(values, dtype=np.float64))
    if len(data) < FEWEST or data[0] <= 0:
        return None
    logs = np.log(data)
    separation, cut = (result[0] for result in _best_split(logs[None, :]))
    low, high = logs[:cut], logs[cut:]
    gap = high[0] - low[-1]
    widest = max(np.diff(low).max(initial=0), np.diff(high).max(initial=0))
    if separation <= _critical(len(data)) or gap <= widest:
        return None
    return Modes(
        float(np.median(data[:cut])), int(cut), float(np.median(data[cut:])), len(data) - int(cut)
    )
