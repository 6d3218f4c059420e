"""A thundering herd: many threads are woken for a connection, and all but one find none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def _group(document: Document) -> Mapping[str, Any] | None:
    """The largest group of threads that wait in poll calls."""
    polling = [one for one in document["thread_groups"] if one["parts"].get("blocked:poll")]
    return max(polling, key=lambda one: one["threads"], default=None)


def _sleeps(document: Document) -> tuple[int, int]:
    """How often threads of that group slept, and how many of these sleeps ended for nothing: the
    call looked again and slept again. By the probe epoll, else by the calls that slept."""
    group, waits = _group(document), document.get("waits")
    if group is None or not waits:
        return 0, 0
    slept = sum(row["calls"] for row in waits["rows"] if row["group"] == group["name"])
    vain = max(group["voluntary"] - slept, 0)
    if document.get("epoll"):
        vain = sum(row["woken_in_vain"] for row in document["epoll"]["calls"])
    return vain + slept, vain


def _worse(document: Document) -> tuple[int, int, str]:
    """All, those in vain, and what they are: whichever has the larger share in vain."""
    (made, empty), (sleeps, vain) = _accepts(document), _sleeps(document)
    if vain * max(made, 1) > empty * max(sleeps, 1):
        return sleeps, vain, "wake-ups"
    return made, empty, "accepts"


def _cost_ns(document: Document) -> float:
    """Of the time on CPUs in accept and in calls that wait for it, the share in vain."""
    number, vain, _ = _worse(document)
    rows = [*calls(document, *_CALLS), *calls(document, *_WAITS)]
    return float(sum(row["on_cpu_ns"] for row in rows) * vain / max(number, 1))


DERIVED = {
    "in vain": lambda document: _worse(document)[1],
    "all": lambda document: _worse(document)[0],
    "accepts": lambda document: _accepts(document)[0],
    "cost, ns": _cost_ns,
}


def find(document: Document) -> Finding | None:
    number, vain, what = _worse(document)
    made, _ = _accepts(document)
    group = _group(document)
    if made < LEAST_VAIN or vain < LEAST_VAIN or vain < LEAST_SHARE * number:
        return None
    if group is None or group["threads"] < LEAST_THREADS:
        return None
    return finding(
        __name__,
        share(document, _cost_ns(document)),
        f"{count(group['threads'])} threads {named(group['name'])} are woken for each connection:"
        f" {count(vain)} of {count(number)} {what} found none; EPOLLEXCLUSIVE wakes one of them",
        f"{count(made)} accepts; {duration(_cost_ns(document))} on CPUs for nothing in accept and"
        " in the calls that wait for it",
        "add its listening socket with EPOLLEXCLUSIVE, or give each thread one (SO_REUSEPORT)",
    )
