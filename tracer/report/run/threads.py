"""The tables of threads: by the pattern of their names, and one by one."""

from __future__ import annotations

from tracer.analysis.run.counts import GroupRow, ThreadRow
from tracer.analysis.run.summary import Summary
from tracer.report.layout import table
from tracer.units import count, duration, plain

#: More groups than these are left to the JSON report.
_MOST_GROUPS = 12
#: A longer name is cut here, so that the figures have room; --json has it whole.
_LONGEST = 24
_HEADS = ("user", "calls", "asleep", "woken", "preempted", "vol", "invol")


def _cells(row: GroupRow | ThreadRow) -> list[str]:
    """The cells below `_HEADS`."""
    parts = row.parts
    blocked_ns = sum(ns for name, ns in parts.items() if name.startswith("blocked:"))
    calls_ns = sum(ns for name, ns in parts.items() if name.startswith("syscall:"))
    woken_ns = parts["wakeup:idle"] + parts["wakeup:queued"]
    times_ns = (parts["user"], calls_ns, blocked_ns, woken_ns, parts["preempted"])
    return [*map(duration, times_ns), count(row.voluntary), count(row.involuntary)]


def _name(name: str) -> str:
    name = plain(name)
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."


def groups(run: Summary, width: int) -> list[str]:
    """Threads whose names differ in numbers only, in one row; nothing for a single thread."""
    if sum(group.threads for group in run.groups) < 2:
        return []
    rows = [
        [_name(g.name), count(g.threads), count(g.idle) if g.idle else "", *_cells(g)]
        for g in run.groups[:_MOST_GROUPS]
    ]
    lines = [
        "Threads by name (own time, sleep included; the time of those that never ran is left out)",
        *table(rows, ["thread", "number", "never ran", *_HEADS], 1, width),
    ]
    if len(run.groups) > _MOST_GROUPS:
        lines.append(f"and {len(run.groups) - _MOST_GROUPS} more names (--json has them)")
    return lines


def threads(run: Summary, width: int) -> list[str]:
    """The busiest threads, each in a row, and the sum of the others; empty without --top."""
    if not run.top:
        return []
    rows = [
        [str(thread.tid or ""), _name(thread.name), *_cells(thread)]
        for thread in [*run.top, *([run.rest] if run.rest else [])]
    ]
    return table(rows, ["tid", "thread", *_HEADS], 2, width)
