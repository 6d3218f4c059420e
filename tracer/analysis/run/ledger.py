"""The three ledgers and the headline: every nanosecond of the window, named, and what is left.

Meanings: docs/time-accounting.md. In each ledger total = sum(parts) + residual exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.model.recording import Recording
from tracer.model.states import OWN_PARTS, PATH_PARTS, RESUMED, SYSCALL_PARTS, UNKNOWN, RunState
from tracer.model.threads import is_in, present_part

#: A ledger whose residual is above this share of its total is not closed.
TOLERANCE = 0.01
_NEVER_OWN = ("sleep", "external", UNKNOWN)
#: Headline share -> the system-call classes whose on-CPU time it holds.
IO_CLASSES = ("io", "poll", "io_uring")


@dataclass(frozen=True)
class Ledger:
    """`parts` by state name in ns; `total_ns` = sum of the parts + `residual_ns`."""

    total_ns: int
    parts: Mapping[str, int]

    @property
    def residual_ns(self) -> int:
        return self.total_ns - sum(self.parts.values())

    @property
    def is_closed(self) -> bool:
        return abs(self.residual_ns) <= TOLERANCE * self.total_ns

    def share(self, name: str) -> float:
        return self.parts.get(name, 0) / self.total_ns if self.total_ns else 0.0


@dataclass(frozen=True)
class Headline:
    """Five shares of the window; with the wall ledger's residual they sum to 1.

    `io`, `user` and `system` are None with --light. `switch_cost_ns` is the part of
    `switching` that is an estimate: the switches on the path times their calibrated direct cost,
    moved from the calls they resumed.
    """

    io: float | None
    switching: float
    user: float | None
    system: float | None
    waiting: float
    unknown: float
    on_cpu: float
    switch_cost_ns: int


def in_window(recording: Recording) -> NDArray[np.bool_]:
    """Mask over slots: threads that lived inside the window. Slot 0 is nobody."""
    threads = recording.threads
    mask = (threads["tid"] != 0) & (threads["birth_ns"] < recording.end_ns)
    dead = is_in(threads, RunState.DEAD)
    mask &= ~dead | (threads["death_ns"] > recording.start_ns)
    mask[0] = False
    return np.asarray(mask)


def touched(recording: Recording) -> NDArray[np.bool_]:
    """Mask over slots: threads with an event in the window (the others' sums are older)."""
    return np.asarray(in_window(recording) & (recording.threads["epoch"] == recording.epoch))


def touched_cpus(recording: Recording) -> NDArray[np.void]:
    """The rows of CPUs with an event in the window (the others' sums are older)."""
    return np.asarray(recording.cpus[recording.cpus["epoch"] == recording.epoch])


def thread_times(recording: Recording) -> NDArray[np.int64]:
    """Own time of each slot by part inside the window, shape (slots, len(OWN_PARTS)), ns.

    The state that a thread was in at the end is brought up to the end here; a thread without
    an event in the window spent all of it in its state from before.
    """
    threads = recording.threads
    known = touched(recording)
    own = np.where(known[:, None], threads["own"].astype(np.int64), 0)
    last = np.where(known, threads["last_ns"].astype(np.int64), recording.start_ns)
    part = np.where(in_window(recording), present_part(threads), -1)
    rows = np.flatnonzero(part >= 0)
    own[rows, part[rows]] += np.maximum(recording.end_ns - last[rows], 0)
    return np.asarray(own)


def lifetimes_ns(recording: Recording) -> NDArray[np.int64]:
    """Each slot's lifetime inside the window, ns, shape (slots,)."""
    threads = recording.threads
    birth = np.maximum(threads["birth_ns"].astype(np.int64), recording.start_ns)
    death = threads["death_ns"].astype(np.int64)
    dead = is_in(threads, RunState.DEAD)
    end = np.where(dead, np.minimum(death, recording.end_ns), recording.end_ns)
    return np.where(in_window(recording), np.maximum(end - birth, 0), 0)


def wall(recording: Recording) -> Ledger:
    """The critical path: the vector of the thread that ended the window."""
    path = recording.threads["path"][recording.end_slot].tolist()
    parts = {name: int(ns) for name, ns in zip(PATH_PARTS, path, strict=False)}
    parts.pop(UNKNOWN)
    return Ledger(recording.window_ns, parts)


def _own_sums(recording: Recording) -> NDArray[np.int64]:
    recycled = touched_cpus(recording)["recycled_own"].astype(np.int64).sum(axis=0)
    return np.asarray(thread_times(recording).sum(axis=0) + recycled)


def threads(recording: Recording) -> Ledger:
    """All threads' lifetimes inside the window against their states."""
    sums = dict(zip(OWN_PARTS, _own_sums(recording).tolist(), strict=True))
    for name in _NEVER_OWN:
        sums.pop(name)
    recycled = int(touched_cpus(recording)["recycled_life_ns"].sum())
    total = int(lifetimes_ns(recording).sum()) + recycled
    return Ledger(total, sums)


def cpu(recording: Recording) -> Ledger:
    """Online CPUs x window: the target by user and system call, other tasks, idle."""
    idle = other = 0
    for number in recording.online_cpus:
        row = recording.cpus[number]
        if not row["seen"]:
            continue  # tracer may not run there; its time is the residual
        current = int(row["epoch"]) == recording.epoch
        since = int(row["since_ns"]) if current else recording.start_ns
        rest = max(recording.end_ns - since, 0)
        idle += int(row["idle_ns"]) if current else 0
        other += int(row["other_ns"]) if current else 0
        if not row["slot"]:
            if row["tid"]:
                other += rest
            else:
                idle += rest
    sums = dict(zip(OWN_PARTS, _own_sums(recording).tolist(), strict=True))
    parts = {"target_user": sums["user"]}
    parts.update({f"target_{name}": sums[name] for name in SYSCALL_PARTS})
    parts.update(other=other, idle=idle)
    return Ledger(recording.window_ns * len(recording.online_cpus), parts)


def headline(recording: Recording) -> Headline:
    """The five shares of the window, from the wall ledger."""
    book = wall(recording)
    resumed = recording.threads["resumed"][recording.end_slot].astype(np.int64).tolist()
    cost = recording.switch_cost_ns or 0
    on_cpu = {
        "user": book.parts["user"],
        "io": sum(book.parts[f"syscall:{name}"] for name in IO_CLASSES),
        "system": sum(
            book.parts[name] for name in SYSCALL_PARTS if name.split(":")[1] not in IO_CLASSES
        ),
    }
    # no more is moved than was charged there: the estimate must not make a share negative
    moved = {
        name: min(count * cost, on_cpu[name]) for name, count in zip(RESUMED, resumed, strict=False)
    }
    switch_cost = sum(moved.values())
    switching = switch_cost + sum(
        book.parts[name] for name in ("wakeup:idle", "wakeup:queued", "preempted")
    )
    waiting = book.parts["sleep"] + book.parts["external"]
    total = max(book.total_ns, 1)
    split = not recording.light
    return Headline(
        io=(on_cpu["io"] - moved["io"]) / total if split else None,
        switching=switching / total,
        user=(on_cpu["user"] - moved["user"]) / total if split else None,
        system=(on_cpu["system"] - moved["system"]) / total if split else None,
        waiting=waiting / total,
        unknown=book.residual_ns / total,
        on_cpu=(sum(on_cpu.values()) - switch_cost) / total,
        switch_cost_ns=switch_cost,
    )
