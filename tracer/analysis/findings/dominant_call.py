"""Dominant call: one call's sleep, ended by nobody of the program, is most of the wait."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, again, on_path_ns, rounded, share
from tracer.analysis.findings._waits import (
    Row,
    descriptor,
    is_server_side,
    is_socket,
    kind,
    on,
    waits,
    who,
)  # fmt: skip
from tracer.analysis.findings.delayed_ack import is_delayed
from tracer.analysis.findings.disk_sync import SYNCS
from tracer.model.states import EXTERNAL, SLEEP
from tracer.units import counted, duration

NAME = "Dominant call"
#: This share of the window at least.
LEAST_SHARE = 0.3
#: Waits that are named by other findings, or for work.
_OTHERS = ("futex", "poll", "sleep", "io_uring", "process")


def _is_one(row: Row) -> bool:
    if row["ended_by"] in ("process", "kernel_worker") or row["outcome"] == "timed_out":
        return False
    if is_delayed(row) or row["call"] in SYNCS or is_server_side(row):
        return False
    on_one_socket = row["class"] == "poll" and is_socket(row)
    return on_one_socket or (row["class"] not in _OTHERS and kind(row) != "timerfd")


def _on_path(document: Document, row: Row) -> int:
    """What of it is on the path: a thread's own sleep, that nobody of the program ended."""
    part = SLEEP if row["ended_by"] == "timer" else EXTERNAL
    return min(int(row["total_ns"] / max(row["threads"], 1)), on_path_ns(document, part))


def _row(document: Document) -> Row | None:
    rows = [row for row in waits(document) if _is_one(row)]
    return max(rows, key=lambda row: _on_path(document, row), default=None)


def _ns(document: Document) -> int:
    row = _row(document)
    return _on_path(document, row) if row else 0


def _each_ns(document: Document) -> float:
    row = _row(document)
    return row["total_ns"] / max(row["calls"], 1) if row else 0.0


DERIVED = {"on the path, ns": _ns, "each, ns": _each_ns}


def find(document: Document) -> Finding | None:
    row = _row(document)
    if row is None or share(document, _ns(document)) < LEAST_SHARE:
        return None
    ns, at = _ns(document), on(row)
    return finding(
        __name__,
        share(document, ns),
        f"{who(row)} waits in {row['call']}{f' on {at}' if at else ''}: {duration(ns)},"
        f" {rounded(share(document, ns))} of the time",
        f"{counted(row['calls'], 'call')} that slept, {duration(_each_ns(document))} each, at most"
        f" {duration(row['longest_ns'])}; woken by {_WOKEN_BY[row['ended_by']]}",
        _next(document, row),
    )


_WOKEN_BY = {
    "timer": "a timer",
    "hard_irq": "a device",
    "softirq": "network or disk",
    "kernel_thread": "a kernel thread",
    "other_process": "another process",
}


def _next(document: Document, row: Row) -> str:
    found = descriptor(row)
    if found and found["peer_port"] and str(found["peer"]).startswith(("127.", "::1")):
        return (
            f"sudo ss -tnp 'sport = :{found['peer_port']}' names the process that answers: trace it"
        )
    if found and found["peer_port"]:
        return f"look at {found['peer']} port {found['peer_port']}: it answers late, or far away"
    return again(document, "--probe stacks")
