"""The pinned time per unit of work, predicted from unpinned runs alone.

A wake-up that crossed to another CPU is counted at the cost of a same-CPU wake-up in the same run:
the wake-up latency, and the time that the woken thread then takes until it wakes the next, which is
longer after a crossing (its CPU has just woken up, its data are in another cache). What does not
change with the placement is left as it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.pinning.crossings import CrossingCosts, crossing_costs
from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document
from tracer.analysis.statistics.intervals import student_t


@dataclass(frozen=True)
class Prediction:
    """ns per unit with the 95 % interval for one further run; and means over the `runs` that it was
    made from: their ns per unit, crossing wake-ups per unit, and the cost of each kind."""

    ns: float
    low: float
    high: float
    runs: int
    unpinned_ns: float
    crossings: float
    cross_ns: float
    same_ns: float


def predict(documents: Sequence[Document]) -> Prediction | None:
    """From traced unpinned runs; None without the probe `sched` or with fewer than two runs."""
    runs: list[tuple[float, CrossingCosts]] = [
        (reader.ns_per_unit(document), costs)
        for document in documents
        if (costs := crossing_costs(document)) is not None
    ]
    n = len(runs)
    if n < 2:
        return None
    predicted_ns = np.array([unpinned_ns - costs.extra_ns for unpinned_ns, costs in runs])
    mean_ns = float(predicted_ns.mean())
    half = student_t(n - 1) * float(predicted_ns.std(ddof=1)) * math.sqrt(1 + 1 / n)
    return Prediction(
        ns=mean_ns,
        low=mean_ns - half,
        high=mean_ns + half,
        runs=n,
        unpinned_ns=float(np.mean([unpinned_ns for unpinned_ns, _ in runs])),
        crossings=float(np.mean([costs.count for _, costs in runs])),
        cross_ns=float(np.mean([costs.cross_ns for _, costs in runs])),
        same_ns=float(np.mean([costs.same_ns for _, costs in runs])),
    )


@dataclass(frozen=True)
class CheckedPrediction:
    """A prediction against what was measured later; `error` is a share of what was measured."""

    prediction: Prediction
    measured_ns: float
    error: float

    @property
    def is_confirmed(self) -> bool:
        return self.prediction.low <= self.measured_ns <= self.prediction.high


def check(prediction: Prediction, documents: Sequence[Document]) -> CheckedPrediction | None:
    """Against traced pinned runs; None without any."""
    if not documents:
        return None
    measured_ns = float(np.median([reader.ns_per_unit(document) for document in documents]))
    return CheckedPrediction(prediction, measured_ns, prediction.ns / measured_ns - 1)
