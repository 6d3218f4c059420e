"""Statistics of paired blocks: the ratio with its interval and p-value, and blocks needed.

Sources: Kalibera and Jones, "Rigorous benchmarking in reasonable time" (paired blocks, intervals of
ratios); Good, "Permutation tests" (sign flips); the smoothing of the bootstrap is justified by the
simulation in docs/adr/0011.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: Fewer blocks are not enough for a claim.
ENOUGH_BLOCKS = 12
_RESAMPLES = 10_000
_SMOOTHING = 0.5
#: Up to this many pairs all 2^n sign patterns are evaluated; beyond, as many random ones as given.
_EXACT_FLIPS = 16
_RANDOM_FLIPS = 65_536
_Z = 1.96
#: Student's t by degrees of freedom, where the expansion in `student_t` is off by more than 0.1 %.
_FEW_DEGREES = {1: 12.706, 2: 4.303, 3: 3.182}


@dataclass(frozen=True)
class Ratio:
    """A against B over blocks: the median of A/B, its 95 % interval, and a two-sided p-value.

    `slower` is the number of blocks in which A was the slower one. `noise` is the standard
    deviation of the log-ratio over blocks; `blocks_needed` is estimated from it.
    """

    median: float
    low: float
    high: float
    p: float
    blocks: int
    slower: int
    noise: float

    @property
    def is_enough(self) -> bool:
        return self.blocks >= ENOUGH_BLOCKS

    @property
    def differs(self) -> bool:
        """True when the interval excludes 1."""
        return not self.low <= 1 <= self.high

    def blocks_needed(self) -> int:
        """Blocks that would show a difference of the size seen, or of 5 % where that is larger."""
        effect = max(abs(math.log(self.median)), math.log(1.05))
        by_noise = math.ceil((2 * _Z * self.noise / effect) ** 2)
        return max(ENOUGH_BLOCKS, by_noise)


@dataclass(frozen=True)
class Interval:
    """A median with its 95 % interval, in the values' own unit."""

    median: float
    low: float
    high: float


def student_t(degrees: int) -> float:
    """The 97.5 % quantile of Student's t, to 0.05 %. ValueError below 1 degree of freedom.

    Source: Abramowitz and Stegun, table 26.10 up to 3 degrees of freedom, and beyond those 26.7.5,
    an expansion about the normal quantile.
    """
    if degrees < 1:
        raise ValueError(f"Student's t needs a degree of freedom, not {degrees}")
    if degrees in _FEW_DEGREES:
        return _FEW_DEGREES[degrees]
    z = 1.959964
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / degrees**power for power, term in enumerate(terms, 1)))


def median_interval(values: ArrayLike, seed: int = 1) -> Interval:
    """Median of `values`, shape (n,), with a smoothed bootstrap's 95 % interval.

    A plain bootstrap of the median can only return values of the sample, and with a dozen of them
    its interval holds the true median 92 to 94 % of the time. A little normal noise added to each
    resample brings that to 95 %. A single value gives an interval of zero width.
    """
    data = np.asarray(values, dtype=np.float64)
    median = float(np.median(data))
    if len(data) < 2:
        return Interval(median, median, median)
    spread = float(data.std(ddof=1))
    quartiles = float(np.subtract(*np.percentile(data, [75, 25]))) / 1.349
    width = _SMOOTHING * (min(spread, quartiles) if quartiles > 0 else spread) * len(data) ** -0.2
    rng = np.random.default_rng(seed)
    resampled = rng.choice(data, (_RESAMPLES, len(data)))
    resampled += rng.normal(0, 1, resampled.shape) * width
    low, high = np.percentile(np.median(resampled, axis=1), [2.5, 97.5])
    return Interval(median, min(float(low), median), max(float(high), median))


def share_interval(parts: ArrayLike, wholes: ArrayLike, seed: int = 1) -> Interval | None:
    """Median of `parts` as a share of the median of `wholes`, each shape (blocks,), with a
    bootstrap's 95 % interval over blocks; None when the whole is not above zero.

    Each resample draws the part and the whole of the same blocks: in a block with a large whole the
    part is large too, and resampling only the parts would count that as noise.
    """
    part, whole = np.asarray(parts, dtype=np.float64), np.asarray(wholes, dtype=np.float64)
    if not len(part) or np.median(whole) <= 0:
        return None
    share = float(np.median(part) / np.median(whole))
    drawn = np.random.default_rng(seed).integers(0, len(part), (_RESAMPLES, len(part)))
    whole_medians = np.median(whole[drawn], axis=1)
    usable = whole_medians > 0
    shares = np.median(part[drawn], axis=1)[usable] / whole_medians[usable]
    low, high = np.percentile(shares, [2.5, 97.5])
    return Interval(share, min(float(low), share), max(float(high), share))


def _flips(count: int, seed: int) -> NDArray[np.float64]:
    """Sign patterns of +1 and -1, shape (patterns, count): all of them, or many random ones."""
    if count <= _EXACT_FLIPS:
        bits = np.arange(1 << count)[:, None] >> np.arange(count) & 1
    else:
        bits = np.random.default_rng(seed).integers(0, 2, (_RANDOM_FLIPS, count))
    return np.asarray(1.0 - 2.0 * bits)


def sign_flip_p(differences: ArrayLike, seed: int = 1) -> float:
    """Two-sided p-value of the sum of paired differences, shape (n,), under random signs.

    Exact up to 16 pairs, from 65,536 random sign patterns beyond. All differences zero gives 1.
    """
    data = np.asarray(differences, dtype=np.float64)
    if not len(data) or not data.any():
        return 1.0
    sums = np.abs(_flips(len(data), seed) @ data)
    return float(np.mean(sums >= abs(data.sum()) * (1 - 1e-12)))


def paired_ratio(a: ArrayLike, b: ArrayLike, seed: int = 1) -> Ratio:
    """A against B, each shape (blocks,), one positive value per block."""
    logs = np.log(np.asarray(a, dtype=np.float64)) - np.log(np.asarray(b, dtype=np.float64))
    interval = median_interval(logs, seed)
    return Ratio(
        median=math.exp(interval.median),
        low=math.exp(interval.low),
        high=math.exp(interval.high),
        p=sign_flip_p(logs, seed),
        blocks=len(logs),
        slower=int((logs > 0).sum()),
        noise=float(logs.std(ddof=1)) if len(logs) > 1 else 0.0,
    )
