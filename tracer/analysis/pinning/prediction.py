"""The pinned time per unit of work, predicted from unpinned runs alone.

A wake-up that crossed to another CPU is counted at the cost of a same-CPU wake-up in the same run:
the wake-up latency, and the time that the woken thread then takes until it wakes the next, which is
longer after a crossing (its CPU has just woken up, its data are in another cache). What does not
change with the placement is left as it was. Where no wake-up stayed on its CPU, the price of one
comes from a calibration of the host: two threads on one CPU, run before.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.pinning.crossings import CrossingCosts, crossing_costs
from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document
from tracer.analysis.statistics.intervals import FEWEST_FOR_VERDICT, student_t

#: An interval of a time that is wider than this share of what it predicts says nothing.
_WIDEST = 0.5
#: Two threads find in the caches what many do not: so far, as a logarithm, the price of a wake-up
#: among many may be from that between two, beyond the spread of the calibration's runs.
_CALIBRATION_ERROR = 0.2
#: Where the price of a wake-up on the same CPU comes from.
SAME_RUNS, CALIBRATION = "the same runs", "calibration"


@dataclass(frozen=True)
class Calibration:
    """What passing on takes between two threads on one CPU, traced, ns per unit: the mean of
    `runs` short runs, and the standard deviation of its logarithm over them."""

    ns: float
    deviation: float
    runs: int


def calibrate(documents: Sequence[Document]) -> Calibration | None:
    """From traced runs of two threads on one CPU; None without any."""
    if not documents:
        return None
    logs = np.log([reader.ns_per_unit(document) for document in documents])
    deviation = float(logs.std(ddof=1)) if len(logs) > 1 else 0.0
    return Calibration(math.exp(float(logs.mean())), deviation, len(logs))


@dataclass(frozen=True)
class Prediction:
    """ns per unit with the 95 % interval for one further run; and means over the `runs` that it was
    made from: their ns per unit, crossing wake-ups per unit, and the cost of each kind (None: not
    seen). `same_from` says where the cost of those on the same CPU comes from."""

    ns: float
    low: float
    high: float
    runs: int
    unpinned_ns: float
    crossings: float
    cross_ns: float | None
    same_ns: float | None
    same_from: str = SAME_RUNS

    @property
    def says_something(self) -> bool:
        """Its interval is narrow, and the unpinned time is not in it."""
        is_narrow = self.high - self.low <= _WIDEST * self.ns
        return is_narrow and not self.low <= self.unpinned_ns <= self.high


def predict(
    documents: Sequence[Document], calibration: Calibration | None = None
) -> Prediction | None:
    """From traced unpinned runs. None without the probe `sched`, with fewer than two runs, and
    where a price is neither seen nor calibrated."""
    runs = [
        (reader.ns_per_unit(document), costs)
        for document in documents
        if (costs := crossing_costs(document)) is not None
    ]
    n = len(runs)
    if n < 2:
        return None
    calibrated = calibration if any(costs.same_ns is None for _, costs in runs) else None
    prices = [calibrated.ns if calibrated else costs.same_ns for _, costs in runs]
    extras = [
        dataclasses.replace(costs, same_ns=price).extra_ns()
        for (_, costs), price in zip(runs, prices, strict=True)
    ]
    predicted_ns = [
        unpinned_ns - extra_ns
        for (unpinned_ns, _), extra_ns in zip(runs, extras, strict=True)
        if extra_ns is not None and unpinned_ns > extra_ns
    ]
    if len(predicted_ns) < n:
        return None
    # a time is never below zero: its interval comes from logarithms
    logs = np.log(predicted_ns)
    middle = float(logs.mean())
    half = student_t(n - 1) * float(logs.std(ddof=1)) * math.sqrt(1 + 1 / n)
    if calibrated and any(extras):
        half = math.hypot(half, _calibration_half(calibrated, runs, math.exp(middle)))
    return Prediction(
        ns=math.exp(middle),
        low=math.exp(middle - half),
        high=math.exp(middle + half),
        runs=n,
        unpinned_ns=float(np.mean([unpinned_ns for unpinned_ns, _ in runs])),
        crossings=float(np.mean([costs.count for _, costs in runs])),
        cross_ns=_mean([costs.cross_ns for _, costs in runs]),
        same_ns=_mean(prices),
        same_from=CALIBRATION if calibrated else SAME_RUNS,
    )


def _calibration_half(
    calibration: Calibration, runs: Sequence[tuple[float, CrossingCosts]], predicted_ns: float
) -> float:
    """Half of the interval, in logarithms, that is due to the calibrated price."""
    spread = 0.0
    if calibration.runs > 1:
        spread = student_t(calibration.runs - 1) * calibration.deviation
        spread *= math.sqrt(1 + 1 / calibration.runs)
    calibrated_ns = float(np.mean([costs.count for _, costs in runs])) * calibration.ns
    return math.hypot(spread, _CALIBRATION_ERROR) * calibrated_ns / predicted_ns


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


CONFIRMED, OUTSIDE, UNDECIDED = "confirmed", "outside", "the interval says nothing"
#: What `confirmed` is called where it was measured too seldom.
AGREED_ONCE = "seen once"


@dataclass(frozen=True)
class CheckedPrediction:
    """A prediction against what was measured later in so many `runs`; `error` is a share of what
    was measured."""

    prediction: Prediction
    measured_ns: float
    error: float
    runs: int

    @property
    def verdict(self) -> str:
        """CONFIRMED (of few runs AGREED_ONCE), OUTSIDE, or UNDECIDED: an interval so wide, or one
        that holds the unpinned time too, confirms nothing."""
        if not self.prediction.low <= self.measured_ns <= self.prediction.high:
            return OUTSIDE
        if not self.prediction.says_something:
            return UNDECIDED
        return CONFIRMED if self.runs >= FEWEST_FOR_VERDICT else AGREED_ONCE

    @property
    def is_confirmed(self) -> bool:
        return self.verdict == CONFIRMED


def check(prediction: Prediction, documents: Sequence[Document]) -> CheckedPrediction | None:
    """Against traced pinned runs; None without any."""
    if not documents:
        return None
    measured_ns = float(np.median([reader.ns_per_unit(document) for document in documents]))
    error = prediction.ns / measured_ns - 1
    return CheckedPrediction(prediction, measured_ns, error, len(documents))
