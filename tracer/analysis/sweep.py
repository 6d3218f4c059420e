"""A sweep: time per unit at each point, and where the order of threads and async changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis.run import document as doc
from tracer.analysis.statistics.intervals import Interval, Ratio, median_interval, paired_ratio
from tracer.model.trial import Outcome

Point = Mapping[str, int | str]


@dataclass(frozen=True)
class Spot:
    """One workload line at one point: ns per unit with its interval, over blocks by number.

    `wall` are the wall ledger's lines of its traced run, ns per unit; empty without one.
    """

    line: str
    point: Point
    ns: Interval
    blocks: Mapping[int, float]
    wall: Mapping[str, float]


@dataclass(frozen=True)
class Crossing:
    """Where the order of lines `a` and `b` changes along `name`, the other values at `rest`.

    `ratios` is a/b at each value, with its interval. `between` are the two neighbouring values of
    the first change that both intervals support; None: nowhere in range.
    """

    a: str
    b: str
    name: str
    rest: Point
    ratios: Mapping[int, Ratio]
    between: tuple[int, int] | None


def spots(outcomes: Sequence[Outcome], cells: Mapping[str, tuple[str, Point]]) -> list[Spot]:
    """What was measured so far; `cells` gives line and point by the condition's label."""
    found = []
    for label, (line, point) in cells.items():
        own = [o for o in outcomes if o.trial.condition == label]
        blocks = {o.trial.block: o.ns_per_unit for o in own if not o.trial.traced}
        if not blocks:
            continue
        traced = [o.report for o in own if o.trial.traced and o.report is not None]
        wall = _mean([doc.wall_lines(report) for report in traced])
        found.append(Spot(line, point, median_interval(list(blocks.values())), blocks, wall))
    return found


def _mean(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Means keep the lines' sum, as medians would not."""
    return {name: sum(p[name] for p in parts) / len(parts) for name in (parts[0] if parts else {})}


def crossings(found: Sequence[Spot], pairs: Sequence[tuple[str, str]], name: str) -> list[Crossing]:
    """For each pair of lines and each setting of the other values, along the numbers of `name`."""
    crossed = []
    rests: list[dict[str, int | str]] = []
    for spot in found:
        rest = {key: value for key, value in spot.point.items() if key != name}
        if rest not in rests:
            rests.append(rest)
    for a, b in pairs:
        for rest in rests:
            ratios = _ratios(found, (a, b), name, rest)
            if len(ratios) > 1:
                crossed.append(Crossing(a, b, name, rest, ratios, _between(ratios)))
    return crossed


def _ratios(
    found: Sequence[Spot], pair: tuple[str, str], name: str, rest: Point
) -> dict[int, Ratio]:
    sides: list[dict[int, Mapping[int, float]]] = [{}, {}]
    for spot in found:
        value = spot.point.get(name)
        if isinstance(value, int) and all(spot.point[key] == rest[key] for key in rest):
            for side, line in zip(sides, pair, strict=True):
                if spot.line == line:
                    side[value] = spot.blocks
    ratios = {}
    for value in sorted(sides[0].keys() & sides[1].keys()):
        first, second = sides[0][value], sides[1][value]
        blocks = sorted(first.keys() & second.keys())
        if blocks:
            ratios[value] = paired_ratio([first[n] for n in blocks], [second[n] for n in blocks])
    return ratios


def _between(ratios: Mapping[int, Ratio]) -> tuple[int, int] | None:
    """The last value with one order and the first with the other. Values whose interval holds 1
    have no order."""
    before: tuple[int, bool] | None = None
    for value, ratio in ratios.items():
        if not ratio.differs:
            continue
        is_slower = ratio.median > 1
        if before is not None and before[1] != is_slower:
            return before[0], value
        before = value, is_slower
    return None
