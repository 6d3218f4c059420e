"""The states of a thread, the parts of a ledger, and every index shared with the C programs.

This is the one declaration: the C receives each index as a `-D` macro (see `macros`), the
analysis and the reports use the names. Meanings: docs/time-accounting.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

from tracer.model.syscalls import CLASSES

USER = "user"
WAKEUP_IDLE = "wakeup:idle"
WAKEUP_QUEUED = "wakeup:queued"
PREEMPTED = "preempted"
YIELDED = "yielded"
SLEEP = "sleep"
TIMED_WAIT = "timed_wait"
EXTERNAL = "external"
UNKNOWN = "unknown"
KERNEL_WORKERS = "kernel_workers"
STOPPED = "blocked:stopped"

SYSCALL_PARTS = tuple(f"syscall:{name}" for name in CLASSES)
BLOCKED_PARTS = tuple(f"blocked:{name}" for name in CLASSES)
#: Parts in which a thread is on a CPU; they come first.
ON_CPU_PARTS = (USER, *SYSCALL_PARTS, KERNEL_WORKERS)

#: Parts of a path vector, in the order of the C array `path`.
PATH_PARTS = (
    *ON_CPU_PARTS,
    WAKEUP_IDLE,
    WAKEUP_QUEUED,
    PREEMPTED,
    YIELDED,
    SLEEP,
    TIMED_WAIT,
    EXTERNAL,
    UNKNOWN,
)
#: Parts of a thread's own time, in the order of the C array `own`.
OWN_PARTS = (*PATH_PARTS, STOPPED, *BLOCKED_PARTS)
#: While a thread's calls are not seen (--sample) its time on a CPU is in none of them.
UNSPLIT = len(OWN_PARTS)
#: Index of each part in `own`, and in `path` where it is one of a path's.
PART = {name: index for index, name in enumerate(OWN_PARTS)}


class RunState(IntEnum):
    """What a thread is doing: the values of `thread.state`."""

    RUNNING = 0
    #: Woken while still running: its next sleep is over before it begins.
    RUNNING_EARLY = 1
    BLOCKED = 2
    WAKING = 3
    #: Waking from a sleep that was over before it began.
    WAKING_EARLY = 4
    PREEMPTED = 5
    DEAD = 6
    #: Off its CPU by sched_yield, still runnable.
    YIELDED = 7


class Phase(IntEnum):
    """The window: the values of `ctl.phase`."""

    BEFORE = 0
    OPEN = 1
    CLOSED = 2


#: Who woke a thread, the values of `thread.source` (docs/time-accounting.md).
SOURCES = (
    "process",
    "timer",
    "hard_irq",
    "softirq",
    "kernel_thread",
    "other_process",
    "kernel_worker",
)
#: Kinds of wake-up, by where the woken thread then ran.
WAKEUP_KINDS = ("same_cpu", "cross_cpu_idle", "cross_cpu_busy", "interrupt")
#: What a thread waited for before it came in: a wake-up of some kind, or after a preemption.
WAITS = (*WAKEUP_KINDS, PREEMPTED, YIELDED)
#: Behind whom a ready thread waited: threads of the target, other programs, or nobody: its group
#: had used up its CPU quota, or its CPU was idle meanwhile.
BEHIND = ("own", "other", "throttled", "held")
#: What a sleep waited for that nobody of the target ended: they split `sleep`, `timed_wait` and
#: `external`. `other`: another interrupt, or it is not known.
AWAITED = ("timer", "timed_wait", "disk", "network", "process", "kernel_thread", "other")
#: `key` of a `struct outside_wait`: 1 + what was awaited, and above that the call, or NO_CALL_KEY.
AWAITED_SHIFT, NO_CALL_KEY = 8, 0xFFFFFF
#: Where a CPU is that neither runs nor sleeps: on its way into an idle state, or out of one.
BETWEEN_IDLE_STATES = "between states"
#: Events that could not be recorded: the numbers they touch are too small.
LOSSES = ("thread_table_full", "state_race", "unmatched_exit")
#: Impossible orders of events, after which the state machine went on with `unknown` time: nothing
#: is lost, and the ledger shows that time as residual.
REPAIRS = (
    "switched_in_while_blocked",
    "switched_in_while_running",
    "switch_not_seen",
    "call_entry_not_seen",
    "call_return_not_seen",
)
#: What a switch-in resumed, for the estimated direct cost of switches on the path.
RESUMED = ("user", "io", "system")


def indices(prefix: str, names: Iterable[str]) -> dict[str, int]:
    """`-D` settings for an array's indices: `WAIT_SAME_CPU` = 0, and so on."""
    return {prefix + name.replace(":", "_").upper(): i for i, name in enumerate(names)}


def macros() -> dict[str, int]:
    """Name -> value of every index the C needs."""
    return {
        **indices("PART_", OWN_PARTS),
        **{f"THREAD_{state.name}": int(state) for state in RunState},
        **{f"PHASE_{phase.name}": int(phase) for phase in Phase},
        **indices("SOURCE_", SOURCES),
        **indices("KIND_", WAKEUP_KINDS),
        **indices("WAIT_", WAITS),
        **indices("LOSS_", LOSSES),
        **indices("REPAIR_", REPAIRS),
        **indices("RESUMED_", RESUMED),
        **indices("BEHIND_", BEHIND),
        **indices("AWAITED_", AWAITED),
        "PART_UNSPLIT": UNSPLIT,
        "N_PATH": len(PATH_PARTS),
        "N_OWN": len(OWN_PARTS),
        "N_SOURCES": len(SOURCES),
        "N_WAITS": len(WAITS),
        "N_LOSSES": len(LOSSES),
        "N_REPAIRS": len(REPAIRS),
        "N_BEHIND": len(BEHIND),
        "N_AWAITED": len(AWAITED),
        "AWAITED_SHIFT": AWAITED_SHIFT,
        "NO_CALL_KEY": NO_CALL_KEY,
        "N_CLASSES": len(CLASSES),
    }
