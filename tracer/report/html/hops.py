"""The view of what the hops of a recording say, tracer.explain.recording/1, and tables of hops."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.report.hops import PART_LINES, kind_line
from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.report.html.host import host_table
from tracer.units import counted, duration

_HOP = (
    "A hop: from the entry of the call that wakes a thread to the return of the woken thread's"
    " call."
)


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """The sentences, the hops by kind and what each is made of, and the host."""
    first, *rest = document["sentences"]
    hops = document["hops"]
    whole = hops["all"]
    return {
        "title": f"The hops of {blocks.name(' '.join(hops['command'] or ['a recording']))}",
        "sections": [
            section(
                "answer",
                "",
                blocks.text(first, tone="answer"),
                blocks.text(*rest) if rest else None,
                blocks.text(f"{counted(whole['count'], 'hop')} in {duration(hops['window_ns'])},"
                            f" longest {duration(whole['max_ns'])}", tone="note"),
            ),
            section("hops", "Hops", kinds_table("By kind", hops), _parts(hops), _calls(hops),
                    lead=_HOP),
            section("trust", "How it was measured", host_table(hops["host"] or {}), short="Trust",
                    lead="One run, from its recording. An experiment tests it: tracer explain"
                         " pinning, or tracer explain -- COMMAND."),
        ],
    }  # fmt: skip


def kinds_table(title: str, hops: Mapping[str, Any]) -> Block:
    """The kinds of hops of a document tracer.hops/1, and all together."""
    columns = [Column("hops", is_text=True), Column("count"), Column("share")]
    columns += [Column("share of time")]
    columns += [Column(name) for name in ("mean", "p50", "p99", "max")]
    rows = [
        [
            kind_line(group["kind"], hops["asleep_limit_ns"]),
            blocks.number(group["count"]),
            blocks.share(group["share"]),
            blocks.share(group["time_share"]),
            *(blocks.time(group[key]) for key in ("mean_ns", "p50_ns", "p99_ns", "max_ns")),
        ]
        for group in [*hops["kinds"], hops["all"]]
    ]
    return blocks.table(title, columns, rows)


def _parts(hops: Mapping[str, Any]) -> Block:
    """What the hops of each kind are made of, means; a column for each kind that is seen."""
    shown = [*(group for group in hops["kinds"] if group["seen"]), hops["all"]]
    columns = [Column("part", is_text=True)]
    columns += [Column(kind_line(group["kind"], hops["asleep_limit_ns"])) for group in shown]
    rows = [
        [label, *(blocks.time(group["mean_parts"].get(part)) for group in shown)]
        for part, label in PART_LINES.items()
        if any(part in group["mean_parts"] for group in shown)
    ]
    return blocks.table("What they are made of", columns, rows, note="Means, in order of time.")


def _calls(hops: Mapping[str, Any]) -> Block | None:
    columns = [Column("from call", is_text=True), Column("to call", is_text=True)]
    columns += [Column("count"), Column("p50")]
    rows = [
        [blocks.name(pair["from"]), blocks.name(pair["to"]), blocks.number(pair["count"]),
         blocks.time(pair["p50_ns"])]
        for pair in hops["calls"]
    ]  # fmt: skip
    return blocks.table("From call to call", columns, rows, sort=2) if rows else None
