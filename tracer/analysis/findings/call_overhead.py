"""Call overhead: so many calls that their entry and exit, and tracing them, take the time."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    calls,
    faults,
    is_outside_calls_seen,
    of_own_code_on_path_ns,
    outside_calls_ns,
    profile,
    rounded,
    share,
    window_ns,
)  # fmt: skip
from tracer.units import count, duration

NAME = "Call overhead"
ALONE = True
#: So many calls a second; their overhead has this share of the path.
LEAST_RATE, LEAST_SHARE = 50_000, 0.1
#: A page fault takes about so long; entry and exit of a call, with tracing, at most so long.
FAULT_NS, MOST_CALL_NS = 700, 20_000
_S = 1_000_000_000


def _number(document: Document) -> int:
    return sum(row["calls"] for row in calls(document))


def _overhead_ns(document: Document) -> int:
    """The kernel's time outside calls that page faults do not explain, of all threads."""
    left_ns = outside_calls_ns(document) - FAULT_NS * faults(document)
    return max(min(left_ns, MOST_CALL_NS * _number(document)), 0)


def _on_path(document: Document) -> int:
    return of_own_code_on_path_ns(document, _overhead_ns(document))


DERIVED = {
    "calls": _number,
    "a call, ns": lambda document: _overhead_ns(document) / max(_number(document), 1),
    "on the path, ns": _on_path,
    "a second": lambda document: _number(document) * _S / window_ns(document),
}


def find(document: Document) -> Finding | None:
    number = _number(document)
    if not is_outside_calls_seen(document):
        return None
    if number * _S < LEAST_RATE * window_ns(document):
        return None
    ns = _on_path(document)
    if share(document, ns) < LEAST_SHARE:
        return None
    most = max(calls(document), key=lambda row: row["calls"])
    return finding(
        __name__,
        share(document, ns),
        f"entry and exit of {count(number)} calls, and tracing them, take ~{duration(ns)},"
        f" ~{rounded(share(document, ns))} of the time; most are {most['name']}:"
        f" {count(most['calls'])}",
        f"~{duration(_overhead_ns(document) / number)} for each call, in the kernel and outside its"
        f" work; {count(number * _S / window_ns(document))} calls a second",
        profile(document),
    )
