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
    """What stands under `_HEADS`."""
    p = row.parts
    blocked = sum(ns for name, ns in p.items() if name.startswith("blocked:"))
    calls = sum(ns for name, ns in p.items() if name.startswith("syscall:"))
    times = (p["user"], calls, blocked, p["wakeup:idle"] + p["wakeup:queued"], p["preempted"])
    return [*map(duration, times), count(row.voluntary), count(row.involuntary)]


def _name(name: str) -> str:
    name = plain(name)
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."


def groups(s: Summary, width: int) -> list[str]:
    """Threads whose names differ in numbers only, in one row; nothing for a single thread."""
    if sum(group.threads for group in s.groups) < 2:
        return []
    rows = [
        [_name(g.name), count(g.threads), count(g.idle) if g.idle else "", *_cells(g)]
        for g in s.groups[:_MOST_GROUPS]
    ]
    lines = [
        "Threads by name (own time, sleep included; the time of those that never ran is left out)",
        *table(rows, ["thread", "number", "never ran", *_HEADS], 1, width),
    ]
    if len(s.groups) > _MOST_GROUPS:
        lines.append(f"and {len(s.groups) - _MOST_GROUPS} more names (--json has them)")
    return lines


def threads(s: Summary, width: int) -> list[str]:
    """The busiest threads, each in a row, and the sum of the others; empty without --top."""
    if not s.top:
        return []
    rows = [
        [str(thread.tid or ""), _name(thread.name), *_cells(thread)]
        for thread in [*s.top, *([s.rest] if s.rest else [])]
    ]
    return table(rows, ["tid", "thread", *_HEADS], 2, width)
