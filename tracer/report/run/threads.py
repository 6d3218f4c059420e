"""The tables of threads: by the pattern of their names, and one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tracer.analysis.run.counts import GroupRow, ThreadRow
from tracer.analysis.run.ledger import READY
from tracer.analysis.run.summary import Summary
from tracer.model.states import ON_CPU_PARTS, USER
from tracer.report.layout import table
from tracer.report.run.activity import LEAST_ROW, columns_of
from tracer.units import count, counted, duration, plain

#: More groups than these are left to the JSON report.
_MOST_GROUPS = 12
#: A longer name is cut here, so that the figures have room; --json has it whole.
_LONGEST = 24
_HEADS = ("own/others/held", "vol", "invol")
_ABOVE = (
    "own time, sleep included; ready to run: behind the program's own threads, behind others, held"
)


def _figures(
    run: Summary, rows: Sequence[GroupRow | ThreadRow]
) -> tuple[list[str], list[list[str]]]:
    """The heads of the columns of figures, and the cells below them of each row."""
    columns: dict[str, list[int | None]] = {}
    for row in rows:
        for name, ns in times_ns(run, row).items():
            columns.setdefault(name, []).append(ns)
    heads, cells = columns_of(columns)
    others = [
        [behind_text(row.behind), count(row.voluntary), count(row.involuntary)] for row in rows
    ]
    return [*heads, *_HEADS], [a + b for a, b in zip(cells, others, strict=True)]


def times_ns(run: Summary, row: GroupRow | ThreadRow) -> dict[str, int]:
    """The times of its columns by their heads."""
    parts = row.parts
    asleep_ns = sum(ns for name, ns in parts.items() if name.startswith("blocked:"))
    user_ns, calls_ns = parts[USER], sum(parts[name] for name in ON_CPU_PARTS) - parts[USER]
    on_cpu = (
        {"on CPU": user_ns + calls_ns} if not run.is_split else {"user": user_ns, "calls": calls_ns}
    )
    return {**on_cpu, "asleep": asleep_ns, "ready": sum(parts[name] for name in READY)}


def _awake_ns(row: GroupRow | ThreadRow) -> int:
    return sum(row.parts[name] for name in (*ON_CPU_PARTS, *READY))


def behind_text(behind: Mapping[str, int]) -> str:
    """Shares of the waits for a CPU, in %: behind own threads, others, nobody; empty without."""
    total_ns = sum(behind.values())
    found = (behind["own"], behind["other"], behind["throttled"] + behind["held"])
    return "/".join(f"{100 * ns / total_ns:.0f}" for ns in found) if total_ns else ""


def thread_name(name: str) -> str:
    """The name of a thread in a table."""
    name = plain(name) if name.strip() else "(no name)"
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 3]}..."


def groups(run: Summary, width: int, *, all_rows: bool = False) -> list[str]:
    """Threads whose names differ in numbers only, in one row; nothing for a single thread."""
    if sum(group.threads for group in run.groups) < 2:
        return []
    least_ns = 0 if all_rows else LEAST_ROW * run.window_ns
    shown = [group for group in run.groups if _awake_ns(group) >= least_ns] or run.groups[:1]
    shown = shown if all_rows else shown[:_MOST_GROUPS]
    if len(run.groups) == len(shown) + 1:
        shown = run.groups
    heads, cells = _figures(run, shown)
    never = ["never ran"] if any(group.idle for group in shown) else []
    rows = [
        [
            thread_name(g.name),
            count(g.threads),
            *[count(g.idle) if g.idle else ""][: len(never)],
            *row,
        ]
        for g, row in zip(shown, cells, strict=True)
    ]
    lines = [
        f"Threads by name ({_ABOVE}; those that never ran are left out)",
        *table(rows, ["thread", "number", *never, *heads], 1, width, answer=heads[:-3]),
    ]
    rest = [group for group in run.groups if group not in shown]
    if rest:
        awake = duration(sum(map(_awake_ns, rest)))
        lines.append(
            f"{counted(len(rest), 'more name')}, {awake} on CPUs or ready in all (--all-rows)"
        )
    return lines


def threads(run: Summary, width: int) -> list[str]:
    """The busiest threads, each in a row, and the sum of the others; empty without --top."""
    if not run.top:
        return []
    shown = [*run.top, *([run.rest] if run.rest and not run.rest.name.startswith("0 ") else [])]
    heads, cells = _figures(run, shown)
    rows = [
        [str(thread.tid or ""), thread_name(thread.name), *row]
        for thread, row in zip(shown, cells, strict=True)
    ]
    return [
        f"The busiest threads ({_ABOVE})",
        *table(rows, ["tid", "thread", *heads], 2, width, answer=heads[:-3]),
    ]
