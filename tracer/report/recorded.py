"""What a recording says beside the report of its run: the check of both books, and the path."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from tracer.analysis.events.check import Check, Difference
from tracer.analysis.events.from_events import document_from, summary_from
from tracer.analysis.events.path import Holder, PathWalk, Piece
from tracer.analysis.events.saved import Recorded
from tracer.analysis.run.summary import Summary
from tracer.model.words import PART_LINES
from tracer.report.layout import WIDTH, cut, fit, page, table
from tracer.units import count, counted, duration, percent, plain

PATH_SCHEMA = "tracer.path/1"
_MOST_DIFFERENCES = 8
_NAME = 30
#: A smaller share of the window is not worth a line of the ledger.
_LEAST = 0.002
FROM_REPORT = (
    "From the saved report, since no event tells it: kernel time, other programs by name, CPUs that"
    " were allowed, what tracing cost, the tables of probes"
)

_NO_REPORT = "The recording has no report: what no event tells is not known"


def report_of(found: Recorded) -> tuple[Summary, dict[str, Any]]:
    """The report that the events tell by themselves, and its JSON document."""
    summary = summary_from(found.replay, found.meta, found.kept, found.report)
    saved = None if found.is_last else found.report
    return summary, document_from(summary, saved) | {"recording": recording_data(found)}


def check_lines(found: Recorded) -> list[str]:
    """How far the books of the kernel and the replay agree, and what the recording lacks."""
    lines = []
    if found.lost:
        lines.append(
            f"{counted(found.lost, 'event')} found no room in the rings: what follows from them is"
            " missing"
        )
    if found.truncated:
        lines.append(f"The recording is incomplete: {found.truncated}")
    impossible = found.replay.numbers["impossible"]
    if impossible:
        lines.append(
            f"{counted(impossible, 'event')} cannot follow those before: some are missing; the time"
            " between is unknown"
        )
    if found.is_last:
        lines.append(
            f"Only the last {duration(found.replay.end_ns - found.replay.start_ns)} were kept: the"
            " kernel's books and the report of the run are of its whole window, so nothing checks"
            " the replay"
        )
        return lines
    if found.check is None:
        lines.append("The kernel's books are not in the recording: nothing checks the replay")
    else:
        lines += _agreement(found.check)
    lines.append(FROM_REPORT if found.report else _NO_REPORT)
    return lines


def _agreement(check: Check) -> list[str]:
    compared = (
        f"{counted(check.path_parts, 'part')} of the path, {counted(check.threads, 'thread')},"
        f" {counted(check.calls, 'call')}"
    )
    if check.agrees:
        return [f"The kernel's books and the replay agree: {compared}, to the nanosecond"]
    shown = sorted(check.differences, key=lambda one: -abs(one.kernel - one.replay))
    heading = (
        f"The kernel's books and the replay differ in {counted(len(shown), 'figure')}; compared"
        f" were {compared}:"
    )
    lines = [heading, *_differences(shown[:_MOST_DIFFERENCES])]
    if len(shown) > _MOST_DIFFERENCES:
        lines.append(f"and {counted(len(shown) - _MOST_DIFFERENCES, 'more', 'more')}")
    return lines


def _differences(shown: list[Difference]) -> list[str]:
    cells = [
        [one.what, str(one.tid or ""), f"{one.kernel:,}", f"{one.replay:,}",
         f"{one.replay - one.kernel:+,}"]
        for one in shown
    ]  # fmt: skip
    return table(cells, ["figure", "thread", "kernel", "replay", "differs by"], 2)


def recording_data(found: Recorded) -> dict[str, Any]:
    """For JSON."""
    return {
        "events": found.replay.numbers["events"],
        "lost": found.lost,
        "truncated": found.truncated or None,
        "impossible": found.replay.numbers["impossible"],
        "check": None if found.check is None else found.check.data(),
    }


# ---- the path ----


def path_document(walked: PathWalk, found: Recorded) -> dict[str, Any]:
    """`tracer.path/1`."""
    return {"schema": PATH_SCHEMA, **asdict(walked), "recording": recording_data(found)}


def path_text(walked: PathWalk, found: Recorded, width: int = WIDTH) -> str:
    """The ledger, the longest pieces, who held the CPU."""
    if not walked.tid:
        return page([["The recording has no thread whose path it could be."]], width)
    name = f" ({plain(walked.thread)})" if walked.thread else ""
    head = (
        f"The path of thread {walked.tid}{name}: {duration(walked.window_ns)} in"
        f" {counted(walked.pieces, 'piece')}, through {counted(walked.threads, 'thread')},"
        f" which hand it on {counted(walked.changes, 'time')}"
    )
    return page(
        [
            fit(head, width),
            _ledger(walked, width),
            _pieces(walked, width),
            _holders(walked, width),
            [line for line in check_lines(found) if not line.startswith("From the saved")],
        ],
        width,
    )


def _ledger(walked: PathWalk, width: int) -> list[str]:
    total = max(walked.window_ns, 1)
    shown = [part for part in walked.parts if part.ns >= _LEAST * total]
    cells = [
        [
            PART_LINES[part.part].strip("~ "),
            part.call or "",
            duration(part.ns),
            percent(part.ns / total),
            count(part.pieces),
            duration(part.ns / part.pieces),
            duration(part.longest_ns),
        ]
        for part in shown
    ]
    rest = walked.parts[len(shown) :]
    if rest:
        ns, pieces = sum(part.ns for part in rest), sum(part.pieces for part in rest)
        cells.append(["the rest", "", duration(ns), percent(ns / total), count(pieces), "", ""])
    columns = ["what", "call", "time", "share", "pieces", "each", "longest"]
    return ["Where the time went, walked backwards from the end", *table(cells, columns, 2, width)]


def _pieces(walked: PathWalk, width: int) -> list[str]:
    if not walked.longest:
        return []
    cells = [
        [
            duration(piece.at_ns),
            duration(piece.ns),
            f"{piece.tid} {cut(plain(piece.thread), _NAME)}",
            _what(piece),
            str(piece.cpu),
            _behind(piece),
        ]
        for piece in walked.longest
    ]
    columns = ["at", "for", "thread", "what", "CPU", "behind"]
    return ["Its longest pieces", *_left(cells, columns, width)]


def _left(cells: list[list[str]], columns: list[str], width: int) -> list[str]:
    return table(cells, columns, len(columns), width)


def _what(piece: Piece) -> str:
    words = PART_LINES[piece.part].strip("~ ")
    return f"{words} ({piece.call})" if piece.call else words


def _behind(piece: Piece) -> str:
    if piece.behind is None:
        return ""
    return f"{plain(piece.behind) or 'a task without a name'} {duration(piece.behind_ns)}"


def _holders(walked: PathWalk, width: int) -> list[str]:
    if not walked.holders:
        return []
    total = max(walked.window_ns, 1)
    cells = [
        [_holder(holder), duration(holder.ns), percent(holder.ns / total), count(holder.times)]
        for holder in walked.holders
    ]
    return [
        "Who held the CPU longest in its waits for one",
        *table(cells, ["task", "time", "of the path", "waits"], 1, width),
    ]


def _holder(holder: Holder) -> str:
    if not holder.tid:
        return "nobody: the CPU was idle"
    name = cut(plain(holder.name), _NAME) if holder.name else "another program"
    return f"{holder.tid} {name}" + ("" if holder.is_own else " (not of the target)")
