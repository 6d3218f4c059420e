"""How far a sampled share can be off: by blocks of the samples in order of time.

Samples that follow one another are alike, so the binomial formula would be too small; and a
program has phases, so blocks that are far apart differ without any error of sampling. So
neighbouring blocks are compared in pairs: a jackknife that leaves out one block of a pair at a
time (JK2, the usual estimate for systematic samples: Wolter, Introduction to Variance Estimation).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracer.analysis.statistics.intervals import student_t

#: So many pairs of blocks; fewer where there are fewer points.
PAIRS = 20
#: With fewer points of the grid in all, no error is given.
ENOUGH_POINTS = 50
#: Whatever has not been seen in n points can be 3/n of the time (95 %): no error is below that.
_UNSEEN = 3.0


class Blocks:
    """The samples of one part in order of time, cut into blocks that hold the same points.

    `points`, shape (n,), above 0. A sample that reaches over the edge of a block is in both.
    """

    def __init__(self, points: Sequence[float]) -> None:
        ends = np.cumsum(np.asarray(points, dtype=np.float64))
        self.points = float(ends[-1]) if len(ends) else 0.0
        self._pairs = max(min(PAIRS, int(self.points) // 2), 1)
        self._starts, self._ends = ends - np.asarray(points, dtype=np.float64), ends
        self._size = self.points / (2 * self._pairs)

    def half_width(self, members: Sequence[int]) -> float:
        """95 % half-width of the share, of this part, of the samples at these indices."""
        at = np.asarray(members, dtype=np.intp)
        held = self._held(self._starts[at], self._ends[at])
        share = float(held.sum()) / self.points
        differences = (held[0::2] - held[1::2]) / self.points
        spread = float(np.sqrt(np.square(differences).sum()))
        half = max(student_t(self._pairs) * spread, _UNSEEN / self.points)
        return min(half, max(share, 1.0 - share))

    def _held(self, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
        """The points of these samples in each block, shape (blocks,)."""
        if not len(starts):
            return np.zeros(2 * self._pairs)
        edges = np.linspace(0.0, self.points, 2 * self._pairs + 1)
        # points of the samples before each edge; samples do not overlap and are in order of time
        sums = np.concatenate(([0.0], np.cumsum(ends - starts)))
        index = np.searchsorted(starts, edges, side="right")
        last = np.maximum(index - 1, 0)
        beyond = np.where(index > 0, np.maximum(ends[last] - edges, 0.0), 0.0)
        return np.asarray(np.diff(sums[index] - beyond))
