"""Executor blocked: a thread with an event loop sleeps in another call, or computes for long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, again, named, rounded, share
from tracer.analysis.findings._waits import blocked_loop, on, who
from tracer.probes.waits import LOOP_POLLS
from tracer.units import counted, duration

NAME = "Executor blocked"
#: So many polls in the window make an event loop of a thread.
LEAST_POLLS = LOOP_POLLS
#: A stretch without a poll (probe stacks), and its share of the window.
LONG_STRETCH_NS, LEAST_SHARE = 10_000_000, 0.05
_USE_INSTEAD = {
    "sleep": "sleep by the runtime's own call (asyncio.sleep, tokio::time::sleep)",
    "": "use the runtime's own call for it, or a thread (run_in_executor, spawn_blocking)",
}


def _place(document: Document, call: str) -> str:
    """Where on the path that call was made; empty where stacks do not tell."""
    for place in (document.get("where") or {}).get("places", []):
        if call in place["calls"] and place["own"]:
            file = (place["file"] or "").rpartition("/")[2]
            at = f" {file}:{place['line']}" if file and place["line"] else ""
            return f", in {named(place['function'])}{at}"
    return ""


def _stretch(document: Document) -> Mapping[str, Any] | None:
    loops = (document.get("where") or {}).get("loops", [])
    long = [
        loop
        for loop in loops
        if loop["longest_ns"] >= LONG_STRETCH_NS
        and loop["polls"] >= LEAST_POLLS
        # other threads of Go take over what waits there
        and (loop["task"] or {}).get("runtime") != "go"
    ]
    return max(long, key=lambda loop: loop["longest_ns"], default=None)


DERIVED = {
    "sleeps": lambda document: (blocked_loop(document) or (None, 0, 0))[1],
    "asleep, ns": lambda document: (blocked_loop(document) or (None, 0, 0))[2],
    "each, ns": lambda document: _each_ns(document),
}


def _each_ns(document: Document) -> float:
    blocked = blocked_loop(document)
    return blocked[2] * blocked[0]["threads"] / max(blocked[1], 1) if blocked else 0.0


def find(document: Document) -> Finding | None:
    blocked = blocked_loop(document)
    if blocked:
        row, number, ns = blocked
        at, threads = on(row), row["threads"]
        loop = "the event loop of" if threads == 1 else f"each of {threads} event loops of"
        instead = _USE_INSTEAD.get(row["class"], _USE_INSTEAD[""])
        place = _place(document, row["call"])
        return finding(
            __name__,
            share(document, ns),
            f"{loop} {who(row)} was blocked in {row['call']}{f' on {at}' if at else ''}:"
            f" {counted(number, 'time')}, {duration(_each_ns(document))} each,"
            f" {rounded(share(document, ns))} of the time; its other tasks waited",
            f"{duration(ns)} together, {duration(row['longest_ns'])} at most{place}",
            instead if place else again(document, "--probe stacks"),
        )
    stretch = _stretch(document)
    if stretch is None:
        return None
    of_window = min(share(document, stretch["longest_ns"]), 1.0)  # it can have begun before
    if of_window < LEAST_SHARE:
        return None
    place = stretch["place"]
    where = f" in {named(place['function'])}" if place else ""
    task = stretch["task"] or {}
    if place and not place["own"] and task.get("name"):
        where += f" for {named(task['name'])}"
    return finding(
        __name__,
        of_window,
        f"the event loop of {named(stretch['thread'])} (thread {stretch['tid']}) did not poll for"
        f" {duration(stretch['longest_ns'])}{where}: its other tasks waited",
        f"the longest stretch of the run; it polled {counted(stretch['polls'], 'time')}",
        "move that work to a thread of its own (spawn_blocking, run_in_executor), or split it",
    )
