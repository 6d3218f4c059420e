"""The parts of a ledger as the page draws them: each state has one of a few colours."""

from __future__ import annotations

from tracer.analysis.run.ledger import IO_CLASSES, READY, WAITING
from tracer.model import syscalls
from tracer.model.states import STOPPED, UNKNOWN, USER

#: The shares of the headline that are system calls, and the classes of calls in each.
CLASSES = {
    "io": IO_CLASSES,
    "system": tuple(name for name in syscalls.CLASSES if name not in IO_CLASSES),
}
#: The shares of the headline and the states that each is made of.
PARTS: dict[str, tuple[str, ...]] = {
    "user": (USER,),
    "io": tuple(f"syscall:{name}" for name in CLASSES["io"]),
    "system": tuple(f"syscall:{name}" for name in CLASSES["system"]),
    "switching": READY,
    "waiting": WAITING,
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
