"""Wake-up latencies: their distributions by kind, and their figures."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column
from tracer.report.run.activity import KEPT, PREEMPTED, WOKEN
from tracer.units import count

_NO_BUCKETS = (
    "This report, of an older tracer, has no distributions: the table has its percentiles."
)


def distribution(sched: Mapping[str, Any]) -> Block | None:
    """How often each latency was, by kind, on a logarithmic axis; of a report without the counts
    a sentence that says so."""
    seen = {kind: row for kind, row in sched["wakeup_latency_ns"].items() if row["count"]}
    joined = {kind: _joined(row["buckets"]) for kind, row in seen.items() if row.get("buckets")}
    if not joined:
        return blocks.text(_NO_BUCKETS, tone="note") if seen else None
    lows = sorted(low for counts in joined.values() for low in counts)
    grid = [low for low in _grid(lows[-1]) if low >= lows[0]]
    return {
        "kind": "distribution",
        "title": "Wake-up latency",
        "note": "Height: the share of the wake-ups of that kind in a quarter of an octave.",
        "x": grid,
        "series": [
            _series(kind, seen[kind]["count"], counts, grid) for kind, counts in joined.items()
        ],
    }


def _series(
    kind: str, times: int, counts: Mapping[int, int], grid: Sequence[int]
) -> dict[str, Any]:
    label = f"{WOKEN.get(kind, kind)} ({count(times)})"
    return {"name": label, "y": _heights(counts, grid, times)}


def _joined(buckets: Sequence[Sequence[int]]) -> Counter[int]:
    """Counts by the smallest ns of a joined bucket; buckets: pairs of the smallest ns and times."""
    counts: Counter[int] = Counter()
    for low_ns, times in buckets:
        octave = max(low_ns.bit_length() - 5, 0)
        counts[max(low_ns >> octave + 2 << octave + 2, 1)] += times
    return counts


def _grid(last: int) -> list[int]:
    """The smallest ns of all joined buckets up to the one behind `last`."""
    lows = [1, 4, 8, 12, 16]
    while lows[-1] <= last:
        lows.append(lows[-1] + (1 << lows[-1].bit_length() - 3))  # four steps an octave
    return lows


def _heights(counts: Mapping[int, int], grid: Sequence[int], total: int) -> list[float]:
    """The density of each bucket of the grid; the last one, behind all, has none."""
    widths = [math.log2(high / low) for low, high in itertools.pairwise(grid)]
    each = [counts[low] / total / width / 4 for low, width in zip(grid, widths, strict=False)]
    return [*(round(height, 6) for height in each), 0.0]


def figures(sched: Mapping[str, Any]) -> Block | None:
    """Percentiles of all kinds of latency, and of how long threads kept their CPU."""
    named = {WOKEN.get(kind, kind): row for kind, row in sched["wakeup_latency_ns"].items()}
    named[PREEMPTED] = sched["preempted_ns"]
    named[KEPT] = sched["slice_ns"]
    columns = [Column("threads", is_text=True), Column("times")]
    columns += [Column(name) for name in ("mean", "p50", "p90", "p99", "max")]
    rows = [
        [
            label,
            blocks.number(row["count"]),
            *(blocks.time(row[name]) for name in ("mean", "p50", "p90", "p99", "max")),
        ]
        for label, row in named.items()
        if row["count"]
    ]
    return blocks.table("", columns, rows) if rows else None
