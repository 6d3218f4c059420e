"""Reader of the histograms that the BPF programs keep (kernel/machine/hist.c).

Buckets: 0..15 ns exactly, then 16 steps per octave; the last one holds all from 2^44 ns up. A
percentile is the middle of its bucket, so it is known to 1/32 of itself either way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: The C has both by `-D`: HIST_BUCKETS and HIST_OCTAVES.
OCTAVES = 44
BUCKETS = 16 + (OCTAVES - 4) * 16


def lower_bound_ns(bucket: int) -> int:
    """Smallest value (ns) that falls into `bucket`."""
    if bucket < 16:
        return bucket
    octave, step = divmod(bucket - 16, 16)
    return (16 + step) << octave


@dataclass(frozen=True)
class Histogram:
    """Counts by bucket, shape (656,), with the exact sum and maximum in ns."""

    buckets: NDArray[np.int64]
    sum_ns: int
    max_ns: int

    @property
    def count(self) -> int:
        return int(self.buckets.sum())

    @property
    def mean_ns(self) -> int | None:
        """Exact mean, rounded; None when empty."""
        return round(self.sum_ns / self.count) if self.count else None

    def percentile_ns(self, q: float) -> int | None:
        """The value that `q` of 100 values do not exceed (nearest rank); None when empty.

        Never above the exact maximum.
        """
        count = self.count
        if not count:
            return None
        rank = min(max(math.ceil(count * q / 100), 1), count)
        bucket = int(np.searchsorted(np.cumsum(self.buckets), rank))
        low = lower_bound_ns(bucket)
        middle = low if bucket < 16 else (low + lower_bound_ns(bucket + 1) - 1) // 2
        return min(middle, self.max_ns)

    def counts(self) -> list[list[int]]:
        """What was seen, for a JSON report: pairs of a bucket's smallest value (ns) and times."""
        used = np.flatnonzero(self.buckets)
        return [[lower_bound_ns(int(n)), int(self.buckets[n])] for n in used]

    def data(self) -> dict[str, int | None]:
        """Count, mean, percentiles and maximum (ns) for a JSON report; null when empty."""
        return {
            "count": self.count,
            "mean": self.mean_ns,
            "p50": self.percentile_ns(50),
            "p90": self.percentile_ns(90),
            "p99": self.percentile_ns(99),
            "max": self.max_ns if self.count else None,
        }

    @classmethod
    def merged(cls, records: NDArray[np.void]) -> Histogram:
        """Sum of C `struct hist` records of any shape."""
        flat = records.reshape(-1)
        buckets = flat["buckets"].astype(np.int64).sum(axis=0)
        used = np.flatnonzero(buckets)
        # a maximum that was just being emptied for the next window may be missing
        least_ns = lower_bound_ns(int(used[-1])) if len(used) else 0
        return cls(
            buckets=buckets,
            sum_ns=int(flat["sum"].sum()),
            max_ns=max(int(flat["max"].max(initial=0)), least_ns),
        )
