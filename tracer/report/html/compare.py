"""The view of a comparison, tracer.compare/1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.model.words import COMPARED_LINES
from tracer.report.html import blocks
from tracer.report.html.blocks import Block, Column, section
from tracer.report.html.hops import kinds_table
from tracer.report.html.host import interval, is_judged, measured, ratio_text, time_text, tone_of
from tracer.units import counted, duration

_RATIOS = {
    "ratio": "A / B, untraced",
    "ratio_without_drift": "without the blocks that drifted",
    "traced_ratio": "A / B, traced",
    "noise_floor": "A / A: the noise",
}


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict, the ratios, what makes the difference, counts, and how it was measured."""
    names = [blocks.name(document[side]["line"]) for side in "ab"]
    unit = document["unit"]
    sides = [
        f"{side.upper()}: {name}, {duration(document[side]['ns_per_unit'])} per {unit}"
        for side, name in zip("ab", names, strict=True)
    ]
    warnings = list(document.get("warnings") or ())
    drifted = document.get("drifted_blocks") or []
    if drifted:
        numbers = ", ".join(str(block + 1) for block in drifted)
        warnings.append(f"Blocks that drifted: {numbers}.")
    modes = [
        f"{label} has two modes: {counted(found['low_count'], 'run')} about"
        f" {duration(found['low'])} and {found['high_count']} about {duration(found['high'])} per"
        f" {unit}; the median hides them."
        for label, found in document["modes"].items()
    ]
    return {
        "title": f"{names[0]} against {names[1]}",
        "sections": [
            section(
                "answer",
                "",
                blocks.text(*warnings, *modes, tone="warning") if warnings or modes else None,
                blocks.text(document["words"], tone="answer"),
                blocks.text(*sides, tone="note"),
                _ratios(document),
            ),
            section(
                "lines",
                "What makes the difference",
                _differences(document),
                _table("Where the time went", document["lines"], unit, COMPARED_LINES),
                lead=f"The critical path of the traced runs, by {unit}: A - B with its interval.",
                short="Differences",
            ),
            section(
                "functions",
                "Where in the program",
                _table("Functions", document["functions"], unit, {}) if document["functions"]
                else None,
                short="Functions",
            ),
            section("hops", "Hops", *_hops(document), short="Hops",
                    lead="Of both recordings, by kind."),
            section("counts", f"Counted per {unit}", _counts(document), short="Counts"),
            measured(
                document,
                f"{counted(document['ratio']['blocks'], 'block')};"
                f" {counted(document['blocks_needed'], 'block')} would do for a verdict.",
            ),
        ],
    }  # fmt: skip


def _ratios(document: Mapping[str, Any]) -> Block:
    rows = [
        interval(
            label,
            ratio_text(found) if found["blocks"] > 1 else f"{found['median']:.2f}x",
            found,
            tone_of(found["low"], found["high"], is_judged(document, found["blocks"])),
        )
        for name, label in _RATIOS.items()
        if (found := document.get(name))
    ]
    return blocks.intervals(
        "How many times as long A takes", rows, reference=1.0, about="1: no difference"
    )


def _differences(document: Mapping[str, Any]) -> Block | None:
    number = (document["traced_ratio"] or document["ratio"])["blocks"]
    judged = is_judged(document, number)
    rows = [
        interval(
            COMPARED_LINES.get(line["name"], line["name"]),
            time_text(line["difference_ns"])
            if number > 1
            else duration(line["difference_ns"]["median"]),
            line["difference_ns"],
            _sign(line["difference_ns"]) if judged else "dim",
        )
        for line in document["lines"]
        if line["a_ns"] or line["b_ns"]
    ]
    title = f"A - B, by {document['unit']}"
    return blocks.intervals(title, rows, reference=0.0, about="0: no difference") if rows else None


def _sign(difference: Mapping[str, float]) -> str:
    return "bad" if difference["low"] > 0 else "good" if difference["high"] < 0 else "dim"


def _table(
    title: str, lines: Sequence[Mapping[str, Any]], unit: str, words: Mapping[str, str]
) -> Block | None:
    columns = [
        Column(f"per {unit}", is_text=True),
        Column("A"),
        Column("B"),
        Column("A - B"),
        Column("low"),
        Column("high"),
        Column("of the gap"),
    ]
    rows = [
        [
            words[line["name"]] if line["name"] in words else blocks.function(line["name"]),
            blocks.time(line["a_ns"]),
            blocks.time(line["b_ns"]),
            *(blocks.time(line["difference_ns"][end]) for end in ("median", "low", "high")),
            blocks.share(line["share"]),
        ]
        for line in lines
    ]
    return blocks.table(title, columns, rows) if rows else None


def _hops(document: Mapping[str, Any]) -> list[Block]:
    """Those of two recordings; of other comparisons there are none."""
    sides = zip("AB", document.get("hops") or (), strict=False)
    return [kinds_table(side, hops) for side, hops in sides]


def _counts(document: Mapping[str, Any]) -> Block | None:
    rows = [
        [blocks.name(name), blocks.per_unit(found["a"]), blocks.per_unit(found["b"])]
        for name, found in document["per_unit"].items()
    ]
    return (
        blocks.table("", [Column("", is_text=True), Column("A"), Column("B")], rows)
        if rows
        else None
    )
