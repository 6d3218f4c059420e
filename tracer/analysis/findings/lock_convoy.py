"""A lock convoy: threads of one kind queue for a lock that they hand from one to the next."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, named, rounded, window_ns
from tracer.analysis.findings._locks import (
    Lock,
    called,
    convoys,
    is_holder_asleep,
    is_inverted,
    place,
    shorter,
)  # fmt: skip
from tracer.units import count, duration

NAME = "Lock convoy"
#: The threads slept there for this share of their time, on average.
LEAST_SHARE = 0.1


def _queue(lock: Lock) -> Lock:
    """The waiters that are the holders too."""
    name = lock["holders"][0]["name"]
    found: Lock = next(one for one in lock["waiters"] if one["name"] == name)
    return found


def _share(document: Document, lock: Lock) -> float:
    queue = _queue(lock)
    lives_ns = queue["threads"] * window_ns(document)
    for group in document["thread_groups"]:  # a thread may live for one request
        if group["name"] == queue["name"]:
            lives_ns = min(lives_ns, max(sum(group["parts"].values()), queue["asleep_ns"]))
    return float(queue["asleep_ns"] / max(lives_ns, 1))


def _lock(document: Document) -> Lock | None:
    fitting = [lock for lock in convoys(document) if not is_inverted(lock)]
    return max(fitting, key=lambda lock: _share(document, lock), default=None)


def _each_ns(document: Document) -> float:
    lock = _lock(document)
    return 0.0 if lock is None else _queue(lock)["asleep_ns"] / max(_queue(lock)["slept"], 1)


DERIVED = {
    "of their time": lambda document: _share(document, _lock(document) or {}),
    "each sleep, ns": _each_ns,
}


def find(document: Document) -> Finding | None:
    lock = _lock(document)
    if lock is None or _share(document, lock) < LEAST_SHARE:
        return None
    queue = _queue(lock)
    return finding(
        __name__,
        _share(document, lock),
        f"{count(queue['threads'])} threads {named(queue['name'])} queue for {called(lock)}: they"
        f" slept there {count(queue['slept'])} times, {duration(_each_ns(document))} each,"
        f" {rounded(_share(document, lock))} of their time",
        f"{place(lock)}: {count(lock['waits'])} waits, {count(lock['wakes'])} wakes,"
        f" {duration(queue['asleep_ns'])} asleep together"
        f"{'; who had it was mostly asleep, too' if is_holder_asleep(lock) else ''}",
        shorter(document, lock),
    )
