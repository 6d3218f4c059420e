"""A against B: the ratio, how far to trust it, and which lines of the wall ledger, and which
functions, make the gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.quiet import share_of
from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document
from tracer.analysis.statistics.intervals import (
    INTERVAL_VALUES,
    Interval,
    Ratio,
    paired_ratio,
    student_t,
)
from tracer.analysis.statistics.modes import Modes, find_modes
from tracer.model.trial import Outcome
from tracer.model.words import LINES

#: A block whose spins differ by more than this ran on a host that changed its speed.
DRIFT = 0.05


@dataclass(frozen=True)
class LedgerLine:
    """One line of the wall ledger, or a function of the program: ns per unit in A and B (means over
    blocks), the mean difference with its 95 % interval, and its share of the gap (None when there
    is no gap)."""

    name: str
    a_ns: float
    b_ns: float
    difference: Interval
    share: float | None


@dataclass(frozen=True)
class CountRow:
    """Something counted, per unit, medians over blocks; None where it was not counted."""

    name: str
    a: float | None
    b: float | None


@dataclass(frozen=True)
class Comparison:
    """A against B.

    `ratio` is over all blocks, `clean` over those without drift (None when no block drifted, or
    all). `noise` is A against A. Shares: `drift` is the largest change of the fixed spin within a
    block; `steal` and `others` are the host's and other processes' parts of all CPU time.
    `functions`: the path by function of the program; empty unless both have that.
    """

    a: str
    b: str
    unit: str
    a_ns: float
    b_ns: float
    ratio: Ratio
    clean: Ratio | None
    noise: Ratio | None
    drifted: Sequence[int]
    drift: float
    steal: float
    others: float
    modes: Mapping[str, Modes]
    traced_ratio: Ratio | None
    lines: Sequence[LedgerLine]
    counts: Sequence[CountRow]
    judged: bool = True
    functions: Sequence[LedgerLine] = ()

    @property
    def differs(self) -> bool:
        """It may be judged, there are enough blocks, the interval excludes 1, and the ratio is
        further from 1 than both ends of the interval of A against A."""
        if not (self.judged and self.ratio.is_enough and self.ratio.differs):
            return False
        if self.noise is None:
            return True
        reach = max(abs(np.log(self.noise.low)), abs(np.log(self.noise.high)))
        return bool(abs(np.log(self.ratio.median)) > reach)


class _Side:
    """The outcomes of A or of B by block."""

    def __init__(self, outcomes: Sequence[Outcome], label: str) -> None:
        own = [outcome for outcome in outcomes if outcome.trial.condition == label]
        untraced = [o for o in own if not o.trial.traced]
        self.untraced = {o.trial.block: o for o in untraced if not o.trial.twin}
        #: The second untraced run of a block.
        self.twin = {o.trial.block: o for o in untraced if o.trial.twin}
        self.traced = {o.trial.block: o for o in own if o.trial.traced}

    @property
    def times_ns(self) -> list[float]:
        return [outcome.ns_per_unit for outcome in self.untraced.values()]


def _ratio(
    a: Mapping[int, Outcome], b: Mapping[int, Outcome], without: Sequence[int] = ()
) -> Ratio | None:
    """Over the blocks that both have; None when none is left."""
    blocks = [n for n in sorted(a.keys() & b.keys()) if n not in without]
    if not blocks:
        return None
    return paired_ratio([a[n].ns_per_unit for n in blocks], [b[n].ns_per_unit for n in blocks])


def drift_by_block(outcomes: Sequence[Outcome]) -> dict[int, float]:
    """How much the time of the fixed spin varied within each block, as a share of its shortest."""
    spins: dict[int, list[int]] = {}
    for outcome in outcomes:
        around = outcome.surroundings
        spins.setdefault(outcome.trial.block, []).extend(
            (around.spin_before_ns, around.spin_after_ns)
        )
    return {block: max(times) / min(times) - 1 for block, times in spins.items()}


def _mean_interval(values: Sequence[float]) -> Interval:
    """Mean with Student's 95 % interval, or the extremes of fewer than 5 values. Means of lines sum
    to the mean of their sum, as medians do not."""
    data = np.array(values)
    mean = float(data.mean())
    if len(data) < INTERVAL_VALUES:
        return Interval(mean, float(data.min()), float(data.max()))
    half = student_t(len(data) - 1) * float(data.std(ddof=1)) / len(data) ** 0.5
    return Interval(mean, mean - half, mean + half)


def ledger_lines(pairs: Sequence[tuple[Document, Document]], gap: bool) -> list[LedgerLine]:
    """The lines of both ledgers over blocks; with a `gap`, the line with most of it first. Time on
    a CPU is one line where a run of them did not see all system calls."""
    split = all(reader.is_split(document) for pair in pairs for document in pair)
    a, b = ([reader.wall_lines(pair[side], split=split) for pair in pairs] for side in (0, 1))
    gap_ns = sum(sum(x.values()) - sum(y.values()) for x, y in zip(a, b, strict=True)) / len(pairs)
    lines = []
    for name in LINES if split else a[0]:
        difference = _mean_interval([x[name] - y[name] for x, y in zip(a, b, strict=True)])
        lines.append(
            LedgerLine(
                name,
                a_ns=float(np.mean([x[name] for x in a])),
                b_ns=float(np.mean([y[name] for y in b])),
                difference=difference,
                share=difference.median / gap_ns if gap and gap_ns else None,
            )
        )
    return sorted(lines, key=lambda line: -(line.share or 0) if gap else -abs(line.a_ns))


def function_lines(pairs: Sequence[tuple[Document, Document]], gap: bool) -> list[LedgerLine]:
    """The path of both by function, largest difference first; the differences sum to that of the
    ledgers. Empty where a run's stacks were not sampled."""
    times = [[reader.function_times(document) for document in pair] for pair in pairs]
    known = [(a, b) for a, b in times if a is not None and b is not None]
    if not known or len(known) < len(pairs):
        return []
    gap_ns = sum(sum(a.values()) - sum(b.values()) for a, b in known) / len(known)
    lines = []
    for name in {name: None for pair in known for side in pair for name in side}:
        a_ns, b_ns = ([pair[side].get(name, 0.0) for pair in known] for side in (0, 1))
        difference = _mean_interval([x - y for x, y in zip(a_ns, b_ns, strict=True)])
        share = difference.median / gap_ns if gap and gap_ns else None
        means = float(np.mean(a_ns)), float(np.mean(b_ns))
        lines.append(LedgerLine(name, *means, difference, share))
    return sorted(lines, key=lambda line: -abs(line.difference.median))


def count_rows(pairs: Sequence[tuple[Document, Document]]) -> list[CountRow]:
    """Counts per unit, those that at least one side has."""
    a = [reader.counts(first) for first, _ in pairs]
    b = [reader.counts(second) for _, second in pairs]
    rows = [CountRow(name, _median_of(a, name), _median_of(b, name)) for name in a[0]]
    return [row for row in rows if row.a is not None or row.b is not None]


def _median_of(counts: Sequence[Mapping[str, float | None]], name: str) -> float | None:
    values = [value for row in counts if (value := row[name]) is not None]
    return float(np.median(values)) if values else None


def compare(
    outcomes: Sequence[Outcome], a: str, b: str, unit: str, *, judged: bool = True
) -> Comparison | None:
    """Everything about A against B, which are labels; None while no block has both.

    Where it is not to be `judged`, since the host was busy, the figures are there without a claim.
    """
    side_a, side_b = _Side(outcomes, a), _Side(outcomes, b)
    ratio = _ratio(side_a.untraced, side_b.untraced)
    if ratio is None:
        return None
    drift = drift_by_block(outcomes)
    drifted = [block for block, share in sorted(drift.items()) if share > DRIFT]
    clean = _ratio(side_a.untraced, side_b.untraced, drifted) if drifted else None
    load = share_of([outcome.surroundings for outcome in outcomes])
    traced_ratio = _ratio(side_a.traced, side_b.traced)
    pairs = _documents(side_a, side_b)
    has_gap = traced_ratio is not None and traced_ratio.differs
    return Comparison(
        a=a,
        b=b,
        unit=unit,
        a_ns=float(np.median(side_a.times_ns)),
        b_ns=float(np.median(side_b.times_ns)),
        ratio=ratio,
        clean=clean,
        noise=_ratio(side_a.untraced, side_a.twin),
        drifted=drifted,
        drift=max(drift.values()),
        steal=load.steal,
        others=load.others,
        modes={
            label: modes
            for label, side in ((a, side_a), (b, side_b))
            if (modes := find_modes(side.times_ns)) is not None
        },
        traced_ratio=traced_ratio,
        lines=ledger_lines(pairs, has_gap) if pairs else [],
        counts=count_rows(pairs) if pairs else [],
        judged=judged,
        functions=function_lines(pairs, has_gap),
    )


def _documents(a: _Side, b: _Side) -> list[tuple[Document, Document]]:
    """The traced runs' documents of the blocks that have both."""
    blocks = sorted(a.traced.keys() & b.traced.keys())
    return [(a.traced[n].report or {}, b.traced[n].report or {}) for n in blocks]


def compare_documents(a: Document, b: Document, names: tuple[str, str]) -> Comparison:
    """Two saved reports of one run each: their ledgers side by side, without a claim."""
    a_ns, b_ns = reader.ns_per_unit(a), reader.ns_per_unit(b)
    return Comparison(
        a=names[0],
        b=names[1],
        unit=a["result"]["unit"],
        a_ns=a_ns,
        b_ns=b_ns,
        ratio=paired_ratio([a_ns], [b_ns]),
        clean=None,
        noise=None,
        drifted=[],
        drift=0.0,
        steal=max(reader.steal_share(a), reader.steal_share(b)),
        others=max(reader.others_share(a), reader.others_share(b)),
        modes={},
        traced_ratio=None,
        lines=ledger_lines([(a, b)], gap=True),
        counts=count_rows([(a, b)]),
        functions=function_lines([(a, b)], gap=True),
    )
