"""The tables of threads: by the pattern of their names, and one by one."""

from __future__ import annotations

from collections.abc import Mapping

from tracer.analysis.run.counts import GroupRow, ThreadRow
from tracer.analysis.run.ledger import READY
from tracer.analysis.run.summary import Summary
from tracer.model.states import BEHIND
from tracer.report.layout import table
from tracer.units import count, duration, plain

#: More groups than these are left to the JSON report.
_MOST_GROUPS = 12
#: A longer name is cut here, so that the figures have room; --json has it whole.
_LONGEST = 24
_HEADS = ("asleep", "ready", "own/others/held", "vol", "invol")
_ABOVE = (
    "own time, sleep included; ready to run: behind the program's own threads, behind others, held"
)


def _heads(run: Summary) -> tuple[str, ...]:
    """Of the columns of figures; with --light the time on CPUs is one."""
    return (*(("on CPU",) if run.light else ("user", "calls")), *_HEADS)


def _cells(run: Summary, row: GroupRow | ThreadRow) -> list[str]:
    """The cells below `_heads`."""
    parts = row.parts
    blocked_ns = sum(ns for name, ns in parts.items() if name.startswith("blocked:"))
    calls_ns = sum(ns for name, ns in parts.items() if name.startswith("syscall:"))
    calls_ns += parts["kernel_workers"]
    on_cpu_ns = [parts["user"] + calls_ns] if run.light else [parts["user"], calls_ns]
    return [
        *map(duration, (*on_cpu_ns, blocked_ns, sum(parts[name] for name in READY))),
        _behind(row.behind),
        count(row.voluntary),
        count(row.involuntary),
    ]


def _behind(behind: Mapping[str, int]) -> str:
    """Shares of the waits for a CPU, in %, in the order of `BEHIND`; empty without waits."""
    total_ns = sum(behind.values())
    return "/".join(f"{100 * behind[who] / total_ns:.0f}" for who in BEHIND) if total_ns else ""


def _name(name: str) -> str:
    name = plain(name)
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."


def groups(run: Summary, width: int) -> list[str]:
    """Threads whose names differ in numbers only, in one row; nothing for a single thread."""
    if sum(group.threads for group in run.groups) < 2:
        return []
    rows = [
        [_name(g.name), count(g.threads), count(g.idle) if g.idle else "", *_cells(run, g)]
        for g in run.groups[:_MOST_GROUPS]
    ]
    lines = [
        f"Threads by name ({_ABOVE}; those that never ran are left out)",
        *table(rows, ["thread", "number", "never ran", *_heads(run)], 1, width),
    ]
    if len(run.groups) > _MOST_GROUPS:
        lines.append(f"and {len(run.groups) - _MOST_GROUPS} more names (--json has them)")
    return lines


def threads(run: Summary, width: int) -> list[str]:
    """The busiest threads, each in a row, and the sum of the others; empty without --top."""
    if not run.top:
        return []
    rows = [
        [str(thread.tid or ""), _name(thread.name), *_cells(run, thread)]
        for thread in [*run.top, *([run.rest] if run.rest else [])]
    ]
    return [
        f"The busiest threads ({_ABOVE})",
        *table(rows, ["tid", "thread", *_heads(run)], 2, width),
    ]
