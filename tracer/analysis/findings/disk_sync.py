"""Disk sync: threads wait until what they wrote is on the disk."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, calls, rounded, window_ns
from tracer.analysis.findings._waits import Row, on, waits, who
from tracer.units import counted, duration

NAME = "Disk sync"
SYNCS = ("fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync")
#: Of the window, a thread's mean where several do it.
LEAST_SHARE = 0.1
#: Sleeps that end at once wait for no disk.
LEAST_EACH_NS = 20_000
_WOKEN_BY = {
    "softirq": "the disk (block softirq)",
    "hard_irq": "the disk",
    "kernel_thread": "a kernel thread (the file system's journal)",
}


def _total(document: Document) -> tuple[int, int]:
    """Calls and their time, of the whole family."""
    rows = calls(document, *SYNCS)
    return sum(row["calls"] for row in rows), sum(row["total_ns"] for row in rows)


def _row(document: Document) -> Row | None:
    return next((row for row in waits(document) if row["call"] in SYNCS), None)


def _threads(document: Document) -> int:
    rows = [row for row in waits(document) if row["call"] in SYNCS]
    by_group: dict[tuple[int, str], int] = {}
    for row in rows:
        key = (row["pid"], row["group"])
        by_group[key] = max(by_group.get(key, 0), row["threads"])
    return max(sum(by_group.values()), 1)


def _share(document: Document) -> float:
    return _total(document)[1] / _threads(document) / window_ns(document)


DERIVED = {
    "calls": lambda document: _total(document)[0],
    "together, ns": lambda document: _total(document)[1],
    "each, ns": lambda document: _total(document)[1] / max(_total(document)[0], 1),
    "share": _share,
}


def find(document: Document) -> Finding | None:
    number, ns = _total(document)
    if not number or _share(document) < LEAST_SHARE or ns < LEAST_EACH_NS * number:
        return None
    row = _row(document)
    longest = max(calls(document, *SYNCS), key=lambda call: call["total_ns"])
    of = f" of {who(row)}" if row else ""
    at = f" on {on(row)}" if row and on(row) else ""
    units = document["result"]["units"]
    per = f", {duration(ns / units)} per {document['result']['unit']}" if units else ""
    woken = _WOKEN_BY.get(row["ended_by"], "") if row else ""
    return finding(
        __name__,
        _share(document),
        f"{counted(number, 'call')} of {longest['name']}{of} waited for the disk:"
        f" {duration(ns)}, {rounded(_share(document))} of the time{per}",
        f"{duration(ns / number)} each{at}, at most {duration(longest['max_ns'])}"
        + (f"; woken by {woken}" if woken else ""),
        "write several changes before each sync (group commit), or put the file on a faster disk",
    )
