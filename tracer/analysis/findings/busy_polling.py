"""Busy polling: a CPU asks again and again for what is not there yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    again,
    calls,
    named,
    rounded,
    share,
    window_ns,
)  # fmt: skip
from tracer.units import count, counted, duration

NAME = "Busy polling"
#: Of the window, on CPUs.
LEAST_SHARE = 0.1
#: Calls that gave nothing are this share of all of that name; for each operation that the kernel's
#: polling thread got, it was on a CPU for this long at least.
LEAST_EMPTY, LEAST_EACH_NS = 0.5, 100_000
#: Of the time in calls that poll, on CPUs: they did not sleep.
LEAST_ON_CPU = 0.5
_RECEIVES = ("read", "readv", "recvfrom", "recvmsg", "recvmmsg", "accept", "accept4")
_POLLER = "iou-sqp-"


class _Poll(NamedTuple):
    ns: int
    sentence: str
    evidence: str
    next: str


def _pollers(document: Document) -> list[Mapping[str, Any]]:
    """Threads of the kernel that poll for submissions to io_uring."""
    return [group for group in document["thread_groups"] if group["name"].startswith(_POLLER)]


def _operations(document: Document) -> int:
    """0 where they were not counted."""
    found = document.get("io_uring") or {}
    return sum(operation["submitted"] for operation in found.get("operations") or ())


def _poller_ns(document: Document) -> int:
    return sum(group["parts"]["kernel_workers"] for group in _pollers(document))


def _by_ring(document: Document) -> _Poll | None:
    """SQPOLL: where operations were counted, each has much polling."""
    ns, number = _poller_ns(document), _operations(document)
    if not ns or (number and ns < LEAST_EACH_NS * number):
        return None
    name = named(_pollers(document)[0]["name"])
    each = f" for {counted(number, 'operation')}, {duration(ns / number)} each" if number else ""
    return _Poll(
        ns,
        f"the kernel's polling thread {name} (io_uring, SQPOLL) was on a CPU for {duration(ns)},"
        f" {rounded(share(document, ns))} of the time{each}",
        "it polls until sq_thread_idle is over: lower that, or leave IORING_SETUP_SQPOLL out where"
        " operations are rare",
        "leave IORING_SETUP_SQPOLL out, or lower sq_thread_idle"
        if number
        else again(document, "--probe io_uring"),
    )


def _empty_polls(document: Document) -> tuple[Mapping[str, Any] | None, float]:
    """The call of the poll family with the most time on CPUs that gave nothing, and that share."""
    found: list[tuple[Mapping[str, Any], float]] = []
    asked = {call["name"]: call for call in (document.get("epoll") or {}).get("calls", [])}
    for row in calls(document):
        if row["class"] != "poll" or row["on_cpu_ns"] < LEAST_ON_CPU * row["total_ns"]:
            continue
        number = max(row["calls"], 1)
        if row["name"] in asked:
            empty = asked[row["name"]]["empty"] / number
        else:  # at most so many gave any event
            empty = 1 - row["events"] / number if row.get("events") is not None else 0.0
        if empty >= LEAST_EMPTY:
            found.append((row, empty))
    return max(found, key=lambda one: one[0]["on_cpu_ns"], default=(None, 0.0))


def _by_poll(document: Document) -> _Poll | None:
    row, empty = _empty_polls(document)
    if row is None:
        return None
    ns = row["on_cpu_ns"]
    return _Poll(
        ns,
        f"{count(row['calls'])} calls of {row['name']} took {duration(ns)} on CPUs,"
        f" {rounded(share(document, ns))} of the time; {rounded(empty)} of them found nothing",
        f"they did not sleep: {duration(row['total_ns'])} in all, {duration(row['p50_ns'])} in the"
        " middle one",
        "let the call wait: a time-out above 0, or -1",
    )


def _failed(document: Document) -> Mapping[str, Any] | None:
    rows = [
        row
        for row in calls(document, *_RECEIVES)
        if row["errors"].get("EAGAIN", 0) > LEAST_EMPTY * row["calls"]
    ]
    return max(rows, key=lambda row: row["on_cpu_ns"], default=None)


def _by_again(document: Document) -> _Poll | None:
    row = _failed(document)
    if row is None:
        return None
    ns, failed = row["on_cpu_ns"], row["errors"]["EAGAIN"]
    return _Poll(
        ns,
        f"{count(failed)} of {count(row['calls'])} calls of {row['name']} found nothing (EAGAIN):"
        f" {duration(ns)} on CPUs, {rounded(share(document, ns))} of the time",
        f"{duration(row['on_cpu_ns'] / row['calls'])} each",
        "wait for the descriptor (epoll, poll) before reading it, or make it blocking",
    )


DERIVED = {
    "on CPUs, ns": _poller_ns,
    "operations": _operations,
    "an operation, ns": lambda document: _poller_ns(document) / max(_operations(document), 1),
    "found nothing": lambda document: _empty_polls(document)[1],
    "a receive, ns": lambda document: _receive_ns(document),
}


def _receive_ns(document: Document) -> float:
    row = _failed(document)
    return row["on_cpu_ns"] / row["calls"] if row else 0.0


def find(document: Document) -> Finding | None:
    found = [one for make in (_by_ring, _by_poll, _by_again) if (one := make(document))]
    most = max(found, key=lambda one: one.ns, default=None)
    if most is None or most.ns < LEAST_SHARE * window_ns(document):
        return None
    return finding(__name__, share(document, most.ns), most.sentence, most.evidence, most.next)
