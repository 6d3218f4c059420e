"""Safepoint: a JVM stops all its threads, and one computes on without coming to a stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, named, repeated, share
from tracer.analysis.findings._waits import Row, longer, waits
from tracer.units import counted, duration

NAME = "Safepoint"
#: The thread of a JVM that stops the others; it naps until all have come to a stop.
_STOPPER = "VM Thread"
#: Threads of the JVM itself, which may sleep for as long as they like.
_OWN = ("java", "VM ", "C* Compiler", "C1 Compiler", "C2 Compiler", "GC ", "G1 ", "Common-Cleaner",
        "Finalizer", "Reference Handl", "Signal Dispatch", "Service Thread", "Sweeper thread",
        "Monitor Deflati", "Notification Th")  # fmt: skip
#: Its naps and the waits of this length have this share of the window at least.
LEAST_NAPS, LEAST_WAIT_NS, LEAST_SHARE = 0.05, 1 << 25, 0.05
#: Waits for a safepoint are not longer than the naps together, but for the wake-up latencies.
MOST_OF_NAPS = 1.1


def _naps(document: Document) -> Row | None:
    rows = [row for row in waits(document) if row["group"] == _STOPPER and row["class"] == "sleep"]
    return next(iter(rows), None)


def _stopped(document: Document) -> tuple[Row, int, int] | None:
    """The thread of the program that waited most at safepoints: its row, waits, and ns."""
    naps = _naps(document)
    if naps is None:
        return None
    found = []
    for row in waits(document):
        is_own = row["group"].startswith(_OWN)
        if is_own or row["pid"] != naps["pid"] or row["class"] != "futex":
            continue
        number, ns = longer(row, LEAST_WAIT_NS)
        is_woken = row["ended_by"] == "process" and row["outcome"] == "done"
        if is_woken and number and ns <= MOST_OF_NAPS * naps["total_ns"]:
            found.append((row, number, ns))
    return max(found, key=lambda one: one[2], default=None)


def _computing(document: Document, but: str) -> Mapping[str, Any] | None:
    """The group that computes most: on a CPU, or pushed off one."""

    def ns(group: Mapping[str, Any]) -> int:
        return int(group["parts"]["user"] + group["parts"]["preempted"])

    groups = [
        group
        for group in document["thread_groups"]
        if group["name"] != but and not group["name"].startswith(_OWN)
    ]
    return max(groups, key=ns, default=None)


DERIVED = {
    "waits": lambda document: (_stopped(document) or (None, 0, 0))[1],
    "together, ns": lambda document: (_stopped(document) or (None, 0, 0))[2],
    "each, ns": lambda document: _mean_ns(document),
}


def _mean_ns(document: Document) -> float:
    stopped = _stopped(document)
    return stopped[2] / stopped[1] if stopped else 0.0


def find(document: Document) -> Finding | None:
    naps, stopped = _naps(document), _stopped(document)
    if naps is None or stopped is None or share(document, naps["total_ns"]) < LEAST_NAPS:
        return None
    row, number, ns = stopped
    computing = _computing(document, row["group"])
    if computing is None or share(document, ns) < LEAST_SHARE:
        return None
    late = named(computing["name"])
    return finding(
        __name__,
        share(document, ns),
        f"{named(row['group'])} waited {repeated(number, ns)},"
        f"{f' {duration(ns)} in all,' if number > 1 else ''}"
        f" until {late} came to a safepoint of the JVM; {late} computed",
        f"VM Thread (pid {row['pid']}) napped {counted(naps['calls'], 'time')},"
        f" {duration(naps['total_ns'])}, waiting for all to stop; own code of {late}:"
        f" {duration(computing['parts']['user'])}",
        f"count the loops of {late} with a long, or try -XX:+UseCountedLoopSafepoints;"
        " -Xlog:safepoint shows the time to reach one",
    )
