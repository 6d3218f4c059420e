"""Thread churn: threads or processes are created for small pieces of work."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    all_threads_ns,
    calls,
    on_path_ns,
    rounded,
    share,
    window_ns,
)  # fmt: skip
from tracer.units import count, counted, duration, rate

NAME = "Thread churn"
CREATE = ("clone", "clone3", "fork", "vfork")
#: So many at least, in a second too; what creating and ending them takes of the path.
LEAST_CREATED, LEAST_RATE, LEAST_SHARE = 50, 100, 0.1
_S = 1_000_000_000
#: Calls that create, start, end and await them, and that make room for stacks and programs.
_INSIDE = ("syscall:process", "syscall:memory")


def _created(document: Document) -> int:
    return sum(row["calls"] - sum(row["errors"].values()) for row in calls(document, *CREATE))


def _programs(document: Document) -> int:
    """Programs started: without errors, which a search in PATH makes."""
    rows = calls(document, "execve", "execveat")
    return sum(row["calls"] - sum(row["errors"].values()) for row in rows)


def _on_path(document: Document) -> int:
    """Time in calls that create, start, end and await them, without yields."""
    yields_ns = sum(row["on_cpu_ns"] for row in calls(document, "sched_yield"))
    of_ns = max(all_threads_ns(document, *_INSIDE), 1)
    churn = max(1.0 - yields_ns / of_ns, 0.0)
    return int(churn * on_path_ns(document, *_INSIDE))


DERIVED = {
    "created": _created,
    "programs": _programs,
    "on the path, ns": _on_path,
    "a second": lambda document: _created(document) * _S / window_ns(document),
    "each, ns": lambda document: _each_ns(document),
    "per unit": lambda document: _created(document) / (document["result"]["units"] or 1),
}


def _each_ns(document: Document) -> float:
    yields_ns = sum(row["on_cpu_ns"] for row in calls(document, "sched_yield"))
    return float(max(all_threads_ns(document, *_INSIDE) - yields_ns, 0)) / max(
        _created(document), 1
    )


def find(document: Document) -> Finding | None:
    number, ns = _created(document), _on_path(document)
    if number < LEAST_CREATED or number * _S < LEAST_RATE * window_ns(document):
        return None
    if share(document, ns) < LEAST_SHARE:
        return None
    programs = _programs(document)
    what = "processes" if 2 * programs > number else "threads or processes"
    units = document["result"]["units"]
    per = f", {rate(number / units)} per {document['result']['unit']}" if units else ""
    return finding(
        __name__,
        share(document, ns),
        f"{count(number)} {what} were created{per}: creating, starting and ending them takes"
        f" {rounded(share(document, ns))} of the time",
        f"{count(number * _S / window_ns(document))} a second; {counted(programs, 'program')}"
        f" started; {duration(_each_ns(document))} in such calls for each, page faults not counted",
        "keep a pool of threads, or do several pieces of work in each process",
    )
