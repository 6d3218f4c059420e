"""Neighbours: ready to run, and programs outside the target had the CPU."""

from __future__ import annotations

from collections import Counter

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, explain, named, rounded, share
from tracer.units import duration

NAME = "Neighbours"
OUTSIDE = True
#: The path was ready behind other programs for this share of the window.
LEAST_SHARE = 0.05
#: So many programs are named, each with this share of their CPU time at least.
NAMED, LEAST_PROGRAM = 3, 0.05


def _programs(document: Document) -> list[tuple[str, int]]:
    """Programs by name with their time on CPUs, the most first."""
    ns_of: Counter[str] = Counter()
    for program in document.get("others") or []:
        ns_of[program["name"]] += program["ns"]
    least_ns = LEAST_PROGRAM * sum(ns_of.values())
    return [(name, ns) for name, ns in ns_of.most_common(NAMED) if ns >= least_ns]


def _ns(document: Document, at: int) -> int:
    programs = _programs(document)
    return programs[at][1] if at < len(programs) else 0


DERIVED = {
    "first": lambda document: _ns(document, 0),
    "second": lambda document: _ns(document, 1),
    "third": lambda document: _ns(document, 2),
}


def find(document: Document) -> Finding | None:
    behind_ns = int(document["ledgers"]["wall"].get("behind_other_ns") or 0)
    programs = _programs(document)
    if share(document, behind_ns) < LEAST_SHARE or not programs:
        return None
    named_ = ", ".join(f"{named(name)} ({duration(ns)})" for name, ns in programs)
    other_ns = int(document["ledgers"]["cpu"]["parts"].get("other") or 0)
    return finding(
        __name__,
        share(document, behind_ns),
        f"ready for {duration(behind_ns)}, {rounded(share(document, behind_ns))} of the time, while"
        f" other programs had its CPU: {named_}",
        f"all programs outside it had CPUs for {duration(other_ns)}; times are on all CPUs",
        explain(document),
    )
