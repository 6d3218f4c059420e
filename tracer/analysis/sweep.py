"""A sweep: time per unit at each point, and where the order of threads and async changes."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis.run import reader
from tracer.analysis.statistics.intervals import Interval, Ratio, median_interval, paired_ratio
from tracer.model.trial import Outcome

#: The swept values at one point, by name.
Setting = Mapping[str, int | str]


@dataclass(frozen=True)
class SweepPoint:
    """One workload line at one setting: ns per unit with its interval, and by block.

    `left_out` are blocks that met a busy host: the figures are not of them. `wall` are the wall
    ledger's lines of its traced runs, means, ns per unit; empty without any.
    """

    line: str
    setting: Setting
    ns: Interval
    blocks: Mapping[int, float]
    wall: Mapping[str, float]
    in_python: bool = False
    left_out: frozenset[int] = frozenset()

    @property
    def used(self) -> dict[int, float]:
        """ns per unit of the blocks that the figures are of."""
        return {block: ns for block, ns in self.blocks.items() if block not in self.left_out}

    @property
    def largest_part(self) -> tuple[str, float] | None:
        """The line of the wall ledger that takes most of the time, and its share; None untraced."""
        if not self.wall:
            return None
        name = max(self.wall, key=lambda line: self.wall[line])
        return name, self.wall[name] / max(sum(self.wall.values()), 1e-9)


@dataclass(frozen=True)
class Crossing:
    """Where the order of lines `a` and `b` changes along the numbers of `name`, with the other
    swept values at `rest`.

    `ratios` is a/b at each number. `between` are the two neighbouring numbers of the first change
    that both intervals support; None: nowhere in range, or not `judged`, since the host was busy.
    """

    a: str
    b: str
    name: str
    rest: Setting
    ratios: Mapping[int, Ratio]
    between: tuple[int, int] | None
    judged: bool = True


def sweep_points(
    outcomes: Sequence[Outcome],
    cells: Mapping[str, tuple[str, Setting]],
    in_python: Collection[str] = (),
    left_out: frozenset[int] = frozenset(),
) -> list[SweepPoint]:
    """What was measured so far; `cells` gives line and setting by the condition's label, and
    `in_python` the labels of what ran in Python. The figures are not of blocks
    `left_out`."""
    points = []
    for label, (line, setting) in cells.items():
        own = [outcome for outcome in outcomes if outcome.trial.condition == label]
        blocks = {o.trial.block: o.ns_per_unit for o in own if not o.trial.traced}
        used = [ns for block, ns in blocks.items() if block not in left_out]
        if not used:
            continue
        traced = [o for o in own if o.trial.traced and o.trial.block not in left_out]
        documents = [o.report for o in traced if o.report is not None]
        wall = _means([reader.wall_lines(document) for document in documents])
        ns = median_interval(used)
        points.append(SweepPoint(line, setting, ns, blocks, wall, label in in_python, left_out))
    return points


def _means(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Column by column: means keep the sum of a row, as medians do not. Empty without rows."""
    if not rows:
        return {}
    return {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}


def crossings(
    points: Sequence[SweepPoint],
    pairs: Sequence[tuple[str, str]],
    name: str,
    *,
    judged: bool = True,
) -> list[Crossing]:
    """For each pair of lines and each setting of the other values, along the numbers of `name`."""
    rests: list[Setting] = []
    for point in points:
        rest = {key: value for key, value in point.setting.items() if key != name}
        if rest not in rests:
            rests.append(rest)
    ratios_of = [
        (a, b, rest, _ratios(points, (a, b), name, rest)) for a, b in pairs for rest in rests
    ]
    return [
        Crossing(a, b, name, rest, ratios, _between(ratios) if judged else None, judged)
        for a, b, rest, ratios in ratios_of
        if len(ratios) > 1
    ]


def every_crossing(
    points: Sequence[SweepPoint],
    lines: Sequence[str],
    names: Iterable[str],
    *,
    judged: bool = True,
) -> list[Crossing]:
    """Of each line with each other one, along the numbers of each name."""
    pairs = list(itertools.combinations(lines, 2))
    return [one for name in names for one in crossings(points, pairs, name, judged=judged)]


def _ratios(
    points: Sequence[SweepPoint], pair: tuple[str, str], name: str, rest: Setting
) -> dict[int, Ratio]:
    """One line against the other at each number of `name`, over the blocks that both have."""
    first, second = (_blocks_by_number(points, line, name, rest) for line in pair)
    ratios = {}
    for number in sorted(first.keys() & second.keys()):
        a, b = first[number], second[number]
        blocks = sorted(a.keys() & b.keys())
        if blocks:
            ratios[number] = paired_ratio([a[n] for n in blocks], [b[n] for n in blocks])
    return ratios


def _blocks_by_number(
    points: Sequence[SweepPoint], line: str, name: str, rest: Setting
) -> dict[int, Mapping[int, float]]:
    return {
        value: point.used
        for point in points
        if point.line == line
        and isinstance(value := point.setting.get(name), int)
        and all(point.setting[key] == rest[key] for key in rest)
    }


def _between(ratios: Mapping[int, Ratio]) -> tuple[int, int] | None:
    """The last number with one order and the first with the other. Numbers whose interval holds 1
    have no order."""
    before: tuple[int, bool] | None = None
    for number, ratio in ratios.items():
        if not ratio.differs:
            continue
        is_slower = ratio.median > 1
        if before is not None and before[1] != is_slower:
            return before[0], number
        before = number, is_slower
    return None
