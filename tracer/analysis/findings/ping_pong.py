"""Ping-pong: two threads wake each other in turn, and one of them always sleeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import (
    Document,
    explain,
    named,
    on_path_ns,
    rounded,
    share,
    window_ns,
)  # fmt: skip
from tracer.model.states import WAKEUP_IDLE, WAKEUP_QUEUED
from tracer.units import count, duration

NAME = "Ping-pong"
#: Two threads make this share of all voluntary switches, each at least this often a second, the
#: other one as often but for this share; threads woke them, not interrupts.
LEAST_OF_ALL, LEAST_A_SECOND, MOST_UNLIKE, LEAST_BY_THREADS = 0.8, 1000, 0.2, 0.8
#: The path waited for a CPU after a wake-up for this share of the window.
LEAST_SHARE = 0.1
_BY_THREADS = ("same_cpu", "cross_cpu_idle", "cross_cpu_busy")
Rows = Sequence[Mapping[str, Any]]


def _pair(document: Document) -> Rows:
    """The two threads that went to sleep most often."""
    threads = [row for row in document["threads"] if row["tid"] is not None]
    return sorted(threads, key=lambda row: (-row["voluntary"], row["tid"]))[:2]


def _a_second(document: Document) -> float:
    """Hand-overs of both."""
    return float(sum(row["voluntary"] for row in _pair(document)) * 1e9 / window_ns(document))


def _crossing(document: Document) -> float:
    """The share of wake-ups by threads that went to another CPU."""
    wakeups = document["sched"]["wakeups"]
    crossing = wakeups["cross_cpu_idle"] + wakeups["cross_cpu_busy"]
    return float(crossing / max(sum(wakeups[kind] for kind in _BY_THREADS), 1))


DERIVED = {
    "a second": _a_second,
    "to another CPU": _crossing,
    "on the path, ns": lambda document: on_path_ns(document, WAKEUP_IDLE, WAKEUP_QUEUED),
}


def _fits(document: Document, pair: Rows) -> bool:
    if len(pair) < 2:
        return False
    sched = document["sched"]
    most, least = (row["voluntary"] for row in pair)
    by_threads = sum(sched["wakeups"][kind] for kind in _BY_THREADS)
    return bool(
        most + least >= LEAST_OF_ALL * sched["switches"]["voluntary"]
        and least * 1e9 >= LEAST_A_SECOND * window_ns(document)
        and least >= (1 - MOST_UNLIKE) * most
        and by_threads >= LEAST_BY_THREADS * sched["wakeups"]["total"]
    )


def find(document: Document) -> Finding | None:
    if document["sched"] is None:
        return None
    pair, ns = _pair(document), on_path_ns(document, WAKEUP_IDLE, WAKEUP_QUEUED)
    if not _fits(document, pair) or share(document, ns) < LEAST_SHARE:
        return None
    names = " and ".join(named(row["name"]) for row in pair)
    if pair[0]["name"] == pair[1]["name"]:
        names = f"two threads {named(pair[0]['name'])}"
    crossing = _crossing(document)
    return finding(
        __name__,
        share(document, ns),
        f"{names} wake each other in turn, {count(_a_second(document))} times a second,"
        f" {rounded(crossing)} of them on another CPU: waking takes"
        f" {rounded(share(document, ns))} of the time",
        f"{count(pair[0]['voluntary'])} and {count(pair[1]['voluntary'])} sleeps;"
        f" {duration(ns)} from wake-up to running",
        explain(document),
    )
