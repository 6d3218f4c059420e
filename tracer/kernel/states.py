"""The states of a thread, the parts of a ledger, and every index shared with the C programs.

This is the one declaration: the C receives each index as a `-D` macro (see `macros`), the
analysis and the reports use the names. Meanings: docs/time-accounting.md.
"""

from __future__ import annotations

from tracer.kernel.syscalls import CLASSES

USER = "user"
WAKEUP_IDLE = "wakeup:idle"
WAKEUP_QUEUED = "wakeup:queued"
PREEMPTED = "preempted"
SLEEP = "sleep"
EXTERNAL = "external"
UNKNOWN = "unknown"
STOPPED = "blocked:stopped"

SYSCALL_PARTS = tuple(f"syscall:{name}" for name in CLASSES)
BLOCKED_PARTS = tuple(f"blocked:{name}" for name in CLASSES)

#: Parts of a path vector, in the order of the C array `path`.
PATH_PARTS = (
    USER,
    *SYSCALL_PARTS,
    WAKEUP_IDLE,
    WAKEUP_QUEUED,
    PREEMPTED,
    SLEEP,
    EXTERNAL,
    UNKNOWN,
)
#: Parts of a thread's own time, in the order of the C array `own`.
OWN_PARTS = (*PATH_PARTS, STOPPED, *BLOCKED_PARTS)

#: Run states, the values of `thread.word`.
RUN_STATES = (
    "RUNNING",
    "RUNNING_EARLY",
    "BLOCKED",
    "WAKING",
    "WAKING_EARLY",
    "PREEMPTED",
    "DEAD",
)
#: Phases of the window, the values of `ctl.phase`.
PHASES = ("BEFORE", "OPEN", "CLOSED")
#: Who woke a thread, the values of `thread.source` (docs/time-accounting.md).
SOURCES = ("process", "timer", "hard_irq", "softirq", "kernel_thread", "other_process")
#: Kinds of wake-up, by where the woken thread then ran.
WAKEUP_KINDS = ("same_cpu", "cross_cpu_idle", "cross_cpu_busy", "interrupt")
#: What a thread waited for before it came in: a wake-up of some kind, or after a preemption.
WAITS = (*WAKEUP_KINDS, PREEMPTED)
#: Events that could not be recorded: the numbers they touch are too small.
LOSSES = ("thread_table_full", "state_race", "unmatched_exit", "syscall_table_full")
#: Places where the state machine met an impossible order of events and went on with `unknown`
#: time: nothing is lost, the ledger shows the time as residual.
REPAIRS = ("switched_in_while_blocked", "switched_in_while_running", "switch_not_seen")
#: What a switch-in resumed, for the estimated direct cost of switches on the path.
RESUMED = ("user", "io", "system")


def macros() -> dict[str, int]:
    """Name -> value of every index the C needs."""
    groups: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("PART_", OWN_PARTS),
        ("", tuple(f"THREAD_{name}" for name in RUN_STATES)),
        ("PHASE_", PHASES),
        ("SOURCE_", SOURCES),
        ("KIND_", WAKEUP_KINDS),
        ("WAIT_", WAITS),
        ("LOSS_", LOSSES),
        ("REPAIR_", REPAIRS),
        ("RESUMED_", RESUMED),
    )
    found = {
        prefix + name.replace(":", "_").upper(): index
        for prefix, names in groups
        for index, name in enumerate(names)
    }
    found.update(
        N_PATH=len(PATH_PARTS),
        N_OWN=len(OWN_PARTS),
        N_SOURCES=len(SOURCES),
        N_WAITS=len(WAITS),
        N_LOSSES=len(LOSSES),
        N_REPAIRS=len(REPAIRS),
        N_CLASSES=len(CLASSES),
    )
    return found
