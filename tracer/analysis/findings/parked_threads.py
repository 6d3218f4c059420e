"""Parked threads: those of a JVM that sleep until another of them wakes them, as at a lock."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, named, rounded, window_ns
from tracer.units import count, duration

NAME = "Parked threads"
#: They slept so for this share of their time, on average, and so often.
LEAST_SHARE, LEAST_SLEEPS = 0.1, 50
#: Threads of a pool that wait for work are woken by those that bring it: of the sleeps of these,
#: threads of their own kind ended this share.
LEAST_OWN = 0.8
#: A thread that every JVM has.
_JVM = "VM Thread"

Park = Mapping[str, Any]


def _is_jvm(document: Document) -> bool:
    rows = (document.get("waits") or {}).get("rows", [])
    names = [group["name"] for group in document["thread_groups"]]
    return _JVM in names or any(row["group"] == _JVM for row in rows)


def _park(document: Document) -> Park | None:
    """Threads that wake each other, those that slept longest."""
    every = (document.get("futex") or {}).get("parks") or []
    for one in every:
        same = [
            other["slept"]
            for other in every
            if (other["tgid"], other["name"]) == (one["tgid"], one["name"])
        ]
        is_own = one["waker"] == one["name"] and one["slept"] >= LEAST_OWN * sum(same)
        if is_own and one["threads"] > 1 and one["slept"] >= LEAST_SLEEPS:
            return dict(one)
    return None


def _of(document: Document, what: str) -> float:
    park = _park(document)
    if park is None:
        return 0.0
    each_ns = park["asleep_ns"] / park["slept"]
    return float({"each": each_ns, "share": park["asleep_ns"] / park["threads"]}[what])


DERIVED = {
    "each, ns": lambda document: _of(document, "each"),
    "of their time": lambda document: _of(document, "share") / window_ns(document),
}


def find(document: Document) -> Finding | None:
    park = _park(document)
    if park is None or not _is_jvm(document):
        return None
    share = _of(document, "share") / window_ns(document)
    if share < LEAST_SHARE:
        return None
    return finding(
        __name__,
        share,
        f"{count(park['threads'])} threads {named(park['name'])} wait for each other, as at a lock"
        f" of Java: {count(park['slept'])} sleeps of {duration(_of(document, 'each'))},"
        f" {rounded(share)} of their time",
        f"each slept at a word of its own until another of them woke it,"
        f" {duration(park['asleep_ns'])} in all; the lock itself is not known to the kernel",
        f"jstack {park['tgid']} while it runs names the lock and who has it: hold it for less, or"
        " split it",
    )
