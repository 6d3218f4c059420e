"""Dominant call: one call's sleep, ended by nobody of the program, is most of the wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    again,
    named,
    on_path_ns,
    rounded,
    share,
    window_ns,
)
from tracer.analysis.findings._waits import (
    Row,
    descriptor,
    is_server_side,
    is_socket,
    kind,
    longest,
    on,
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
    return longest(document, _is_one, lambda row: _on_path(document, row))


def _ns(document: Document) -> int:
    row = _row(document)
    return _on_path(document, row) if row else 0


def _each_ns(document: Document) -> float:
    row = _row(document)
    return row["total_ns"] / max(row["calls"], 1) if row else 0.0


def _slept_ns(document: Document) -> int:
    """Of a thread that waits so, wake-ups included."""
    row = _row(document)
    return min(row["total_ns"] // max(row["threads"], 1), window_ns(document)) if row else 0


DERIVED = {"off its CPU, ns": _slept_ns, "each, ns": _each_ns}


def find(document: Document) -> Finding | None:
    row = _row(document)
    if row is None or share(document, _ns(document)) < LEAST_SHARE:
        return None
    ns, slept_ns, at = _ns(document), _slept_ns(document), on(row)
    return finding(
        __name__,
        share(document, ns),
        f"{who(row)} waits in {row['call']}{f' on {at}' if at else ''}: {duration(slept_ns)},"
        f" {rounded(share(document, slept_ns))} of the time",
        f"{counted(row['calls'], 'call')} that slept, {duration(_each_ns(document))} each, at most"
        f" {duration(row['longest_ns'])}; woken by {_woken_by(document, row)}",
        _next(document, row),
    )


_WOKEN_BY = {
    "timer": "a timer",
    "hard_irq": "a device",
    "softirq": "network or disk",
    "kernel_thread": "a kernel thread",
    "other_process": "another process",
}


#: What such wakers are in `outside_waits`.
_AWAITED = {"other_process": ("process", "network"), "kernel_thread": ("kernel_thread", "disk")}


def _waker(document: Document, row: Row) -> Mapping[str, Any] | None:
    """The process that ended most of such calls, where one did."""
    wanted = _AWAITED.get(row["ended_by"], ())
    for wait in document.get("outside_waits") or []:
        if wait["for"] in wanted and wait["call"] == row["call"] and wait["waker"]:
            return dict(wait["waker"])
    return None


def _woken_by(document: Document, row: Row) -> str:
    waker = _waker(document, row)
    return f"{named(waker['name'])} (pid {waker['pid']})" if waker else _WOKEN_BY[row["ended_by"]]


def _next(document: Document, row: Row) -> str:
    found, waker = descriptor(row), _waker(document, row)
    if waker and row["ended_by"] == "other_process":
        sudo = "sudo " if document["command_line"]["start"].startswith("sudo ") else ""
        return f"{sudo}tracer attach {waker['pid']} --duration 10"
    if found and found["peer_port"] and str(found["peer"]).startswith(("127.", "::1")):
        return (
            f"sudo ss -tnp 'sport = :{found['peer_port']}' names the process that answers: trace it"
        )
    if found and found["peer_port"]:
        return f"look at {found['peer']} port {found['peer_port']}: it answers late, or far away"
    return again(document, "--probe stacks")
