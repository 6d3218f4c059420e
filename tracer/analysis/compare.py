"""A against B: the ratio with what it is worth, and which lines of the ledger carry the gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tracer.analysis.run import document as doc
from tracer.analysis.run.document import Document
from tracer.analysis.statistics.intervals import Interval, Ratio, paired_ratio, student_t
from tracer.analysis.statistics.modes import Modes, find_modes
from tracer.model.trial import Outcome
from tracer.model.words import LINES

#: A block whose spins differ by more than this ran on a host that changed its speed.
DRIFT = 0.05


@dataclass(frozen=True)
class Line:
    """One line of the ledger: ns per unit in A and B (means over blocks), the difference with its
    95 % interval, and its share of the gap (None when there is no gap to share)."""

    name: str
    a_ns: float
    b_ns: float
    difference: Interval
    share: float | None


@dataclass(frozen=True)
class Count:
    """Something counted, per unit, medians over blocks; None where it was not counted."""

    name: str
    a: float | None
    b: float | None


@dataclass(frozen=True)
class Comparison:
    """A against B.

    `ratio` is over all blocks, `clean` over those without drift (None when that is the same, or
    nothing is left). `noise` is A against A. `drift` and `steal` are shares, the largest spin
    change and the host's part of all CPU time; `others` is other processes' part of it.
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
    lines: Sequence[Line]
    counts: Sequence[Count]

    @property
    def differs(self) -> bool:
        """There are enough blocks, the interval leaves 1 out, and the ratio is beyond what A
        against itself gave."""
        if not (self.ratio.is_enough and self.ratio.differs):
            return False
        if self.noise is None:
            return True
        reach = max(abs(np.log(self.noise.low)), abs(np.log(self.noise.high)))
        return bool(abs(np.log(self.ratio.median)) > reach)


def _by_block(outcomes: Sequence[Outcome], label: str, traced: bool, twin: bool = False
              ) -> dict[int, Outcome]:  # fmt: skip
    return {
        o.trial.block: o
        for o in outcomes
        if o.trial.condition == label and o.trial.traced == traced and o.trial.twin == twin
    }


def _ratio(a: Mapping[int, Outcome], b: Mapping[int, Outcome], without: Sequence[int] = ()
           ) -> Ratio | None:  # fmt: skip
    blocks = [n for n in sorted(a.keys() & b.keys()) if n not in without]
    if not blocks:
        return None
    return paired_ratio([a[n].ns_per_unit for n in blocks], [b[n].ns_per_unit for n in blocks])


def drift_by_block(outcomes: Sequence[Outcome]) -> dict[int, float]:
    """How far the fixed spin moved within each block, as a share of its shortest time."""
    spins: dict[int, list[int]] = {}
    for o in outcomes:
        around = o.surroundings
        spins.setdefault(o.trial.block, []).extend((around.spin_before_ns, around.spin_after_ns))
    return {block: max(times) / min(times) - 1 for block, times in spins.items()}


def _mean_interval(values: Sequence[float]) -> Interval:
    """Mean with Student's 95 % interval: means, unlike medians, keep the lines' sum."""
    data = np.array(values)
    mean = float(data.mean())
    if len(data) < 5:
        return Interval(mean, float(data.min()), float(data.max()))
    half = student_t(len(data) - 1) * float(data.std(ddof=1)) / len(data) ** 0.5
    return Interval(mean, mean - half, mean + half)


def ledger_lines(pairs: Sequence[tuple[Document, Document]], gap: bool) -> list[Line]:
    """The lines of both ledgers over blocks, the one that carries most of the gap first."""
    a = [doc.wall_lines(first) for first, _ in pairs]
    b = [doc.wall_lines(second) for _, second in pairs]
    total = sum(sum(x.values()) - sum(y.values()) for x, y in zip(a, b, strict=True)) / len(pairs)
    found = []
    for name in LINES:
        differences = [x[name] - y[name] for x, y in zip(a, b, strict=True)]
        interval = _mean_interval(differences)
        found.append(
            Line(
                name,
                float(np.mean([x[name] for x in a])),
                float(np.mean([y[name] for y in b])),
                interval,
                interval.median / total if gap and total else None,
            )
        )
    return sorted(found, key=lambda line: -(line.share or 0) if gap else -abs(line.a_ns))


def count_rows(pairs: Sequence[tuple[Document, Document]]) -> list[Count]:
    """Counts per unit, those that either side has."""
    sides = [[doc.counts(pair[side]) for pair in pairs] for side in (0, 1)]
    found = []
    for name in sides[0][0]:
        values = [[x for row in side if (x := row[name]) is not None] for side in sides]
        a, b = (float(np.median(v)) if v else None for v in values)
        if a is not None or b is not None:
            found.append(Count(name, a, b))
    return found


def compare(outcomes: Sequence[Outcome], a: str, b: str, unit: str, cpus: int) -> Comparison | None:
    """Everything about A against B; None before the first block with both is there."""
    plain = {label: _by_block(outcomes, label, False) for label in (a, b)}
    traced = {label: _by_block(outcomes, label, True) for label in (a, b)}
    ratio = _ratio(plain[a], plain[b])
    if ratio is None:
        return None
    drift = drift_by_block(outcomes)
    drifted = [n for n, moved in sorted(drift.items()) if moved > DRIFT]
    times = [o.surroundings for o in outcomes]
    capacity = max(sum(t.wall_ns for t in times) * cpus, 1)
    twin = _by_block(outcomes, a, False, twin=True)
    blocks = sorted(traced[a].keys() & traced[b].keys())
    pairs = [(traced[a][n].report or {}, traced[b][n].report or {}) for n in blocks]
    modes = {
        label: found
        for label in (a, b)
        if (found := find_modes([o.ns_per_unit for o in plain[label].values()]))
    }
    traced_ratio = _ratio(traced[a], traced[b])
    return Comparison(
        a=a,
        b=b,
        unit=unit,
        a_ns=float(np.median([o.ns_per_unit for o in plain[a].values()])),
        b_ns=float(np.median([o.ns_per_unit for o in plain[b].values()])),
        ratio=ratio,
        clean=_ratio(plain[a], plain[b], drifted) if drifted else None,
        noise=_ratio(plain[a], twin),
        drifted=drifted,
        drift=max(drift.values()),
        steal=sum(t.steal_ns for t in times) / capacity,
        others=sum(t.others_ns for t in times) / capacity,
        modes=modes,
        traced_ratio=traced_ratio,
        lines=ledger_lines(pairs, bool(traced_ratio and traced_ratio.differs)) if pairs else [],
        counts=count_rows(pairs) if pairs else [],
    )


def compare_documents(a: Document, b: Document, names: tuple[str, str]) -> Comparison:
    """Two saved reports, one run each: the ledgers side by side, and no claim."""
    times = doc.ns_per_unit(a), doc.ns_per_unit(b)
    return Comparison(
        a=names[0],
        b=names[1],
        unit=a["result"]["unit"],
        a_ns=times[0],
        b_ns=times[1],
        ratio=paired_ratio([times[0]], [times[1]]),
        clean=None,
        noise=None,
        drifted=[],
        drift=0.0,
        steal=max(d["host"]["steal_ns"] / max(d["ledgers"]["cpu"]["total_ns"], 1) for d in (a, b)),
        others=max(
            d["ledgers"]["cpu"]["parts"]["other"] / max(d["ledgers"]["cpu"]["total_ns"], 1)
            for d in (a, b)
        ),
        modes={},
        traced_ratio=None,
        lines=ledger_lines([(a, b)], gap=True),
        counts=count_rows([(a, b)]),
    )
