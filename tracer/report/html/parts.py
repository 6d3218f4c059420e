"""The parts of a ledger as the page draws them: each state has one of a few colours."""

from __future__ import annotations

from tracer.model.states import (
    EXTERNAL,
    KERNEL_WORKERS,
    PREEMPTED,
    SLEEP,
    STOPPED,
    SYSCALL_PARTS,
    TIMED_WAIT,
    UNKNOWN,
    USER,
    WAKEUP_IDLE,
    WAKEUP_QUEUED,
    YIELDED,
)

#: Classes of calls that are I/O.
IO_PARTS = ("syscall:io", "syscall:poll", "syscall:io_uring")
#: The shares of the headline and the states that each is made of.
PARTS: dict[str, tuple[str, ...]] = {
    "user": (USER,),
    "io": IO_PARTS,
    "system": tuple(part for part in SYSCALL_PARTS if part not in IO_PARTS),
    "switching": (WAKEUP_IDLE, WAKEUP_QUEUED, PREEMPTED, YIELDED),
    "waiting": (SLEEP, TIMED_WAIT, EXTERNAL, KERNEL_WORKERS),
    "unknown": (UNKNOWN,),
}
#: What each is called on the page; `asleep`: a thread's sleep, which may not be on the path.
NAMES = {
    "user": "own code",
    "io": "I/O calls",
    "system": "other system calls",
    "switching": "switching: ready, not running",
    "waiting": "waiting: timers, outside world",
    "asleep": "asleep",
    "on_cpu": "on a CPU (not split)",
    "unknown": "without a name",
}
_OF = {state: part for part, states in PARTS.items() for state in states}


def part_of(state: str) -> str:
    """The part of the headline that a state belongs to; `asleep` for a thread's own sleep."""
    if state.startswith("blocked:") or state == STOPPED:
        return "asleep"
    return _OF.get(state, "unknown")
