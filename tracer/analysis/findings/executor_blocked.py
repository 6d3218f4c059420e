"""Executor blocked: a thread with an event loop sleeps in another call, or computes for long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, again, named, rounded, share
from tracer.analysis.findings._waits import Row, longer, on, waits, who
from tracer.units import counted, duration

NAME = "Executor blocked"
#: A thread of an event loop: it has waited in epoll so often.
LEAST_POLLS = 10
#: A sleep of an octave from here on keeps tasks waiting that somebody notices; of the window.
LONG_NS, LEAST_SHARE = 1 << 23, 0.05
#: The same for a stretch without a poll (probe stacks).
LONG_STRETCH_NS = 10_000_000
#: Calls in which an executor's thread waits for its tasks, or that end it.
_FOR_WORK = ("poll", "futex", "io_uring", "process")


def _loops(document: Document) -> set[tuple[int, str]]:
    polls: dict[tuple[int, str], int] = {}
    for row in waits(document):
        if row["call"].startswith("epoll_") and row["threads"] == 1:
            key = (row["pid"], row["group"])
            polls[key] = polls.get(key, 0) + row["calls"]
    return {key for key, number in polls.items() if number >= LEAST_POLLS}


def _blocked(document: Document) -> tuple[Row, int, int] | None:
    """The longest sleep of an event loop's thread outside polls: its row, calls, and ns."""
    loops = _loops(document)
    found = [
        (row, *longer(row, LONG_NS))
        for row in waits(document)
        if (row["pid"], row["group"]) in loops and row["class"] not in _FOR_WORK
        and row["threads"] == 1
    ]  # fmt: skip
    return max(found, key=lambda one: one[2], default=None)


def _stretch(document: Document) -> Mapping[str, Any] | None:
    loops = (document.get("where") or {}).get("loops", [])
    long = [
        loop
        for loop in loops
        if loop["longest_ns"] >= LONG_STRETCH_NS and loop["polls"] >= LEAST_POLLS
    ]
    return max(long, key=lambda loop: loop["longest_ns"], default=None)


DERIVED = {
    "sleeps": lambda document: (_blocked(document) or (None, 0, 0))[1],
    "asleep, ns": lambda document: (_blocked(document) or (None, 0, 0))[2],
    "each, ns": lambda document: _each_ns(document),
}


def _each_ns(document: Document) -> float:
    blocked = _blocked(document)
    return blocked[2] / max(blocked[1], 1) if blocked else 0.0


def find(document: Document) -> Finding | None:
    blocked = _blocked(document)
    if blocked and blocked[1] and share(document, blocked[2]) >= LEAST_SHARE:
        row, number, ns = blocked
        at = on(row)
        return finding(
            __name__,
            share(document, ns),
            f"the event loop of {who(row)} slept in {row['call']}{f' on {at}' if at else ''}:"
            f" {counted(number, 'time')}, {duration(ns / number)} each,"
            f" {rounded(share(document, ns))} of the time; its other tasks waited",
            f"{duration(ns)} together, {duration(row['longest_ns'])} at most",
            again(document, "--probe stacks"),
        )
    stretch = _stretch(document)
    if stretch is None:
        return None
    of_window = min(share(document, stretch["longest_ns"]), 1.0)  # it can have begun before
    if of_window < LEAST_SHARE:
        return None
    place = stretch["place"]
    where = f" in {named(place['function'])}" if place else ""
    return finding(
        __name__,
        of_window,
        f"the event loop of {named(stretch['thread'])} (thread {stretch['tid']}) did not poll for"
        f" {duration(stretch['longest_ns'])}{where}: its other tasks waited",
        f"the longest stretch of the run; it polled {counted(stretch['polls'], 'time')}",
        "move that work to a thread of its own (spawn_blocking, run_in_executor), or split it",
    )
