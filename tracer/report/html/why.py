"""The view of `explain -- COMMAND`, tracer.why/1."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.model.words import LINES
from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.report.html.host import (
    answer,
    interval,
    is_judged,
    measured,
    ratio_text,
    time_text,
    tone_of,
)
from tracer.units import counted


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, every change with its gain, where the time went, how it was measured."""
    unit = document["unit"]
    return {
        "title": f"Why: {blocks.name(' '.join(document['command']))}",
        "sections": [
            answer(document),
            section(
                "changes",
                "Every change",
                _gains(document),
                _times(document),
                _table(document),
                lead="Untraced runs in interleaved blocks, each change in every block.",
                short="Changes",
            ),
            section("ledger", "Where the time went", _ledger(document), short="Time",
                    lead="As it is, of the traced runs."),
            measured(
                document,
                f"{counted(document['rounds'], 'block')}, per {unit};"
                f" {counted(document['starts'], 'start')}; intervals: {document['intervals']}.",
                *(f"not tested: {name} ({why})" for name, why in document["not_tested"].items()),
            ),
        ],
    }  # fmt: skip


def _gains(document: Mapping[str, Any]) -> Block | None:
    judged = is_judged(document, document["rounds"])
    rows = [
        interval(
            row["label"],
            f"{ratio_text(row['gain'])} {row['found'] or ''}",
            row["gain"],
            tone_of(row["gain"]["low"], row["gain"]["high"], judged, is_gain=True),
        )
        for row in document["changes"]
        if row["gain"]
    ]
    noise = document["noise_floor"]
    if noise and rows:
        rows.append(interval("the command against itself", ratio_text(noise), noise, "dim"))
    return (
        blocks.intervals("How many times as fast", rows, reference=1.0, about="1: no difference")
        if rows
        else None
    )


def _times(document: Mapping[str, Any]) -> Block | None:
    rows = [
        interval(row["label"], time_text(row["ns_per_unit"]), row["ns_per_unit"])
        for row in document["changes"]
    ]
    return blocks.intervals(f"Time per {document['unit']}", rows) if rows else None


def _table(document: Mapping[str, Any]) -> Block | None:
    columns = [Column("change", is_text=True), Column("how", is_text=True), Column("time")]
    columns += [Column("CPU time"), Column("switches"), Column("so", is_text=True)]
    rows = [
        [
            row["label"],
            blocks.name(row["how"]),
            blocks.time(row["ns_per_unit"]["median"]),
            blocks.time(row["cpu_ns"]),
            blocks.number(row["switches"]),
            row["found"] or "",
        ]
        for row in document["changes"]
    ]
    return blocks.table("", columns, rows) if rows else None


def _ledger(document: Mapping[str, Any]) -> Block | None:
    lines = document["ledger_ns"]
    whole = max(sum(lines.values()), 1)
    rows = [
        [LINES.get(name, name), blocks.time(ns), blocks.share(ns / whole)]
        for name, ns in lines.items()
    ]
    columns = [Column("", is_text=True), Column(f"per {document['unit']}"), Column("share")]
    return blocks.table("", columns, rows, sort=1) if rows else None
