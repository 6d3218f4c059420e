"""A thundering herd: many threads are woken for a connection, and all but one find none."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, calls, named, share
from tracer.units import count, duration

NAME = "Thundering herd"
_CALLS = ("accept", "accept4")
_WAITS = ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect6")
#: So many accepts found no connection; this share of all of them, as a loop that accepts until
#: there is none has one in vain for each that is not; and this many threads in the group.
LEAST_VAIN, LEAST_SHARE, LEAST_THREADS = 100, 0.67, 3


def _accepts(document: Document) -> tuple[int, int]:
    """How many there were, and how many of them found no connection."""
    rows = calls(document, *_CALLS)
    vain = sum(row["errors"].get("EAGAIN", 0) for row in rows)
    return sum(row["calls"] for row in rows), vain


def _got(document: Document) -> int:
    made, vain = _accepts(document)
    return made - vain


def _cost_ns(document: Document) -> float:
    """Of the time on CPUs in accept and in calls that wait for it, the share of accepts in vain."""
    made, vain = _accepts(document)
    rows = [*calls(document, *_CALLS), *calls(document, *_WAITS)]
    return float(sum(row["on_cpu_ns"] for row in rows) * vain / max(made, 1))


DERIVED = {
    "in vain": lambda document: _accepts(document)[1],
    "accepts": lambda document: _accepts(document)[0],
    "connections": _got,
    "cost, ns": _cost_ns,
}


def find(document: Document) -> Finding | None:
    made, vain = _accepts(document)
    polling = [one for one in document["thread_groups"] if one["parts"].get("blocked:poll")]
    group = max(polling, key=lambda one: one["threads"], default=None)
    if vain < LEAST_VAIN or vain < LEAST_SHARE * made:
        return None
    if group is None or group["threads"] < LEAST_THREADS:
        return None
    return finding(
        __name__,
        share(document, _cost_ns(document)),
        f"{count(group['threads'])} threads {named(group['name'])} are woken for each connection:"
        f" {count(vain)} of {count(made)} accepts found none; EPOLLEXCLUSIVE wakes one of them",
        f"{count(_got(document))} connections; {duration(_cost_ns(document))} on CPUs in accept and"
        " in the calls that wait for it",
        "add its listening socket with EPOLLEXCLUSIVE, or give each thread one (SO_REUSEPORT)",
    )
