"""Sleeps that nobody of the target ended: what was awaited, in which call, and who ended it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tracer.model.recording import Recording
from tracer.model.states import AWAITED, AWAITED_SHIFT, NO_CALL_KEY
from tracer.model.syscalls import name_of
from tracer.model.threads import comm


@dataclass(frozen=True)
class Waker:
    """A process outside the target, or a kernel thread."""

    pid: int
    name: str


@dataclass(frozen=True)
class OutsideWait:
    """`times` sleeps of any threads of the target, `ns` in all, for one of `AWAITED`, in `call`
    (None: in none), ended by `waker` (None: by an interrupt)."""

    awaited: str
    call: str | None
    waker: Waker | None
    times: int
    ns: int


def mostly(found: Sequence[OutsideWait], awaited: str) -> OutsideWait | None:
    """Of the sleeps for one of `AWAITED` the longest in all, if they are at least half of them."""
    alike = [wait for wait in found if wait.awaited == awaited]
    longest = max(alike, key=lambda wait: wait.ns, default=None)
    return longest if longest and 2 * longest.ns >= sum(wait.ns for wait in alike) else None


def outside_waits(recording: Recording) -> list[OutsideWait]:
    """Longest in all first. Sleeps of very many kinds are in the path's `awaited` alone."""
    found: defaultdict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    names: dict[int, str] = {}
    rows = recording.outside_waits
    for row in rows[(rows["key"] != 0) & (rows["times"] != 0)]:
        pid = int(row["tgid"])
        total = found[int(row["key"]), pid]
        total[0] += int(row["times"])
        total[1] += int(row["ns"])
        names[pid] = comm(row)
    made = [
        OutsideWait(
            AWAITED[(key & (1 << AWAITED_SHIFT) - 1) - 1],
            None if key >> AWAITED_SHIFT == NO_CALL_KEY else name_of(key >> AWAITED_SHIFT),
            Waker(pid, names[pid]) if pid else None,
            times,
            ns,
        )
        for (key, pid), (times, ns) in found.items()
    ]
    return sorted(made, key=lambda wait: (-wait.ns, wait.awaited, wait.call or ""))
