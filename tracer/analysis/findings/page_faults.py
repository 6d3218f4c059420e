"""Page faults: the kernel fills pages while the program seems to compute."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    calls,
    faults,
    is_outside_calls_seen,
    of_own_code_on_path_ns,
    on_path_ns,
    outside_calls_ns,
    profile,
    rounded,
    share,
)
from tracer.model.states import USER
from tracer.units import count, duration

NAME = "Page faults"
#: Fewer, for each program that was started, are its start.
LEAST_FAULTS = 5000
#: A fault takes at most so long (1 us alone, 3 where others use the CPUs too): what is more
#: was something else. Beside calls they count where they weigh more, at so many ns each.
MOST_FAULT_NS, FAULT_NS, CALL_NS = 10_000, 700, 300
#: The kernel's time outside calls has this share of the path at least.
LEAST_SHARE = 0.1


def _programs(document: Document) -> int:
    rows = calls(document, "execve", "execveat")
    return sum(int(row["calls"] - sum(row["errors"].values())) for row in rows)


def _of_own_code(document: Document) -> float:
    return _on_path_ns(document) / max(on_path_ns(document, USER), 1)


def _each_ns(document: Document) -> float:
    return outside_calls_ns(document) / max(faults(document), 1)


DERIVED = {
    "faults": faults,
    "kernel time of the own code": _of_own_code,
    "a fault, ns": _each_ns,
    "kernel time on the path, ns": lambda document: _on_path_ns(document),
}


def find(document: Document) -> Finding | None:
    number, ns = faults(document), _on_path_ns(document)
    if not is_outside_calls_seen(document):
        return None
    if number < LEAST_FAULTS * max(_programs(document), 1):
        return None
    if outside_calls_ns(document) > MOST_FAULT_NS * number:
        return None
    if FAULT_NS * number < CALL_NS * sum(row["calls"] for row in calls(document)):
        return None
    if share(document, ns) < LEAST_SHARE:
        return None
    return finding(
        __name__,
        share(document, ns),
        f"{count(number)} page faults: the kernel filling pages is ~{duration(ns)}, ~"
        f"{rounded(_of_own_code(document))} of what looks like own code; reuse the memory",
        f"~{duration(_each_ns(document))} of kernel time outside calls for each fault",
        profile(document),
    )


def _on_path_ns(document: Document) -> int:
    """The kernel's part of the path's own code; where it is not known of the path, its share of all
    threads' own code."""
    ns = document["kernel_time"]["on_path_ns"]
    return (
        int(ns) if ns is not None else of_own_code_on_path_ns(document, outside_calls_ns(document))
    )
