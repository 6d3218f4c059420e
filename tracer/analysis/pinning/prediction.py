"""The pinned time per unit of work, predicted from unpinned runs alone.

A wake-up that crossed to another CPU is counted at the cost that a same-CPU wake-up had in the same
run: the way until the woken thread runs, and what that thread then takes on its CPU until it hands
on, which is longer after a crossing (its CPU has just woken, its data are in another cache). What
does not change with the placement is left as it was.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.pinning import evidence
from tracer.analysis.run import document as doc
from tracer.analysis.run.document import Document
from tracer.analysis.statistics.intervals import student_t

#: Student's quantile for fewer than 4 degrees of freedom.
_FEW = {1: 12.706, 2: 4.303, 3: 3.182}


@dataclass(frozen=True)
class Prediction:
    """ns per unit with the 95 % interval for a further run; and what it was made from, means over
    the runs: crossing wake-ups per unit, and what each kind cost, wake-up to handing on."""

    ns: float
    low: float
    high: float
    runs: int
    unpinned_ns: float
    crossings: float
    cross_ns: float
    same_ns: float


def _one(document: Document) -> tuple[float, float, float, float, float] | None:
    found = evidence.crossing_costs(document)
    if found is None:
        return None
    hop = doc.ns_per_unit(document)
    return hop - found.extra_ns, hop, found.count, found.cross_ns, found.same_ns


def predict(documents: Sequence[Document]) -> Prediction | None:
    """From traced unpinned runs; None without the probe `sched` or with fewer than two runs."""
    found = [one for document in documents if (one := _one(document)) is not None]
    if len(found) < 2:
        return None
    values = np.array([one[0] for one in found])
    n = len(values)
    quantile = _FEW.get(n - 1) or student_t(n - 1)
    half = quantile * float(values.std(ddof=1)) * math.sqrt(1 + 1 / n)
    means = [float(np.mean([one[i] for one in found])) for i in range(5)]
    return Prediction(means[0], means[0] - half, means[0] + half, n, *means[1:])


@dataclass(frozen=True)
class Tested:
    """A prediction against what was measured then; `error` is a share of what was measured."""

    prediction: Prediction
    measured_ns: float
    error: float

    @property
    def is_confirmed(self) -> bool:
        return self.prediction.low <= self.measured_ns <= self.prediction.high


def test_against(prediction: Prediction, documents: Sequence[Document]) -> Tested | None:
    """Against traced pinned runs; None without any."""
    if not documents:
        return None
    measured = float(np.median([doc.ns_per_unit(document) for document in documents]))
    return Tested(prediction, measured, prediction.ns / measured - 1)
