"""What the hops of a recording say about crossing between CPUs, in sentences; and two recordings
beside each other."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tracer.analysis.events.anatomy import Anatomy
from tracer.analysis.events.evidence import Chance, Evidence
from tracer.report.hops import PART_LINES, kind_line
from tracer.report.layout import WIDTH, page, table
from tracer.units import count, counted, duration, microseconds, percent

SCHEMA = "tracer.explain.recording/1"
_NAMED = 3  # parts of the excess that are named
_TEST = "This is one run: tracer explain pinning, or tracer explain -- COMMAND, tests it."


def render(found: Evidence, name: str, width: int = WIDTH) -> str:
    """The whole report."""
    return page([[name], *([line] for line in sentences(found)), [_TEST]], width)


def sentences(found: Evidence) -> list[str]:
    """The answer first, then what it rests on."""
    if not found.is_seen:
        return [_one_side(found)]
    slower = found.crossed.mean_ns - found.same.mean_ns
    gain = found.crossed.count * slower / found.hops
    lines = [
        f"{percent(found.crossed.count / found.hops)} of {counted(found.hops, 'hop')} cross to"
        f" another CPU. Such a hop takes {duration(found.crossed.mean_ns)}, one on the same CPU"
        f" {duration(found.same.mean_ns)} (means)."
    ]
    if slower > 0:
        lines.append(
            f"If those that cross took as long as the others, a hop would take"
            f" {duration(found.mean_ns - gain)}, not {duration(found.mean_ns)}"
            f" ({100 * gain / found.mean_ns:.0f} % less). No run has shown that yet."
        )
    else:
        lines.append("So crossing does not make hops longer here.")
    longest = [(part, ns) for part, ns in found.excess.items() if ns > 0.02 * abs(slower)]
    if slower > 0 and longest:
        named = "; ".join(
            f"{PART_LINES[part]} {duration(ns)} ({100 * ns / slower:.0f} %)"
            for part, ns in longest[:_NAMED]
        )
        lines.append(
            f"A hop that crosses is {duration(slower)} longer. Where: {named}."
            + _shorter(found, slower)
        )
    lines.append(
        f"{percent(found.asleep / found.crossed.count)} of those that cross meet a CPU that sleeps."
    )
    return lines + _why(found)


def _shorter(found: Evidence, slower: float) -> str:
    less = [(part, ns) for part, ns in found.excess.items() if ns < -0.02 * slower]
    if not less:
        return ""
    part, ns = less[-1]
    return f" Shorter: {PART_LINES[part]} by {duration(-ns)}."


def _why(found: Evidence) -> list[str]:
    lines = [
        f"In {percent(found.pushed_off / found.same.count)} of the hops on the same CPU the woken"
        " thread pushes its waker off, which stays ready to run there."
    ]
    if min(found.alone.count, found.beside_another.count) >= 100:
        lines.append(
            f"Where the waker had pushed another thread off, so that two can run on its CPU,"
            f" {_chance(found.beside_another)} cross; otherwise {_chance(found.alone)}."
        )
    return lines


def _chance(chance: Chance) -> str:
    return f"{percent(chance.share)} of {count(chance.count)} wake-ups"


def _one_side(found: Evidence) -> str:
    if not found.hops:
        return "No hop has a thread wake another one that sleeps: nothing crosses between CPUs."
    return (
        f"{counted(found.crossed.count, 'hop')} of {count(found.hops)} cross to another CPU:"
        " too few on one side to compare (100, and 1 %)."
    )


def document(found: Evidence, anatomy: dict[str, Any]) -> dict[str, Any]:
    """JSON data, `tracer.explain.recording/1`; `anatomy`: that of `tracer hops`."""
    return {
        "schema": SCHEMA,
        "evidence": {**asdict(found), "is_seen": found.is_seen, "excess_ns": found.excess},
        "sentences": sentences(found),
        "hops": anatomy,
    }


# ---- two recordings ----


def beside(a: Anatomy, b: Anatomy, width: int = WIDTH) -> list[str]:
    """Lines of a table: the hops of both by kind. Sleeps of CPUs are not divided, as each recording
    has a limit of its own."""
    sides = [{**{g.kind: g for g in found.whole_kinds}, "all": found.every} for found in (a, b)]
    kinds = [*dict.fromkeys(kind for side in sides for kind in side if kind != "all"), "all"]
    columns: list[list[str]] = []
    heads = ["hops"]
    for label, side in zip("AB", sides, strict=True):
        groups = [side.get(kind) for kind in kinds]
        columns += [
            [count(g.count) if g else "0" for g in groups],
            [percent(g.share) if g else "" for g in groups],
            [microseconds(g.percentiles_ns[50]) if g else "" for g in groups],
        ]
        heads += [f"{label}: count", "share", "p50 us"]
    names = [kind_line(kind, None) for kind in kinds]
    return table(list(zip(names, *columns, strict=True)), heads, 1, width)
