"""Tiny transfers: a call for every few bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    again,
    all_threads_ns,
    calls,
    on_path_ns,
    rounded,
    share,
    window_ns,
)  # fmt: skip
from tracer.units import count, duration, size

NAME = "Tiny transfers"
#: So many calls at least, in a second too, of so many bytes at most.
LEAST_CALLS, LEAST_RATE, MOST_BYTES = 10_000, 5_000, 256
#: Of the path, on CPUs in these calls.
LEAST_SHARE = 0.1
_S = 1_000_000_000
_INSIDE = "syscall:io"


def _moving(row: Mapping[str, Any]) -> int:
    """Its calls that did not fail."""
    return int(row["calls"] - sum(row["errors"].values()))


def _rows(document: Document) -> list[Mapping[str, Any]]:
    """The calls, the most time on CPUs first."""
    least = max(LEAST_CALLS, LEAST_RATE * window_ns(document) / _S)
    rows = [
        row
        for row in calls(document)
        if row.get("bytes") and _moving(row) >= least and row["bytes"] <= MOST_BYTES * _moving(row)
    ]
    return sorted(rows, key=lambda row: -row["on_cpu_ns"])


def _on_path(document: Document) -> int:
    """Their share of all threads' time in calls for I/O, of the path's."""
    inside_ns = sum(row["on_cpu_ns"] for row in _rows(document))
    of_ns = max(all_threads_ns(document, _INSIDE), 1)
    return int(min(inside_ns / of_ns, 1.0) * on_path_ns(document, _INSIDE))


def _first(document: Document, what: str) -> float:
    rows = _rows(document)
    if not rows:
        return 0.0
    row = rows[0]
    return float(
        {
            "bytes": row["bytes"] / _moving(row),
            "rate": row["calls"] * _S / window_ns(document),
            "each": row["on_cpu_ns"] / row["calls"],
        }[what]
    )


DERIVED = {
    "on the path, ns": _on_path,
    "bytes a call": lambda document: round(_first(document, "bytes")),
    "a second": lambda document: _first(document, "rate"),
    "a call, ns": lambda document: _first(document, "each"),
}


def find(document: Document) -> Finding | None:
    rows, ns = _rows(document), _on_path(document)
    if not rows or share(document, ns) < LEAST_SHARE:
        return None
    row = rows[0]
    return finding(
        __name__,
        share(document, ns),
        f"{count(row['calls'])} calls of {row['name']} moved"
        f" {size(round(_first(document, 'bytes')))} each: such calls take"
        f" {rounded(share(document, ns))} of the time; move more with each",
        f"{count(_first(document, 'rate'))} a second, {duration(_first(document, 'each'))} on a CPU"
        f" each; {duration(ns)} of the path in small reads and writes",
        again(document, "--probe stacks"),
    )
