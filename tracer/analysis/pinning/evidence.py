"""What the runs of the pinning experiment show: the gap, what each condition recovers of it, and
measurements of traced runs. What was not run or not measured is None, never zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import numpy as np

from tracer.analysis.blocks import Blocks
from tracer.analysis.pinning.conditions import FREE, PINNED
from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document
from tracer.analysis.statistics.intervals import (
    FEWEST_FOR_VERDICT,
    Interval,
    Ratio,
    median_interval,
    share_interval,
)
from tracer.model.trial import Outcome

#: A smaller relative difference between the placements is no gap to explain.
SMALLEST_GAP = 0.05

#: Reads one number from a traced run's document, None where its probe was off.
Reading = Callable[[Document], float | None]


class Evidence:
    """Outcomes of the experiment by condition.

    `one_address_space`: the base workload's tasks are threads of one process. `unit`: what its
    unit of work is called. Outcomes of negative blocks, which came before the experiment, are
    left out. `host`: its fingerprint. `same_cpu_ns`: what a wake-up on the same CPU costs by the
    host's calibration, for runs in which none was seen.
    """

    def __init__(
        self,
        outcomes: Sequence[Outcome],
        one_address_space: bool = True,
        unit: str = "unit",
        host: Mapping[str, str] | None = None,
        same_cpu_ns: float | None = None,
    ) -> None:
        self.blocks = Blocks([o for o in outcomes if o.trial.block >= 0])
        self.one_address_space = one_address_space
        self.unit = unit
        self.host = host or {}
        self.same_cpu_ns = same_cpu_ns

    @property
    def has_few_blocks(self) -> bool:
        """Too few for a verdict: whatever they show was seen once."""
        return self.blocks.fewest < FEWEST_FOR_VERDICT

    # ---- the gap ----

    @cached_property
    def ratio(self) -> Ratio | None:
        """Unpinned against pinned, untraced."""
        return self.blocks.ratio(FREE, PINNED)

    @cached_property
    def has_gap(self) -> bool:
        """Free to move is slower than pinned, beyond noise, which a single block cannot show."""
        ratio = self.ratio
        if ratio is None or ratio.blocks < 2:
            return False
        return ratio.low > 1 and ratio.median > 1 + SMALLEST_GAP

    @cached_property
    def is_reversed(self) -> bool:
        """Pinned is slower than free to move, beyond noise."""
        ratio = self.ratio
        if ratio is None or ratio.blocks < 2:
            return False
        return ratio.high < 1 and 1 / ratio.median > 1 + SMALLEST_GAP

    def ns(self, label: str) -> Interval | None:
        """ns per unit, untraced."""
        return self.blocks.interval(label)

    def recovered(self, label: str) -> Interval | None:
        """The share of the gap that is gone in this condition, over blocks that have all three."""
        runs = [self.blocks.untraced(name) for name in (FREE, PINNED, label)]
        blocks = sorted(set.intersection(*map(set, runs)))
        free, pinned, changed = ([side[n].ns_per_unit for n in blocks] for side in runs)
        return share_interval(np.subtract(free, changed), np.subtract(free, pinned))

    # ---- untraced runs ----

    def untraced(self, label: str) -> Sequence[Outcome]:
        return list(self.blocks.untraced(label).values())

    def around(self, label: str, of: Callable[[Outcome], float]) -> Interval | None:
        """`of` over the untraced runs of a condition."""
        values = [of(outcome) for outcome in self.untraced(label)]
        return median_interval(values) if values else None

    def paired(self, of: Callable[[Outcome, Outcome], float]) -> Interval | None:
        """`of` the unpinned and the pinned run of each block, as a share of the gap."""
        pairs = self.blocks.paired(FREE, PINNED)
        gaps = [a.ns_per_unit - b.ns_per_unit for a, b in pairs]
        return share_interval([of(a, b) for a, b in pairs], gaps)

    # ---- traced runs ----

    def documents(self, label: str) -> Sequence[Document]:
        return self.blocks.documents(label)

    def measured(self, label: str, of: Reading) -> Interval | None:
        """`of` over the traced runs of a condition; None where it is None in any of them."""
        values = [of(document) for document in self.documents(label)]
        known = [value for value in values if value is not None]
        return median_interval(known) if known and len(known) == len(values) else None

    def share_of_gap(self, of: Reading) -> Interval | None:
        """By how much `of` (ns per unit) is larger unpinned than pinned, as a share of the traced
        gap between them; None where it is None in any run."""
        pairs = list(zip(self.documents(FREE), self.documents(PINNED), strict=False))
        values = [(of(free), of(pinned)) for free, pinned in pairs]
        excess = [a - b for a, b in values if a is not None and b is not None]
        if len(excess) < len(pairs):
            return None
        gaps = [reader.ns_per_unit(free) - reader.ns_per_unit(pinned) for free, pinned in pairs]
        return share_interval(excess, gaps)


# ---- readings that take a name ----


def count_of(name: str) -> Reading:
    """One of `reader.counts`, per unit."""
    return lambda document: reader.counts(document).get(name)


def line_of(name: str) -> Reading:
    """A line of the wall ledger, ns per unit."""
    return lambda document: reader.wall_lines(document)[name]


def idle_part(*names: str) -> Reading:
    """Parts of the path's wake-ups onto sleeping CPUs, ns per unit."""
    return lambda document: reader.idle_path_ns(document, *names)
