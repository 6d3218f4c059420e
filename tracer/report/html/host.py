"""The host and its load, as the documents of runs and experiments tell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.units import counted, percent


def host_table(fingerprint: Mapping[str, Any]) -> Block:
    """What the machine is."""
    rows = [[key, blocks.name(str(value))] for key, value in fingerprint.items()]
    return blocks.table("Host", [Column("what", is_text=True), Column("", is_text=True)], rows)


def measured(document: Mapping[str, Any], *more: str) -> dict[str, Any]:
    """The last section of an experiment's page: rounds, the host, and what else ran there."""
    load = document.get("load") or {}
    lines = list(more)
    blocks_of_load = load.get("blocks") or []
    disturbed = [one for one in blocks_of_load if one["disturbed"]]
    if blocks_of_load:
        most = max(blocks_of_load, key=lambda one: max(one["others"], one["steal"]))
        lines.append(
            f"{counted(len(disturbed), 'block')} of {len(blocks_of_load)} met a busy host; at most"
            f" other programs used {percent(most['others'])} of the CPUs, the host took"
            f" {percent(most['steal'])} (steal)."
        )
    if load and not load["verdict_allowed"]:
        lines.append("So no verdict is given.")
    left_out = document.get("left_out") or []
    lines += [f"left out: {blocks.name(one['cell'])}: {one['reason']}" for one in left_out]
    return section(
        "trust",
        "How it was measured",
        blocks.text(*lines) if lines else None,
        host_table(document["host"]),
    )
