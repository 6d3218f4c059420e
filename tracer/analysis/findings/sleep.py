"""Sleep: the path is a thread that sleeps because the program told it to."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, again, on_path_ns, rounded, share
from tracer.analysis.findings._waits import Row, blocked_loop, waits, who
from tracer.model.states import SLEEP
from tracer.units import counted, duration

NAME = "Sleep"
ALONE = True
#: The path sleeps for this share of the window at least.
LEAST_SHARE = 0.2


def _row(document: Document) -> Row | None:
    blocked = blocked_loop(document)  # another finding tells what that does
    rows = [row for row in waits(document) if row["class"] == "sleep"]
    rows = [row for row in rows if blocked is None or row is not blocked[0]]
    return next((row for row in rows if row["ended_by"] == "timer"), None)


def _each_ns(document: Document) -> float:
    row = _row(document)
    return row["total_ns"] / max(row["calls"], 1) if row else 0.0


def _on_path_ns(document: Document) -> int:
    row = _row(document)
    return min(row["total_ns"], on_path_ns(document, SLEEP)) if row else 0


DERIVED = {"each, ns": _each_ns, "on the path, ns": _on_path_ns}


def find(document: Document) -> Finding | None:
    row, ns = _row(document), _on_path_ns(document)
    if row is None or share(document, ns) < LEAST_SHARE:
        return None
    return finding(
        __name__,
        share(document, ns),
        f"{who(row)} sleeps for {duration(ns)}, {rounded(share(document, ns))} of the time, because"
        f" it asked to: {counted(row['calls'], 'call')} of {row['call']}",
        f"{duration(_each_ns(document))} each, ended by its timer",
        again(document, "--probe stacks"),
    )
