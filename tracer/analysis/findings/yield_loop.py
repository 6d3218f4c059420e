"""A yield loop: threads that wait by calling sched_yield again and again."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    all_threads_ns,
    calls,
    explain,
    on_path_ns,
    rounded,
    share,
)
from tracer.model.states import USER, YIELDED
from tracer.units import count, duration

NAME = "Yield loop"
_CALL = "sched_yield"
#: So many yields at least, and this share of all context switches.
LEAST_YIELDS, LEAST_SHARE = 1000, 0.5


def _yields_share(document: Document) -> float:
    switches = document["sched"]["switches"]
    every = int(switches["voluntary"]) + int(switches["involuntary"])
    return int(switches["yielded"]) / max(every, 1)


def _on_path(document: Document) -> int:
    """Off a CPU after a yield, and inside the call: its share of all calls of its class."""
    inside_ns = sum(int(row["on_cpu_ns"]) for row in calls(document, _CALL))
    other_ns = max(all_threads_ns(document, "syscall:other"), 1)
    inside = min(inside_ns / other_ns, 1.0) * on_path_ns(document, "syscall:other")
    return on_path_ns(document, YIELDED) + round(inside)


DERIVED = {"share of switches": _yields_share, "on the path, ns": _on_path}


def find(document: Document) -> Finding | None:
    sched = document["sched"]
    if sched is None or sched["switches"]["yielded"] < LEAST_YIELDS:
        return None
    if _yields_share(document) < LEAST_SHARE:
        return None
    yielded, ns = sched["switches"]["yielded"], _on_path(document)
    rows = calls(document, _CALL)
    evidence = f"{rounded(_yields_share(document))} of all context switches are yields"
    if rows:
        evidence += (
            f"; {count(rows[0]['calls'])} calls of sched_yield,"
            f" {duration(rows[0]['on_cpu_ns'])} on CPUs; own code of all threads"
            f" {duration(all_threads_ns(document, USER))}"
        )
    return finding(
        __name__,
        share(document, ns),
        f"threads wait in a loop of sched_yield: {count(yielded)} times one gave its CPU up,"
        f" {rounded(share(document, ns))} of the time; fewer threads, or a wait that sleeps",
        evidence,
        explain(document),
    )
