"""The report of a comparison: the answer in words, the ratio with its worth, what carries it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tracer.analysis.compare import Comparison, Line
from tracer.analysis.statistics.intervals import Ratio
from tracer.model.words import LINES
from tracer.report.layout import WIDTH, fit, table
from tracer.units import duration, percent, plain, rate

SCHEMA = "tracer.compare/1"
#: A line that carries less than this of the gap is not the answer.
_CARRIES = 0.2


def ratio_line(c: Comparison, names: tuple[str, str]) -> str:
    """`A / B = 2.19x [2.02, 2.37]  12 blocks, 12 slower, p 0.0005, A/A ...` and so on."""
    r = c.ratio
    if r.blocks < 2:
        return f"{names[0]} / {names[1]} = {r.median:.2f}x  {_blocks(r)}"
    parts = [_blocks(r), f"{r.slower} slower", f"p {_p(r.p)}"]
    if c.noise is not None:
        parts.append(f"A/A {c.noise.median:.2f} [{c.noise.low:.2f}, {c.noise.high:.2f}]")
    parts += [f"drift {100 * c.drift:.0f} %", f"steal {percent(c.steal)}"]
    return f"{names[0]} / {names[1]} = {_times(r)}  {', '.join(parts)}"


def _blocks(r: Ratio) -> str:
    return f"{r.blocks} block{'' if r.blocks == 1 else 's'}"


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 0.0001 else "<0.0001"


def _times(r: Ratio) -> str:
    return f"{r.median:.2f}x [{r.low:.2f}, {r.high:.2f}]"


def in_words(c: Comparison) -> str:
    """One sentence: is there a difference, and what carries it."""
    if not c.ratio.is_enough:
        return (
            f"not enough runs to tell: {_blocks(c.ratio)},"
            f" {c.ratio.blocks_needed()} would do (--rounds)."
        )
    if not c.differs:
        return f"no difference beyond noise: {_times(c.ratio)}."
    slower, faster, factor = ("A", "B", c.ratio.median)
    if factor < 1:
        slower, faster, factor = "B", "A", 1 / factor
    text = f"{slower} takes {factor:.2f} times as long as {faster}"
    carriers = [line for line in c.lines if (line.share or 0) >= _CARRIES][:2]
    if carriers:
        named = " and ".join(
            f"{100 * (line.share or 0):.0f} % of the gap is: {LINES[line.name].lstrip('~ ')}"
            for line in carriers
        )
        text += f"; {named}"
    return text + "."


def _ledgers(c: Comparison, width: int) -> list[str]:
    if not c.lines:
        return []
    have_intervals = c.ratio.blocks > 1

    def cells(name: str, a: float, b: float, line: Line | None) -> list[str]:
        row = [name, _us(a), _us(b), _us(a - b)]
        if have_intervals:
            i = line.difference if line else None
            row.append(f"[{_us(i.low)}, {_us(i.high)}]" if i else "")
        share = line.share if line else None
        row.append("" if share is None else f"{round(100 * share)} %")
        return row

    rows = [cells(LINES[line.name], line.a_ns, line.b_ns, line) for line in c.lines]
    sums = [sum(line.a_ns for line in c.lines), sum(line.b_ns for line in c.lines)]
    rows.append(cells("sum", sums[0], sums[1], None))
    columns = [f"us per {c.unit}", "A", "B", "A - B"]
    columns += ["95 % interval"] * have_intervals + ["of the gap"]
    traced = f", A / B = {_times(c.traced_ratio)} there" if c.traced_ratio else ""
    means = "means of the traced runs" if have_intervals else "one run each"
    return [f"Where the time went ({means}{traced})", *table(rows, columns, 1, width)]


def _us(ns: float) -> str:
    value = ns / 1e3
    return "0.0" if abs(value) < 0.05 and ns == 0 else f"{value:.1f}" if abs(value) >= 0.05 else (
        f"{value:.2f}" if abs(value) >= 0.005 else "0.0"
    )  # fmt: skip


def _counted(c: Comparison, width: int) -> list[str]:
    rows = [
        [row.name, *("-" if v is None else rate(v) for v in (row.a, row.b))] for row in c.counts
    ]
    return table(rows, [f"per {c.unit}", "A", "B"], 1, width) if rows else []


def _worth(c: Comparison) -> list[str]:
    lines = []
    if c.drifted:
        blocks = ", ".join(str(n + 1) for n in c.drifted)
        without = f"; without them {_times(c.clean)}, {_blocks(c.clean)}" if c.clean else ""
        lines.append(f"drifted: block {blocks} (a fixed piece of work moved by over 5 %){without}")
    for label, m in c.modes.items():
        lines.append(
            f"{label} has two modes: {m.low_count} runs about {duration(m.low)} and"
            f" {m.high_count} about {duration(m.high)} per {c.unit}; the median hides them"
        )
    if c.steal > 0.05 or c.others > 0.05:
        lines.append(
            f"Meanwhile  other processes used {percent(c.others)} of the CPUs, the host took"
            f" {percent(c.steal)} (steal): do not trust fine differences"
        )
    return lines


def render(
    c: Comparison,
    titles: Sequence[str],
    warnings: Sequence[str] = (),
    width: int = WIDTH,
) -> str:
    """The whole report; `titles` are the lines that A and B were named by."""
    longest = max(map(len, titles))
    blocks = [
        [
            f"{label}  {plain(title):<{longest}}  {duration(ns)} per {c.unit}"
            for label, title, ns in zip("AB", titles, (c.a_ns, c.b_ns), strict=True)
        ],
        [f"In words: {in_words(c)}", ratio_line(c, ("A", "B")), *_worth(c), *warnings],
        _ledgers(c, width),
        _counted(c, width),
    ]
    lines = [line for block in blocks if block for line in [*block, ""]][:-1]
    return "\n".join(piece for line in lines for piece in fit(line, width)) + "\n"


def _ratio(r: Ratio | None) -> dict[str, Any] | None:
    return None if r is None else {**asdict(r), "enough": r.is_enough}


def document(
    c: Comparison, titles: Sequence[str], host: Mapping[str, str], warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """The comparison as JSON data, `tracer.compare/1`."""
    return {
        "schema": SCHEMA,
        "host": dict(host),
        "a": {"line": titles[0], "ns_per_unit": round(c.a_ns)},
        "b": {"line": titles[1], "ns_per_unit": round(c.b_ns)},
        "unit": c.unit,
        "words": in_words(c),
        "differs": c.differs,
        "ratio": _ratio(c.ratio),
        "ratio_without_drift": _ratio(c.clean),
        "noise_floor": _ratio(c.noise),
        "traced_ratio": _ratio(c.traced_ratio),
        "blocks_needed": c.ratio.blocks_needed(),
        "drifted_blocks": list(c.drifted),
        "drift": c.drift,
        "steal": c.steal,
        "other_processes": c.others,
        "modes": {label: asdict(modes) for label, modes in c.modes.items()},
        "lines": [
            {
                "name": line.name,
                "a_ns": round(line.a_ns),
                "b_ns": round(line.b_ns),
                "difference_ns": {k: round(v) for k, v in asdict(line.difference).items()},
                "share": line.share,
            }
            for line in c.lines
        ],
        "per_unit": {row.name: {"a": row.a, "b": row.b} for row in c.counts},
        "warnings": list(warnings),
    }
