"""The report of a comparison: the answer in words, the ratio and its trust, what makes the gap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tracer.analysis.compare import DRIFT, Comparison, LedgerLine
from tracer.analysis.quiet import BUSY, QUIET, Load
from tracer.analysis.statistics.intervals import Interval, Ratio
from tracer.analysis.statistics.wording import interval_name, ratio_text
from tracer.model.words import COMPARED_LINES, in_prose
from tracer.report.layout import WIDTH, cut, page, table
from tracer.report.load import document as load_data
from tracer.report.load import lines
from tracer.report.names import short_name
from tracer.units import counted, duration, microseconds, percent, plain, rate

SCHEMA = "tracer.compare/1"
#: A line that makes less than this share of the gap is not named in the answer.
_NAMED = 0.2
#: Less than this is shown as 0.
_SMALLEST_NS = 5.0
#: Above this share of all CPUs' time, other processes or steal hide small differences.
_NOISE = 0.05
#: So many functions are shown, and so many columns of their names at least; --json has all.
_MOST_FUNCTIONS, _LEAST_NAME = 10, 24


def ratio_line(comparison: Comparison, names: tuple[str, str]) -> str:
    """`A / B = 2.19x [2.02, 2.37]  12 blocks, 12 slower, p 0.0005, A/A ...` and so on."""
    ratio = comparison.ratio
    both, blocks = f"{names[0]} / {names[1]}", counted(ratio.blocks, "block")
    if ratio.blocks < 2:
        return f"{both} = {ratio.median:.2f}x  {blocks}"
    parts = [blocks, f"{ratio.slower} slower", f"p {_p(ratio.p)}"]
    noise = comparison.noise
    if noise is not None:
        parts.append(f"A/A {noise.median:.2f} [{noise.low:.2f}, {noise.high:.2f}]")
    parts += [f"drift {100 * comparison.drift:.0f} %", f"steal {percent(comparison.steal)}"]
    return f"{both} = {ratio_text(ratio)}  {', '.join(parts)}"


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 0.0001 else "<0.0001"


def in_words(comparison: Comparison) -> str:
    """One sentence: is there a difference, and which lines of the ledger make it."""
    ratio = comparison.ratio
    if not comparison.judged:
        return f"no verdict: {BUSY}."
    if not ratio.is_enough:
        return (
            f"not enough runs to tell: {counted(ratio.blocks, 'block')},"
            f" {ratio.blocks_needed()} would do (--rounds)."
        )
    if not comparison.differs:
        return f"no difference beyond noise: {ratio_text(ratio)}."
    slower, faster, factor = "A", "B", ratio.median
    if factor < 1:
        slower, faster, factor = "B", "A", 1 / factor
    parts = [
        f"{100 * line.share:.0f} % of the gap is: {in_prose(line.name)}"
        for line in comparison.lines
        if line.share is not None and line.share >= _NAMED
    ]
    reason = f"; {' and '.join(parts[:2])}" if parts else ""
    return f"{slower} takes {factor:.2f} times as long as {faster}{reason}."


def _ledgers(comparison: Comparison, width: int) -> list[str]:
    lines = comparison.lines
    if not lines:
        return []
    has_intervals, traced = comparison.ratio.blocks > 1, comparison.traced_ratio
    a_ns, b_ns = sum(line.a_ns for line in lines), sum(line.b_ns for line in lines)
    unit = _Unit.of(max(abs(a_ns), abs(b_ns)))
    rows = [_row(line, COMPARED_LINES[line.name], has_intervals, unit) for line in lines]
    rows.append(["sum", *map(unit.amount, (a_ns, b_ns, a_ns - b_ns)), ""])
    columns = [f"{unit.name} per {comparison.unit}", "A", "B", "A - B"]
    if has_intervals:
        columns.append(interval_name(traced.blocks if traced else 1))
        rows[-1].append("")
    columns.append("of the gap")
    there = f", A / B = {ratio_text(traced)} there" if traced else ""
    means = "means of the traced runs" if has_intervals else "one run each"
    return [f"Where the time went ({means}{there})", *table(rows, columns, 1, width)]


def _functions(comparison: Comparison, width: int) -> list[str]:
    """Where in the program the difference is; nothing where stacks were not sampled."""
    lines = comparison.functions
    if not lines:
        return []
    has_intervals, traced = comparison.ratio.blocks > 1, comparison.traced_ratio
    shown, rest = lines[:_MOST_FUNCTIONS], lines[_MOST_FUNCTIONS:]
    room = max(width - 60, _LEAST_NAME)
    unit = _Unit.of(max(sum(line.a_ns for line in lines), sum(line.b_ns for line in lines)))
    rows = [_row(line, _name(plain(line.name), room), has_intervals, unit) for line in shown]
    for label, some in ((counted(len(rest), "other"), rest), ("sum", lines)):
        if some:
            a_ns, b_ns = sum(line.a_ns for line in some), sum(line.b_ns for line in some)
            empty = [""] * (2 if has_intervals else 1)
            rows.append([label, *map(unit.amount, (a_ns, b_ns, a_ns - b_ns)), *empty])
    interval = [interval_name(traced.blocks if traced else 1)] if has_intervals else []
    columns = [f"{unit.name} per {comparison.unit}", "A", "B", "A - B", *interval, "of the gap"]
    return ["Where in the program that was", *table(rows, columns, 1, width)]


def folded_functions(comparison: Comparison) -> str:
    """A line a function: its name, then ns per unit in A and in B, as difffolded.pl writes them."""
    return "".join(
        f"{plain(line.name).replace(';', ':')} {max(round(line.a_ns), 0)}"
        f" {max(round(line.b_ns), 0)}\n"
        for line in comparison.functions
    )


def _name(name: str, room: int) -> str:
    return name if len(name) <= room else cut(short_name(name), room)


@dataclass(frozen=True)
class _Unit:
    """What the times of a table are shown in: us, or more where the longest needs it."""

    name: str
    divisor: float

    @classmethod
    def of(cls, longest_ns: float) -> _Unit:
        for name, divisor in (("us", 1e3), ("ms", 1e6)):
            if longest_ns < 999.5 * divisor:
                return cls(name, divisor)
        return cls("s", 1e9)

    def amount(self, ns: float) -> str:
        return microseconds(1e3 * ns / self.divisor)

    def bounds(self, ns: Interval) -> str:
        return f"[{self.amount(ns.low)}, {self.amount(ns.high)}]"


def _row(line: LedgerLine, label: str, has_intervals: bool, unit: _Unit) -> list[str]:
    times_ns = (line.a_ns, line.b_ns, line.a_ns - line.b_ns)
    row = [label, *(_amount(ns, unit) for ns in times_ns[:2]), unit.amount(times_ns[2])]
    if has_intervals:
        row.append(unit.bounds(line.difference))
    row.append("" if line.share is None else f"{round(100 * line.share)} %")
    return row


def _amount(ns: float, unit: _Unit) -> str:
    """A line of one ledger: its residual is below zero where time was counted twice."""
    return unit.amount(ns) if ns > -_SMALLEST_NS else f"{unit.amount(-ns)} twice"


def _counted(comparison: Comparison, width: int) -> list[str]:
    rows = [
        [row.name, *("-" if value is None else rate(value) for value in (row.a, row.b))]
        for row in comparison.counts
    ]
    return table(rows, [f"per {comparison.unit}", "A", "B"], 1, width) if rows else []


def _doubts(comparison: Comparison) -> list[str]:
    """What makes the ratio less certain: drift, two modes, other load."""
    lines = []
    if comparison.drifted:
        clean = comparison.clean
        blocks = ", ".join(str(block + 1) for block in comparison.drifted)
        without = (
            f"; without them {ratio_text(clean)}, {counted(clean.blocks, 'block')}" if clean else ""
        )
        lines.append(
            f"drifted: block {blocks} (the time of a fixed piece of work varied by over"
            f" {100 * DRIFT:.0f} %){without}"
        )
    for label, modes in comparison.modes.items():
        lines.append(
            f"{label} has two modes: {counted(modes.low_count, 'run')} about {duration(modes.low)}"
            f" and {modes.high_count} about {duration(modes.high)} per {comparison.unit}; the"
            " median hides them"
        )
    if comparison.steal > _NOISE or comparison.others > _NOISE:
        lines.append(
            f"Meanwhile  other processes used {percent(comparison.others)} of the CPUs, the host"
            f" took {percent(comparison.steal)} (steal): do not trust fine differences"
        )
    return lines


def render(
    comparison: Comparison,
    titles: Sequence[str],
    warnings: Sequence[str] = (),
    width: int = WIDTH,
    load: Load = QUIET,
) -> str:
    """The whole report; `titles` are the workload lines of A and B."""
    longest = max(map(len, titles))
    sides = zip("AB", titles, (comparison.a_ns, comparison.b_ns), strict=True)
    blocks = [
        lines(load),
        [
            f"{label}  {plain(title):<{longest}}  {duration(ns)} per {comparison.unit}"
            for label, title, ns in sides
        ],
        [
            f"In words: {in_words(comparison)}",
            ratio_line(comparison, ("A", "B")),
            *_doubts(comparison),
            *warnings,
        ],
        _ledgers(comparison, width),
        _functions(comparison, width),
        _counted(comparison, width),
    ]
    return page(blocks, width)


def document(
    comparison: Comparison,
    titles: Sequence[str],
    host: Mapping[str, str],
    warnings: Sequence[str] = (),
    in_python: tuple[bool, bool] = (False, False),
    load: Load = QUIET,
) -> dict[str, Any]:
    """The comparison as JSON data, `tracer.compare/1`; times in ns. `in_python`: A and B."""
    sides = [
        {"line": title, "ns_per_unit": round(ns), "in_python": is_python}
        for title, ns, is_python in zip(
            titles, (comparison.a_ns, comparison.b_ns), in_python, strict=True
        )
    ]
    return {
        "schema": SCHEMA,
        "host": dict(host),
        "a": sides[0],
        "b": sides[1],
        "unit": comparison.unit,
        "load": load_data(load),
        "words": in_words(comparison),
        "differs": comparison.differs,
        "ratio": _ratio(comparison.ratio),
        "ratio_without_drift": _ratio(comparison.clean),
        "noise_floor": _ratio(comparison.noise),
        "traced_ratio": _ratio(comparison.traced_ratio),
        "blocks_needed": comparison.ratio.blocks_needed(),
        "drifted_blocks": list(comparison.drifted),
        "drift": comparison.drift,
        "steal": comparison.steal,
        "other_processes": comparison.others,
        "modes": {label: asdict(modes) for label, modes in comparison.modes.items()},
        "lines": [_line(line) for line in comparison.lines],
        "functions": [_line(line) for line in comparison.functions],
        "per_unit": {row.name: {"a": row.a, "b": row.b} for row in comparison.counts},
        "warnings": list(warnings),
    }


def _ratio(ratio: Ratio | None) -> dict[str, Any] | None:
    return None if ratio is None else {**asdict(ratio), "enough": ratio.is_enough}


def _line(line: LedgerLine) -> dict[str, Any]:
    return {
        "name": line.name,
        "a_ns": round(line.a_ns),
        "b_ns": round(line.b_ns),
        "difference_ns": {name: round(ns) for name, ns in asdict(line.difference).items()},
        "share": line.share,
    }
