"""Questions to a report's JSON document (`tracer.run/1`), per unit of work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]

#: The lines of the wall ledger as a reader sees them, and the label of each.
LINES = {
    "wakeup:idle": "woken, but the CPU was asleep",
    "wakeup:queued": "woken, waited behind another thread",
    "preempted": "pushed off the CPU by another thread",
    "switch": "~ the switch itself (estimate)",
    "io": "I/O (inside read, write and poll calls)",
    "user": "the program's own code",
    "system": "other system calls",
    "waiting": "waiting (timers, outside world)",
    "unknown": "without a name",
}
_SWITCHING = ("wakeup:idle", "wakeup:queued", "preempted")


def units(document: Document) -> float:
    return float(document["result"]["units"] or 1)


def ns_per_unit(document: Document) -> float:
    """Length of the window by units of work."""
    return float(document["window_ns"]) / units(document)


def wall_lines(document: Document) -> dict[str, float]:
    """The wall ledger by `LINES`, ns per unit; they sum to `ns_per_unit`."""
    book, head = document["ledgers"]["wall"], document["headline"]
    total, per = float(book["total_ns"]), units(document)
    found = {name: book["parts"][name] / per for name in _SWITCHING}
    found["switch"] = head["switching"] * total / per - sum(found.values())
    for name in ("io", "user", "system", "waiting"):
        found[name] = (head[name] or 0.0) * total / per
    found["unknown"] = book["residual_ns"] / per
    return found


def counts(document: Document) -> dict[str, float | None]:
    """What explains a difference, per unit of work; None where its probe was off."""
    sched, calls, idle = (document.get(name) for name in ("sched", "syscalls", "idle"))
    per = units(document)
    woken = sched["wakeups"] if sched else None
    found: dict[str, float | None] = {
        "context switches": _of(document["rusage"], "voluntary", "involuntary"),
        "of them involuntary": _of(document["rusage"], "involuntary"),
        "wake-ups on the same CPU": _of(woken, "same_cpu"),
        "wake-ups to another CPU, idle": _of(woken, "cross_cpu_idle"),
        "wake-ups to another CPU, busy": _of(woken, "cross_cpu_busy"),
        "migrations": _of(sched, "migrations"),
        "interrupts between CPUs": None,
        "entries into idle states": None,
        "system calls": None,
        "EAGAIN": None,
    }
    if idle:
        cpus = idle["cpus"]
        found["interrupts between CPUs"] = sum(
            cpu["reschedule_interrupts"] + cpu["call_function_interrupts"] for cpu in cpus
        )
        found["entries into idle states"] = sum(
            state["entries"] for cpu in cpus for state in cpu["states"]
        )
    if calls is not None:
        found["system calls"] = sum(call["calls"] for call in calls)
        found["EAGAIN"] = sum(call["errors"].get("EAGAIN", 0) for call in calls)
    return {name: None if value is None else value / per for name, value in found.items()}


def _of(section: Mapping[str, Any] | None, *names: str) -> float | None:
    if section is None or any(section.get(name) is None for name in names):
        return None
    return float(sum(section[name] for name in names))
