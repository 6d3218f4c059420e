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
#: Two threads make this share of all voluntary switches, each at least this often a second, one as
#: often as the other but for this share; threads of the program woke them.
LEAST_OF_ALL, LEAST_A_SECOND, MOST_UNLIKE, LEAST_BY_THREADS = 0.8, 1000, 0.2, 0.8
#: The path waited for a CPU after a wake-up for this share of the window.
LEAST_SHARE = 0.1
_BY_THREADS = ("same_cpu", "cross_cpu_idle", "cross_cpu_busy")
Groups = Sequence[Mapping[str, Any]]


def _pair(document: Document) -> Groups:
    """The group, or the two groups, of the two threads that went to sleep most often; empty where
    more than two threads did."""
    most = sorted(document["thread_groups"], key=lambda one: (-one["voluntary"], one["name"]))
    for number in (1, 2):
        found = most[:number]
        if len(found) == number and sum(one["threads"] - one["idle"] for one in found) == 2:
            return found
    return ()


def _sleeps(document: Document) -> int:
    return sum(one["voluntary"] for one in _pair(document))


def _a_second(document: Document) -> float:
    """Hand-overs of both."""
    return float(_sleeps(document) * 1e9 / window_ns(document))


def _crossing(document: Document) -> float:
    """The share of wake-ups by threads that went to another CPU."""
    wakeups = document["sched"]["wakeups"]
    crossing = wakeups["cross_cpu_idle"] + wakeups["cross_cpu_busy"]
    return float(crossing / max(sum(wakeups[kind] for kind in _BY_THREADS), 1))


DERIVED = {
    "a second": _a_second,
    "sleeps": _sleeps,
    "to another CPU": _crossing,
    "on the path, ns": lambda document: on_path_ns(document, WAKEUP_IDLE, WAKEUP_QUEUED),
}


def _fits(document: Document, pair: Groups) -> bool:
    sched, sleeps = document["sched"], _sleeps(document)
    least = min((one["voluntary"] for one in pair), default=0)
    by_threads = sum(sched["wakeups"][kind] for kind in _BY_THREADS)
    by_own = sched["wakeups"]["total"] - sum(sched["outside_wakers"].values())
    return bool(
        pair
        and sleeps >= LEAST_OF_ALL * sched["switches"]["voluntary"]
        and sleeps * 1e9 >= 2 * LEAST_A_SECOND * window_ns(document)
        and least * len(pair) >= (1 - MOST_UNLIKE) * sleeps
        and min(by_threads, by_own) >= LEAST_BY_THREADS * sched["wakeups"]["total"]
    )


def find(document: Document) -> Finding | None:
    if document["sched"] is None:
        return None
    pair, ns = _pair(document), on_path_ns(document, WAKEUP_IDLE, WAKEUP_QUEUED)
    if not _fits(document, pair) or share(document, ns) < LEAST_SHARE:
        return None
    names = " and ".join(named(one["name"]) for one in pair)
    if len(pair) == 1:
        names = f"two threads {names}"
    return finding(
        __name__,
        share(document, ns),
        f"{names} wake each other in turn, {count(_a_second(document))} times a second,"
        f" {rounded(_crossing(document))} of them on another CPU: waking takes"
        f" {rounded(share(document, ns))} of the time",
        f"{count(_sleeps(document))} sleeps; {duration(ns)} from wake-up to running",
        explain(document),
    )
