"""What the pages of experiments share: the answer, intervals, and the host with its load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.statistics.intervals import ENOUGH_BLOCKS
from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.units import counted, duration, percent


def answer(document: Mapping[str, Any], *more: Block | None) -> dict[str, Any]:
    """The first section of the page of an experiment that answers in sentences."""
    first, *rest = document["answer"] or [""]
    return section(
        "answer",
        "",
        blocks.text(first, tone="answer"),
        blocks.text(*rest) if rest else None,
        *more,
    )


def host_table(fingerprint: Mapping[str, Any]) -> Block:
    """What the machine is."""
    rows = [[key, blocks.name(str(value))] for key, value in fingerprint.items()]
    columns = [Column("what", is_text=True), Column("is", is_text=True)]
    return {**blocks.table("Host", columns, rows), "wraps": True}


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


def interval(label: str, text: str, found: Mapping[str, float], tone: str = "") -> dict[str, Any]:
    """A row of `blocks.intervals` from a document's median, low and high."""
    ends = {name: found[name] for name in ("median", "low", "high")}
    return {"label": blocks.name(label), "text": text, "tone": tone, **ends}


def is_judged(document: Mapping[str, Any], number: int) -> bool:
    """Whether so many blocks allow verdicts, and the host was quiet enough for them."""
    is_quiet = bool((document.get("load") or {}).get("verdict_allowed", True))
    return is_quiet and number >= ENOUGH_BLOCKS


def few(number: int) -> Block | None:
    """What to say of too few blocks for a claim."""
    if number >= ENOUGH_BLOCKS:
        return None
    return blocks.text(
        f"{counted(number, 'block')}, which is few: the intervals are wide, and nothing here is a"
        " firm claim.",
        tone="note",
    )


def tone_of(low: float, high: float, judged: bool, *, is_gain: bool = False) -> str:
    """Whether an interval of ratios excludes 1: above it is bad, for a gain good. Neither where no
    verdict is given."""
    if not judged:
        return "dim"
    if low > 1:
        return "good" if is_gain else "bad"
    if high < 1:
        return "bad" if is_gain else "good"
    return "dim"


def time_text(found: Mapping[str, float]) -> str:
    """`7.46 us [7.17 us, 7.75 us]`."""
    return f"{duration(found['median'])} [{duration(found['low'])}, {duration(found['high'])}]"


def ratio_text(found: Mapping[str, float]) -> str:
    """`2.19x [2.02, 2.37]`."""
    return f"{found['median']:.2f}x [{found['low']:.2f}, {found['high']:.2f}]"


def share_text(found: Mapping[str, float]) -> str:
    """`72 % [60, 81]`."""
    ends = ", ".join(f"{100 * found[name]:.0f}" for name in ("low", "high"))
    return f"{100 * found['median']:.0f} % [{ends}]"
