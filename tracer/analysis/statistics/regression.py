"""A straight line through points, with the interval of its slope."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tracer.analysis.statistics.intervals import student_t

#: With fewer points the interval of the slope would be too wide to use.
ENOUGH_POINTS = 6


@dataclass(frozen=True)
class Slope:
    """`y = intercept + slope * x`; the slope's 95 % interval is `slope +- half`."""

    slope: float
    half: float
    intercept: float
    points: int

    @property
    def low(self) -> float:
        return self.slope - self.half

    @property
    def high(self) -> float:
        return self.slope + self.half

    def minus(self, other: Slope) -> Slope:
        """This line less another that was measured independently."""
        return Slope(
            self.slope - other.slope,
            float(np.hypot(self.half, other.half)),
            self.intercept - other.intercept,
            min(self.points, other.points),
        )


def fit(x: ArrayLike, y: ArrayLike) -> Slope:
    """Least-squares line through points, `x` and `y` of shape (n,).

    The interval is Student's, for independent residuals. ValueError with fewer than 6 points, or
    when all x are equal.
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(xs) < ENOUGH_POINTS or np.ptp(xs) == 0:
        raise ValueError(f"a line needs {ENOUGH_POINTS} points, not all at the same x")
    columns = np.column_stack([np.ones_like(xs), xs])
    (intercept, slope), *_ = np.linalg.lstsq(columns, ys, rcond=None)
    residuals = ys - columns @ np.array([intercept, slope])
    variance = float(residuals @ residuals) / (len(xs) - 2)
    error = (variance / float(((xs - xs.mean()) ** 2).sum())) ** 0.5
    return Slope(float(slope), student_t(len(xs) - 2) * error, float(intercept), len(xs))
