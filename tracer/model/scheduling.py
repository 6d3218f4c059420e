"""How the kernel schedules a thread: its policy, and its place in the order."""

from __future__ import annotations

from dataclasses import dataclass

#: Policies by number (include/uapi/linux/sched.h).
POLICIES = ("other", "fifo", "rr", "batch", "iso", "idle", "deadline", "ext")
_IS_KNOWN = 1 << 16
_NICE_0 = 120
_FIRST_NICE = 100
_LAST = 256


@dataclass(frozen=True)
class Scheduling:
    """`nice` of a thread that has one, `priority` (1 to 99, highest first) of one of real time."""

    policy: str
    nice: int | None
    priority: int | None

    @property
    def order(self) -> int:
        """A thread of a smaller one goes first."""
        if self.policy == "idle":
            return _LAST
        if self.nice is not None:
            return _NICE_0 + self.nice
        return _FIRST_NICE - 1 - (self.priority or _FIRST_NICE)


def scheduling(prio: int) -> Scheduling | None:
    """What `current_prio` of the programs has noted; None for 0, which is not known."""
    if not prio & _IS_KNOWN:
        return None
    number, policy = (prio & 0xFF) - 1, POLICIES[(prio >> 8 & 0xFF) % len(POLICIES)]
    if number >= _FIRST_NICE:
        return Scheduling(policy, number - _NICE_0, None)
    return Scheduling(policy, None, _FIRST_NICE - 1 - number if number >= 0 else None)
