"""Confined: threads queue for the CPUs that they are allowed, and others are idle."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding, priority_inversion
from tracer.analysis.findings._document import Document, on_path_ns, rounded, share
from tracer.model.states import PREEMPTED
from tracer.units import duration

NAME = "Confined"
#: The path was ready behind the program's own threads for this share of the window, and CPUs that
#: it may not use were idle for as much.
LEAST_SHARE = 0.1
#: A thread that is woken on its waker's CPU waits this long on average, where threads need CPUs.
LONG_NS = 500_000


def _allowed(document: Document) -> tuple[list[int], bool] | None:
    """The CPUs that it may use, and whether it chose them itself; None where it may use all."""
    found = document["target"].get("allowed_cpus") or {}
    online = document["host"]["online_cpus"]
    if len(document["target"]["cpus"]) < len(online):
        return None  # --cpus chose them for this run
    if found.get("narrowed"):
        return found["narrowed_to"], True
    if found.get("start") and len(found["start"]) < len(online):
        return found["start"], False
    return None


def _queues_long(document: Document) -> bool:
    """Threads that hand over to each other wait for a moment, and no CPU would change that; those
    that need CPUs are pushed off them, or wait for long."""
    pushed_ns = on_path_ns(document, PREEMPTED)
    if 2 * pushed_ns >= int(document["ledgers"]["wall"].get("behind_own_ns") or 0):
        return True
    latency = (document["sched"] or {}).get("wakeup_latency_ns") or {}
    return ((latency.get("same_cpu") or {}).get("mean") or 0) >= LONG_NS


def _idle_ns(document: Document) -> int:
    return int(document["ledgers"]["cpu"]["parts"].get("idle") or 0)


def find(document: Document) -> Finding | None:
    allowed = _allowed(document)
    behind_ns = int(document["ledgers"]["wall"].get("behind_own_ns") or 0)
    gain_ns = min(behind_ns, _idle_ns(document))
    if allowed is None or share(document, gain_ns) < LEAST_SHARE:
        return None
    if not _queues_long(document):
        return None
    if priority_inversion.find(document):  # that explains the queue
        return None
    cpus, is_own = allowed
    text = ", ".join(map(str, cpus[:4])) + (", ..." if len(cpus) > 4 else "")
    who = (
        "its own call of sched_setaffinity allows"
        if is_own
        else "the shell that started it allowed"
    )
    change = (
        "remove the program's call of sched_setaffinity, or allow it more CPUs"
        if is_own
        else "start it without taskset or a cpuset, or allow it more CPUs"
    )
    number = document["target"]["allowed_cpus"]
    evidence = f"idle time of all CPUs together {duration(_idle_ns(document))}"
    if is_own:
        evidence += f"; {number['narrowed']} of {number['threads']} threads have fewer CPUs"
    return finding(
        __name__,
        share(document, gain_ns),
        f"its threads queue for CPU {text} for {duration(behind_ns)},"
        f" {rounded(share(document, behind_ns))} of the time, while others are idle: {who} no more",
        evidence,
        change,
    )
