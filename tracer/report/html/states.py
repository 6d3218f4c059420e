"""Threads by state over time and the path in order of time, from a recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tracer.analysis.events import binned
from tracer.analysis.events.replay import NO_CALL, Replayed
from tracer.analysis.events.saved import Recorded
from tracer.model import syscalls
from tracer.model.states import OWN_PARTS
from tracer.report.html import blocks, flame
from tracer.report.html.blocks import Block
from tracer.report.html.parts import NAMES, part_of
from tracer.units import counted, duration

#: Bins of the sums, of the lanes at most and at least, and of the path.
_BINS, _MOST_LANE_BINS, _FEWEST_LANE_BINS, _PATH_BINS = 600, 600, 60, 250
#: Cells of all lanes together: each is a byte of the page. Lanes at most.
_CELLS, _MOST_LANES = 1_800_000, 10_000
#: A thread that was awake for this share of a bin is not shown asleep.
_LEAST_AWAKE = 0.05
_KINDS = list(NAMES)
_KIND_OF = [_KINDS.index(part_of(part)) for part in OWN_PARTS]
_CODES = "abcdefghij"

Threads = Sequence[Mapping[str, Any]]


def of_recording(recorded: Recorded) -> dict[str, Any]:
    """What the view of a run takes of a recording, by the names of its parameters."""
    threads, machine = recorded.meta["threads"], recorded.meta.get("machine", "")
    return {
        "states": states(recorded.replay, threads),
        "path": path(recorded.replay, threads, machine),
    }


def states(found: Replayed, threads: Threads) -> Block | None:
    """`threads`: of the recording's metadata. None where no thread was in the window."""
    if not len(found.segments) or found.end_ns <= found.start_ns:
        return None
    sums = binned.numbers(found, _KIND_OF, len(_KINDS), _BINS)
    edges = binned.edges(found, _BINS) - found.start_ns
    parts = [
        # the last value once more: a step ends where the next one begins
        {"name": name, "label": NAMES[name], "y": _rounded([*sums[number], sums[number][-1]])}
        for number, name in enumerate(_KINDS)
        if sums[number].max() > 1e-6
    ]
    return {
        "kind": "states",
        "title": "Threads by state over time",
        "note": f"From the recording's events: how many threads were in each state, on average over"
        f" {_BINS} bins of {duration((found.end_ns - found.start_ns) / _BINS)}.",
        "unit": "threads",
        "x": edges.tolist(),
        "parts": parts,
        "labels": NAMES,
        "lanes": _lanes(found, _names(found, threads)),
    }


def _rounded(values: Sequence[float]) -> list[float]:
    return [float(f"{max(value, 0):.4g}") for value in values]


def _lanes(found: Replayed, names: Sequence[str]) -> dict[str, Any]:
    number = min(len(found.threads), _MOST_LANES)
    bins = int(np.clip(_CELLS // max(number, 1), _FEWEST_LANE_BINS, _MOST_LANE_BINS))
    bin_ns = (found.end_ns - found.start_ns) / bins
    lanes = binned.lanes(found, _KIND_OF, _KINDS.index("asleep"), bins, _MOST_LANES, _LEAST_AWAKE)
    codes = np.frombuffer(_CODES[: len(_KINDS)].encode() + b" ", dtype="S1")
    more = f" {counted(lanes.left_out, 'more thread')} not shown." if lanes.left_out else ""
    return {
        "bin_ns": bin_ns,
        "note": f"Most awake first; {bins} bins of {duration(bin_ns)}. A cell shows what the thread"
        f" did most while it was awake, where that was {100 * _LEAST_AWAKE:.0f} % of the bin or"
        f" more.{more}",
        "codes": dict(zip(_CODES, _KINDS, strict=False)),
        "threads": [
            {"name": names[row], "cells": codes[cells].tobytes().decode()}
            for row, cells in zip(lanes.rows, lanes.cells, strict=True)
        ],
    }


def _names(found: Replayed, threads: Threads) -> list[str]:
    """A name with the number for each row."""
    known = {(one["slot"], one["life"]): one.get("name") or "" for one in threads}
    names = []
    for row in found.threads:
        comm = bytes(row["comm"]).decode(errors="replace")
        name = known.get((int(row["slot"]), int(row["life"]))) or comm
        names.append(f"{blocks.thread(name)} {row['tid']}")
    return names


def path(found: Replayed, threads: Threads, machine: str) -> list[flame.Stack]:
    """The path in order of time as stacks: threads of one name, and what they did."""
    names = [_without_number(name) for name in _names(found, threads)]
    groups = list(dict.fromkeys(names))
    number_of = {group: number for number, group in enumerate(groups)}
    stacks: list[flame.Stack] = []
    for piece in binned.path(found, [number_of[name] for name in names], _PATH_BINS):
        state = OWN_PARTS[piece.part]
        call = None if piece.nr == NO_CALL else syscalls.name_of(piece.nr, machine)
        who = "outside the program" if piece.group < 0 else groups[piece.group]
        stacks.append(([who, flame.did_there(state, call)], state, piece.ns))
    return stacks


def _without_number(name: str) -> str:
    """The name of a thread without its number."""
    return name.rpartition(" ")[0]
