"""What --sample estimates, marked `~`: how time on CPUs was split, and the system calls by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analysis.run.sampled import told
from tracer.analysis.run.summary import Summary
from tracer.report.layout import table
from tracer.units import count, counted, in_one_unit, percent

#: What the estimated parts of time on a CPU are called.
ESTIMATED = {"user": "own code", "io": "calls for I/O", "system": "other calls"}
#: Calls of less of all calls are summed, unless all are asked for.
_LEAST_ROW = 0.001


def sampled(run: Summary, width: int, *, all_rows: bool = False) -> list[str]:
    """The block of a run with --sample; nothing of another run."""
    data = run.sampled
    if data is None:
        return []
    return [*words(data), *_calls(data, width, all_rows=all_rows)]


def words(data: Mapping[str, Any]) -> list[str]:
    """What was seen, and the split of time on CPUs."""
    calls = (
        f"system calls: {count(data['calls'])} in all, which is exact;"
        f" {count(data['seen_calls'])} of them seen"
    )
    if not data["seen_ns"]:
        nothing = "no time on a CPU was seen, so nothing is estimated"
        hint = "; a longer run sees more" if data["on_cpu_ns"] else ""
        return [f"Sampled ({told(data)}): {nothing}{hint}", calls]
    shares = data["on_cpu"]
    parts = [f"{label} {_share(shares[name])}" for name, label in ESTIMATED.items()]
    few = " (too little was seen for intervals)" if shares["user"]["low"] is None else ""
    return [
        f"Sampled ({told(data)}): {percent(data['seen_share'])} of all threads' time on CPUs was"
        " seen. What follows, and the split of the path above, is estimated from that; intervals"
        " are of 95 %",
        f"~ time on CPUs: {', '.join(parts)}{few}",
        calls,
    ]


def _share(share: Mapping[str, float | None]) -> str:
    found, low, high = share["share"] or 0.0, share["low"], share["high"]
    if low is None or high is None:
        return percent(found)
    return f"{percent(found)} ({100 * low:.1f} to {100 * high:.1f})"


def _calls(data: Mapping[str, Any], width: int, *, all_rows: bool) -> list[str]:
    rows: Sequence[Mapping[str, Any]] = data["syscalls"]
    least = 0 if all_rows else _LEAST_ROW * data["calls"]
    shown = [row for row in rows if row["calls"] >= least] or rows[:1]
    if not shown:
        return []
    names = ("mean_ns", "p50_ns", "p99_ns", "max_ns")
    unit, cells = in_one_unit([row[name] for name in names for row in shown])
    columns = [cells[n * len(shown) : (n + 1) * len(shown)] for n in range(len(names))]
    lines = table(
        [
            [row["name"], f"~{count(row['calls'])}", interval(row), count(row["seen"]), *times]
            for row, times in zip(shown, zip(*columns, strict=True), strict=True)
        ],
        ["call", "calls", "95 % interval", "seen", f"mean, {unit}", "p50", "p99", "max seen"],
        1,
        width,
        answer=["calls", "95 % interval"],
    )
    rest = len(rows) - len(shown)
    return [*lines, *([f"{counted(rest, 'rarer call')} (--all-rows)"] if rest else [])]


def interval(row: Mapping[str, Any]) -> str:
    if row["low"] is None:
        return "-"
    return f"{count(row['low'])} to {count(row['high'])}"
