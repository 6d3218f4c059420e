"""Priority inversion: who has the lock is ready, and others that go before it have the CPU."""

from __future__ import annotations

from tracer.analysis.findings import Finding, finding
from tracer.analysis.findings._document import Document, named, share
from tracer.analysis.findings._locks import (
    Lock,
    called,
    is_inverted,
    locks,
    place,
    scheduled,
    waited_share,
)  # fmt: skip
from tracer.units import counted, duration

NAME = "Priority inversion"
#: The longest waiter slept there for this share of the window.
LEAST_SHARE = 0.1
#: So many groups that ran instead are named.
NAMED = 2


def _lock(document: Document) -> Lock | None:
    # one wait is enough: it is seen who had the lock, and who ran instead
    fitting = [lock for lock in locks(document, 1) if is_inverted(lock)]
    return max(fitting, key=lambda lock: waited_share(document, lock), default=None)


def find(document: Document) -> Finding | None:
    lock = _lock(document)
    if lock is None or waited_share(document, lock) < LEAST_SHARE:
        return None
    longest, holder, instead = lock["longest"], lock["holders"][0], lock["instead"][:NAMED]
    ran = " and ".join(f"{named(one['name'])} ({scheduled(one['scheduling'])})" for one in instead)
    return finding(
        __name__,
        share(document, longest["asleep_ns"]),
        f"thread {named(longest['name'])} waited {duration(longest['asleep_ns'])} for"
        f" {called(lock)} held by {named(holder['name'])}, ready but behind {ran}: it is"
        f" {scheduled(holder['scheduling'])}",
        f"{place(lock)}: {counted(longest['slept'], 'sleep')}; meanwhile the holder was ready for"
        f" {duration(lock['holder_ready_ns'])}, on a CPU for {duration(lock['holder_ran_ns'])}",
        f"give {named(holder['name'])} the priority of those that wait for it, or use a mutex with"
        " PTHREAD_PRIO_INHERIT",
    )
