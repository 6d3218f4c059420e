"""The outcomes of an experiment by condition and block."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tracer.analysis.run.reader import Document
from tracer.analysis.statistics.intervals import (
    Interval,
    Ratio,
    median_interval,
    paired_ratio,
    share_interval,
)
from tracer.model.trial import Outcome


class Blocks:
    """Untraced times and traced documents by label; a label without runs has none of either."""

    def __init__(self, outcomes: Sequence[Outcome]) -> None:
        self._untraced: dict[str, dict[int, Outcome]] = {}
        self._documents: dict[str, list[Document]] = {}
        for outcome in outcomes:
            label = outcome.trial.condition
            if outcome.trial.traced:
                if outcome.report is not None:
                    self._documents.setdefault(label, []).append(outcome.report)
            else:
                self._untraced.setdefault(label, {})[outcome.trial.block] = outcome

    @property
    def labels(self) -> list[str]:
        """Labels with an untraced run, in the order of their first."""
        return list(self._untraced)

    @property
    def fewest(self) -> int:
        """The number of untraced runs of the label that has fewest."""
        return min(map(len, self._untraced.values()), default=0)

    def untraced(self, label: str) -> dict[int, Outcome]:
        """The untraced run of each block by the block's number."""
        return self._untraced.get(label, {})

    def documents(self, label: str) -> list[Document]:
        """The documents of the traced runs."""
        return self._documents.get(label, [])

    def interval(self, label: str) -> Interval | None:
        """ns per unit, untraced."""
        outcomes = self.untraced(label).values()
        return median_interval([o.ns_per_unit for o in outcomes]) if outcomes else None

    def paired(self, first: str, second: str) -> list[tuple[Outcome, Outcome]]:
        """The untraced runs of both labels, of each block that has both."""
        a, b = self.untraced(first), self.untraced(second)
        return [(a[block], b[block]) for block in sorted(a.keys() & b.keys())]

    def combined(self, first: str, second: str, of: Callable[[float, float], float]
                 ) -> Interval | None:  # fmt: skip
        """`of` the two times of each block, ns per unit; None without a block that has both."""
        pairs = self.paired(first, second)
        return (
            median_interval([of(a.ns_per_unit, b.ns_per_unit) for a, b in pairs]) if pairs else None
        )

    def difference(self, first: str, second: str) -> Interval | None:
        """`first` less `second`, block by block, ns per unit."""
        return self.combined(first, second, lambda a, b: a - b)

    def saved(self, slower: str, faster: str) -> Interval | None:
        """What `faster` saves of the median time of `slower`, ns per unit, from the ratio of the
        two block by block; below zero only where the ratio does not tell which is slower."""
        ratio, whole = self.ratio(slower, faster), self.interval(slower)
        if ratio is None or whole is None:
            return None
        parts = [(1 - 1 / value) * whole.median for value in (ratio.median, ratio.low, ratio.high)]
        return Interval(*parts)

    def on_cpu_difference(self, first: str, second: str) -> Interval | None:
        """`first` less `second` in the CPU time that the kernel charged to them (rusage), ns per
        unit: without what others took of the CPU. None too where a run's CPU time is not known."""
        pairs = [(_on_cpu_ns(a), _on_cpu_ns(b)) for a, b in self.paired(first, second)]
        known = [a - b for a, b in pairs if a is not None and b is not None]
        return median_interval(known) if known and len(known) == len(pairs) else None

    def ratio(self, first: str, second: str) -> Ratio | None:
        """`first` against `second`, block by block."""
        pairs = self.paired(first, second)
        if not pairs:
            return None
        return paired_ratio([a.ns_per_unit for a, _ in pairs], [b.ns_per_unit for _, b in pairs])

    def share(self, part: tuple[str, str], whole: tuple[str, str]) -> Interval | None:
        """The first label of `part` less its second, as a share of the same of `whole`, over the
        blocks that have all four; None when the whole is not above zero."""
        runs = [self.untraced(label) for label in (*part, *whole)]
        numbers = sorted(set.intersection(*(set(by_block) for by_block in runs)))
        a, b, c, d = ([by_block[n].ns_per_unit for n in numbers] for by_block in runs)
        return share_interval(np.subtract(a, b), np.subtract(c, d))


def _on_cpu_ns(outcome: Outcome) -> float | None:
    """CPU time per unit."""
    usage = outcome.result.get("rusage")
    if not usage:
        return None
    return float(usage["user_ns"] + usage["system_ns"]) / float(outcome.result["units"])
