"""A yield loop: threads that wait by calling sched_yield again and again."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    all_threads_ns,
    calls,
    explain,
    named,
    on_path_ns,
    rounded,
    share,
)  # fmt: skip
from tracer.model.states import YIELDED
from tracer.units import count, duration

NAME = "Yield loop"
_CALL = "sched_yield"
#: So many yields at least, and this share of all context switches.
LEAST_YIELDS, LEAST_SHARE = 1000, 0.5
#: So many groups of threads are named, each with this share of the time off a CPU after yields.
NAMED, LEAST_GROUP = 2, 0.1


def _yields_share(document: Document) -> float:
    switches = document["sched"]["switches"]
    return float(switches["yielded"] / max(switches["voluntary"] + switches["involuntary"], 1))


def _on_path(document: Document) -> int:
    """Off a CPU after a yield, and inside the call: its share of all calls of its class."""
    ns = on_path_ns(document, YIELDED)
    for row in calls(document, _CALL):
        part = f"syscall:{row['class']}"
        of_class_ns = max(all_threads_ns(document, part), 1)
        ns += round(min(row["on_cpu_ns"] / of_class_ns, 1.0) * on_path_ns(document, part))
    return ns


DERIVED = {"share of switches": _yields_share, "on the path, ns": _on_path}


def _who(document: Document) -> str:
    """The groups that yield."""
    ns_of = {one["name"]: one["parts"].get(YIELDED, 0) for one in document["thread_groups"]}
    least_ns = max(LEAST_GROUP * sum(ns_of.values()), 1)
    names = sorted((name for name, ns in ns_of.items() if ns >= least_ns), key=lambda n: -ns_of[n])
    return " and ".join(map(named, names[:NAMED])) or "threads"


def find(document: Document) -> Finding | None:
    sched = document["sched"]
    if sched is None or sched["switches"]["yielded"] < LEAST_YIELDS:
        return None
    if _yields_share(document) < LEAST_SHARE:
        return None
    ns, times = _on_path(document), sched["switches"]["yielded"]
    done = f"{count(times)} times one gave its CPU up"
    evidence = f"{rounded(_yields_share(document))} of all context switches are yields"
    for row in calls(document, _CALL):
        done = f"{count(row['calls'])} calls, {duration(row['on_cpu_ns'])} on CPUs"
        evidence += f", {count(times)} in all; fewer threads, or a wait that sleeps, end it"
    return finding(
        __name__,
        share(document, ns),
        f"{_who(document)} wait by calling sched_yield in a loop: {done},"
        f" {rounded(share(document, ns))} of the time with the waits for a CPU after them",
        evidence,
        explain(document),
    )
