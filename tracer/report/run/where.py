"""Where on the path: the places in the program that its time belongs to, and the hand-overs."""

from __future__ import annotations

from dataclasses import replace

from tracer.analysis.where.places import NO_SAMPLE, Place, PlaceShare
from tracer.analysis.where.profile import Where
from tracer.model.words import PART_LINES
from tracer.report.layout import cut, table
from tracer.report.names import short_name
from tracer.report.run.tasks import by_each_task, event_loops, tasks
from tracer.units import count, counted, duration, in_one_unit, in_points, percent, plain

#: So many of each are shown; --json has all.
_MOST_PLACES, _MOST_EDGES, _MOST_TASKS = 10, 5, 20
#: Room for any place.
_WIDEST = 1 << 20
#: Columns that a place gets at least, however narrow the terminal.
_LEAST_PLACE = 24
#: An edge followed by less of the window, or a kind of stack with less of it, is not worth a line.
_LEAST_SHARE = 0.001


def where(found: Where | None, width: int, *, by_task: bool = False) -> list[str]:
    """The section; nothing for a run without a profile."""
    if found is None:
        return []
    if not found.points:
        return [f"Where on the path: {_no_samples(found)}"]
    if by_task:
        shown = [*by_each_task(found, _MOST_TASKS, width), *event_loops(found)]
    else:
        shown = [*_places(found, width), *_edges(found, width), *tasks(found, width)]
    return [
        f"Where on the path: {counted(found.points, 'sample')}, one every"
        f" {duration(found.grid_ns)} of it",
        *shown,
        *_remarks(found),
    ]


def _no_samples(found: Where) -> str:
    """Why there are none."""
    if found.lost:
        return f"{counted(found.lost, 'sample')} lost: no room was left in the kernel's table"
    finer = max(found.window_ns // 100_000, 50)
    if 1000 * finer < found.grid_ns:
        return f"too short for a sample every {duration(found.grid_ns)}; try --grid {finer}"
    return "no samples: its thread slept, or waited for a CPU, all the time"


def _places(found: Where, width: int) -> list[str]:
    sampled = [share for share in found.places if share.place.function != NO_SAMPLE]
    shown = [s for s in sampled if s.ns >= _LEAST_SHARE * found.window_ns][:_MOST_PLACES]
    shown = shown or sampled[:1]
    parts = [_part(share) for share in shown]
    room = max(width - max(map(len, parts), default=0) - 19, _LEAST_PLACE)
    rows = [
        [place_text(share.place, room), part, percent(share.ns / max(found.window_ns, 1)),
         in_points(share.error)]
        for share, part in zip(shown, parts, strict=True)
    ]  # fmt: skip
    lines = table(rows, ["place", "what it did there", "share", "+-"], 2, width)
    rest = sampled[len(shown) :]
    if rest:
        rest_ns = sum(share.ns for share in rest)
        lines.append(
            f"and {counted(len(rest), 'more place')}, {percent(rest_ns / max(found.window_ns, 1))}"
            " in all (--json has them)"
        )
    return lines


def _part(share: PlaceShare) -> str:
    """What the thread did there: `I/O: recvfrom`."""
    words = PART_LINES[share.part]
    if not share.part.startswith("syscall:") or not share.calls:
        return words
    more = "..." if len(share.calls) > 1 else ""
    return f"{words}: {share.calls[0]}{more}"


def place_text(place: Place, room: int) -> str:
    """`recv called from pass_on row.rs:26` in at most `room` columns: names are shortened, then
    lose their start."""
    file = plain(place.file).rpartition("/")[2]
    line = f":{place.line}" if place.line else ""
    at = f" {file}{line}" if file else ""
    function, called = plain(place.function), plain(place.called)
    text = f"{called} called from {function}{at}" if called else f"{function}{at}"
    if len(text) <= room:
        return text
    function, called = short_name(function), short_name(called)
    text = f"{called} called from {function}{at}" if called else f"{function}{at}"
    if len(text) <= room:
        return text
    at = cut(at, room // 3)
    if not called:
        return cut(function, room - len(at)) + at
    between = " called from "
    left = max(room - len(between) - len(at), 8)
    short = cut(called, max(left // 2, left - len(function)))
    return cut(short + between + cut(function, left - len(short)) + at, room)


def _edges(found: Where, width: int) -> list[str]:
    shown = [e for e in found.edges if e.ns >= _LEAST_SHARE * found.window_ns][:_MOST_EDGES]
    if not shown:
        return []
    room = max((width - 30) // 2, _LEAST_PLACE)
    unit, then = in_one_unit([edge.ns for edge in shown], are_sums=True)
    rows = [
        [_end_text(edge.waker, room), _end_text(edge.woken, room), count(edge.times),
         count(edge.direct), text]
        for edge, text in zip(shown, then, strict=True)
    ]  # fmt: skip
    times = sum(edge.times for edge in found.edges)
    return [
        "",
        f"Who handed over to whom: {count(times)} times from one sample to the next, of"
        f" {counted(found.handovers, 'hand-over')} on the path",
        *table(rows, ["from", "to", "times", "direct", f"then, {unit}"], 2, width),
        "direct: the one woke the other, with nobody between; then: the path's time until the next"
        " such time",
    ]


def _end_text(place: Place, room: int) -> str:
    """One end of a hand-over: without what the line called where there is no room for it."""
    text = place_text(place, _WIDEST)
    return text if len(text) <= room else place_text(replace(place, called=""), room)


def _remarks(found: Where) -> list[str]:
    lines = []
    if found.is_enough:
        lines.append(
            "+-: how far a share may be off, in percentage points, as it comes from samples"
            " (95 % sure)"
        )
    else:
        lines.append(
            f"{counted(found.points, 'sample')}: too few to say how far these shares are off;"
            " a longer run has more"
        )
    if found.lost:
        lines.append(
            f"{counted(found.lost, 'sample')} lost: no room was left in the kernel's table"
        )
    lines += _stacks(found)
    lines += found.hints
    if found.missing:
        lines.append(f"Without names or whole stacks: {plain(found.missing)}")
    return lines


def _stacks(found: Where) -> list[str]:
    """Which share of the path has whole stacks, and what the others lack."""
    quality, window_ns = found.quality, max(found.window_ns, 1)
    kinds = {f"broke off in {plain(m)}": ns for m, ns in quality.broken_ns.items()}
    kinds["missing"] = quality.missing_ns
    kinds["without a sample"] = quality.no_sample_ns
    named = [
        f"{percent(ns / window_ns)} {kind}"
        for kind, ns in kinds.items()
        if ns >= _LEAST_SHARE * window_ns
    ]
    whole = f"Stacks: whole for {percent(quality.whole_ns / window_ns)} of the path"
    return [", ".join([whole, *named[:_MOST_EDGES]])]
