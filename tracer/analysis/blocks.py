"""The outcomes of an experiment by condition and block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracer.analysis.run.document import Document
from tracer.analysis.statistics.intervals import Interval, Ratio, median_interval, paired_ratio
from tracer.model.trial import Outcome


class Blocks:
    """Outcomes by label and block, untraced times and traced documents."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self._times: dict[str, dict[int, Outcome]] = {}
        self._documents: dict[str, list[Document]] = {}
        for outcome in outcomes:
            label = outcome.trial.condition
            if outcome.trial.traced:
                if outcome.report is not None:
                    self._documents.setdefault(label, []).append(outcome.report)
            else:
                self._times.setdefault(label, {})[outcome.trial.block] = outcome

    @property
    def labels(self) -> list[str]:
        return list(self._times)

    def outcomes(self, label: str) -> list[Outcome]:
        return list(self._times[label].values())

    def documents(self, label: str) -> list[Document]:
        return self._documents.get(label, [])

    def interval(self, label: str) -> Interval | None:
        """ns per unit."""
        if label not in self._times:
            return None
        return median_interval([o.ns_per_unit for o in self._times[label].values()])

    def combined(self, first: str, second: str, of: Callable[[float, float], float]
                 ) -> Interval | None:  # fmt: skip
        """`of` of the two times of each block that has both."""
        a, b = self._times.get(first, {}), self._times.get(second, {})
        blocks = sorted(a.keys() & b.keys())
        if not blocks:
            return None
        return median_interval([of(a[n].ns_per_unit, b[n].ns_per_unit) for n in blocks])

    def ratio(self, first: str, second: str) -> Ratio | None:
        """`first` against `second` over the blocks that have both."""
        a, b = self._times.get(first, {}), self._times.get(second, {})
        blocks = sorted(a.keys() & b.keys())
        if not blocks:
            return None
        return paired_ratio([a[n].ns_per_unit for n in blocks], [b[n].ns_per_unit for n in blocks])
