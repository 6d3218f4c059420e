"""Threads: by state over time where several intervals or a recording tell, and in tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analysis.run.reader import is_split
from tracer.model.states import ON_CPU_PARTS, USER
from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column
from tracer.report.html.parts import NAMES, PARTS, part_of
from tracer.units import counted

_READY = PARTS["switching"]


def over_time(document: Mapping[str, Any]) -> Block | None:
    """How many threads were in each state, on average over the window; by group of threads."""
    window_ns = max(document["window_ns"], 1)
    whole, split = document["ledgers"]["threads"]["parts"], is_split(document)
    rows = [_bar("all threads", whole, window_ns, split)]
    groups = document["thread_groups"]
    if len(groups) > 1:
        busiest = sorted(groups, key=lambda group: -_awake_ns(group["parts"]))[:12]
        rows += [
            _bar(
                f"{blocks.thread(group['name'])} ({group['threads']:,})",
                group["parts"],
                window_ns,
                split,
            )
            for group in busiest
        ]
    if not any(row["parts"] for row in rows):
        return None
    note = "How many threads were in each state, on average over the window."
    return blocks.bars("Threads by state", rows, note=note)


def _bar(label: str, parts: Mapping[str, int], window_ns: int, split: bool) -> dict[str, Any]:
    sums = sums_of(parts, split=split)
    number = sum(sums.values()) / window_ns
    return {
        "label": label,
        "text": counted(round(number, 2 if number < 10 else 0), "thread"),
        "parts": [
            {"name": name, "label": NAMES[name], "value": round(ns / window_ns, 6)}
            for name, ns in sums.items()
            if ns
        ],
    }


def sums_of(parts: Mapping[str, int], *, split: bool = True) -> dict[str, int]:
    """The time of a thread's states by the parts that the page draws, in the order of `NAMES`;
    `split`: time on a CPU is split into own code and calls."""
    sums = dict.fromkeys(NAMES, 0)
    for state, ns in parts.items():
        sums["on_cpu" if not split and state in ON_CPU_PARTS else part_of(state)] += ns
    return {name: ns for name, ns in sums.items() if ns}


def _awake_ns(parts: Mapping[str, int]) -> int:
    return sum(parts.get(state, 0) for state in (*ON_CPU_PARTS, *_READY))


_SPLIT = (Column("own code"), Column("in calls", about="On a CPU inside system calls"))
_NOT_SPLIT = (Column("on a CPU", about="In own code and in system calls"),)
_TIMES = (
    Column("ready", about="Could have run, and did not"),
    Column("asleep", about="Blocked in a call, or stopped; sleep on the path is included"),
    Column("behind own", about="Ready, behind threads of the same program"),
    Column("behind others", about="Ready, behind other programs"),
    Column("held", about="Ready and held back: by a quota, or its CPU was idle"),
    Column("voluntary", about="Context switches: it went to sleep"),
    Column("involuntary", about="Context switches: it could have gone on"),
    Column("migrations"),
)


def _columns(document: Mapping[str, Any], *first: Column) -> list[Column]:
    return [*first, *(_SPLIT if is_split(document) else _NOT_SPLIT), *_TIMES]


def _times(document: Mapping[str, Any], row: Mapping[str, Any]) -> list[blocks.Cell]:
    parts = row["parts"]
    user_ns, on_cpu_ns = parts.get(USER, 0), sum(parts.get(state, 0) for state in ON_CPU_PARTS)
    on_cpu = (user_ns, on_cpu_ns - user_ns) if is_split(document) else (on_cpu_ns,)
    asleep_ns = sum(ns for state, ns in parts.items() if part_of(state) in ("asleep", "waiting"))
    return [
        *map(blocks.time, on_cpu),
        blocks.time(sum(parts.get(state, 0) for state in _READY)),
        blocks.time(asleep_ns),
        *(blocks.time(row.get(key)) for key in ("behind_own_ns", "behind_other_ns", "held_ns")),
        *(blocks.number(row[key]) for key in ("voluntary", "involuntary", "migrations")),
    ]


def groups_table(document: Mapping[str, Any]) -> Block | None:
    """Threads whose names differ in numbers only, in one row."""
    rows = [
        [blocks.thread(group["name"]), blocks.number(group["threads"]),
         blocks.number(group["idle"]), *_times(document, group)]
        for group in document["thread_groups"]
    ]  # fmt: skip
    if not rows:
        return None
    columns = _columns(
        document, Column("thread", is_text=True), Column("number"), Column("never ran")
    )
    return blocks.table("Threads by name", columns, rows, sort=3)


def threads_table(document: Mapping[str, Any]) -> Block | None:
    """The threads of --top one by one, and the sum of the others."""
    found: Sequence[Mapping[str, Any]] = document["threads"]
    rows = [[_tid(row["tid"]), blocks.thread(row["name"]), *_times(document, row)] for row in found]
    if not any(row["tid"] for row in found):
        return None
    columns = _columns(document, Column("tid"), Column("thread", is_text=True))
    return blocks.table("The busiest threads", columns, rows, sort=2)


def _tid(tid: int | None) -> blocks.Cell:
    """Empty for a sum of threads."""
    return [str(tid), tid] if tid else ""
