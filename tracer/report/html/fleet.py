"""The view of an experiment on many hosts, tracer.fleet/1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analysis.fleet import FASTER, GROUPED_BY, NOT_JUDGED, SAME, SLOWER
from tracer.report.fleet import is_told
from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.report.html.host import interval, ratio_text, time_text
from tracer.units import counted, percent

_TONES = {SLOWER: "bad", FASTER: "good", SAME: "dim", NOT_JUDGED: "dim"}
#: Measures that are drawn host by host.
_MOST_DRAWN = 40


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, the summary over all hosts, every host by measure, groups of like hosts."""
    hosts = document["hosts"]
    asked = document["question"].replace("-", " ")
    failed = [f"{one['name']} is left out: {one['failure']}" for one in hosts if one["failure"]]
    return {
        "title": f"{asked} on {counted(len(hosts), 'host')}",
        "label": "all hosts",
        "sections": [
            section(
                "answer",
                "",
                blocks.text(*map(blocks.name, failed), tone="warning") if failed else None,
                blocks.text(*map(blocks.name, document["answer"]), tone="answer"),
                _across(document, "Over all hosts (random effects)", document["across"]),
            ),
            section(
                "hosts",
                "Hosts",
                *_measures(document),
                _table(document),
                lead="Means of blocks with their 95 % intervals. Each host's own report can be"
                " chosen above.",
            ),
            section("groups", "What the hosts are", *_groups(document), short="Groups"),
        ],
    }


def _text(document: Mapping[str, Any], found: Mapping[str, float]) -> str:
    return ratio_text(found) if document["is_ratio"] else time_text(found)


def _drawn(
    document: Mapping[str, Any], title: str, rows: Sequence[Mapping[str, Any]]
) -> Block | None:
    is_ratio = document["is_ratio"]
    reference, about = (1.0, "1: no difference") if is_ratio else (None, "")
    return blocks.intervals(title, rows, reference=reference, about=about) if rows else None


def _across(
    document: Mapping[str, Any], title: str, across: Sequence[Mapping[str, Any]]
) -> Block | None:
    rows = [
        interval(
            f"{one['measure']}, {counted(one['hosts'], 'host')}",
            f"{_text(document, one['mean'])}{_spread(one)}",
            one["mean"],
        )
        for one in across
    ]
    return _drawn(document, title, rows)


def _spread(one: Mapping[str, Any]) -> str:
    spread = one["spread"]
    if not is_told(spread["low"], spread["high"]):
        return ""
    return f"; hosts differ by {spread['median']:.2f}x, {percent(one['share'])} of the scatter"


def _measures(document: Mapping[str, Any]) -> list[Block | None]:
    """A picture for each measure, with a line for each host; the verdict is on the first."""
    hosts = document["hosts"]
    names = list(dict.fromkeys(name for host in hosts for name in host["effects"]))
    return [
        _drawn(
            document,
            name,
            [
                interval(
                    host["name"],
                    _text(document, found),
                    found,
                    _TONES.get(host["verdict"], "") if name == names[0] else "",
                )
                for host in hosts
                if (found := host["effects"].get(name))
            ],
        )
        for name in names[:_MOST_DRAWN]
    ]


def _table(document: Mapping[str, Any]) -> Block:
    columns = [Column("host", is_text=True), Column("blocks"), Column("asked for")]
    columns += [Column("verdict", is_text=True), Column("why", is_text=True)]
    columns += [Column("repeated", about="blocks that were lost with a worker, and asked again")]
    columns += [Column("left out", is_text=True)]
    rows = [
        [
            blocks.name(host["name"]),
            blocks.number(host["blocks"]),
            blocks.number(host["blocks_asked"]),
            host["verdict"] or "",
            blocks.name(host["why"]),
            blocks.number(host["repeated"]),
            blocks.name(host["failure"]),
        ]
        for host in document["hosts"]
    ]
    return {**blocks.table("", columns, rows), "wraps": True}


def _groups(document: Mapping[str, Any]) -> list[Block | None]:
    """Hosts that are alike, with a summary of their own where there are several groups; which file
    each command is, where there are some."""
    groups = document["groups"]
    columns = [Column(name, is_text=True) for name in ("hosts", *GROUPED_BY)]
    rows = [
        [blocks.name(text) for text in (_hosts(group), *(group["alike"][n] for n in GROUPED_BY))]
        for group in groups
    ]
    summaries = [
        _across(document, f"Over {_hosts(group)}", group["across"])
        for group in groups
        if len(groups) > 1
    ]
    programs = [
        [blocks.name(host["name"]), blocks.name(name), file]
        for host in document["hosts"]
        for name, file in host["programs"].items()
    ]
    heads = [Column(name, is_text=True) for name in ("host", "command", "file")]
    return [
        {**blocks.table("", columns, rows), "wraps": True},
        *summaries,
        blocks.table("Programs", heads, programs) if programs else None,
    ]


def _hosts(group: Mapping[str, Any]) -> str:
    return ", ".join(group["hosts"])
