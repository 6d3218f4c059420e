"""The three ledgers and the headline: every nanosecond of the window by part, and the residual.

Meanings: docs/time-accounting.md. In each ledger total = sum of the parts + residual, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.run.latest import of_latest
from tracer.model.recording import Recording
from tracer.model.states import (
    AWAITED,
    BEHIND,
    EXTERNAL,
    KERNEL_WORKERS,
    OWN_PARTS,
    PATH_PARTS,
    PREEMPTED,
    RESUMED,
    SLEEP,
    SYSCALL_PARTS,
    TIMED_WAIT,
    UNKNOWN,
    WAKEUP_IDLE,
    WAKEUP_QUEUED,
    YIELDED,
    RunState,
)
from tracer.model.threads import is_in, present_part

#: A ledger whose residual is above this share of its total is not closed.
TOLERANCE = 0.01
#: Parts of a path that are no part of a thread's own time.
_NEVER_OWN = (SLEEP, TIMED_WAIT, EXTERNAL, UNKNOWN)
#: Ready to run, and not running.
READY = (WAKEUP_IDLE, WAKEUP_QUEUED, PREEMPTED, YIELDED)
#: Waiting for something that no thread of the target does.
WAITING = (SLEEP, TIMED_WAIT, EXTERNAL, KERNEL_WORKERS)
#: The system-call classes whose on-CPU time is the headline's `io`.
IO_CLASSES = ("io", "poll", "io_uring")


@dataclass(frozen=True)
class Ledger:
    """`parts` by name, ns; `total_ns` = sum of the parts + `residual_ns`."""

    total_ns: int
    parts: Mapping[str, int]

    @property
    def residual_ns(self) -> int:
        return self.total_ns - sum(self.parts.values())

    @property
    def residual_share(self) -> float:
        """The size of the residual as a share of the total."""
        return abs(self.residual_ns) / max(self.total_ns, 1)

    @property
    def is_closed(self) -> bool:
        return abs(self.residual_ns) <= TOLERANCE * self.total_ns

    def share(self, name: str) -> float:
        return self.parts.get(name, 0) / self.total_ns if self.total_ns else 0.0


@dataclass(frozen=True)
class Headline:
    """Five shares of the window; with the wall ledger's residual they sum to 1.

    `io`, `user` and `system` are None with --light and --sample. `switch_cost_ns` is the part of
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


@of_latest
def in_window(recording: Recording) -> NDArray[np.bool_]:
    """Mask over slots, shape (slots,): threads that lived inside the window. Slot 0 is unused."""
    threads = recording.threads
    mask = (threads["tid"] != 0) & (threads["birth_ns"] < recording.end_ns)
    dead = is_in(threads, RunState.DEAD)
    mask &= ~dead | (threads["death_ns"] > recording.start_ns)
    mask[0] = False
    return np.asarray(mask)


@of_latest
def touched(recording: Recording) -> NDArray[np.bool_]:
    """Mask over slots, shape (slots,): threads with an event in the window. The sums in the rows of
    the others are of an earlier window."""
    return np.asarray(in_window(recording) & (recording.threads["epoch"] == recording.epoch))


def touched_cpus(recording: Recording) -> NDArray[np.void]:
    """The rows of CPUs with an event in the window. The sums in the other rows are of an earlier
    window."""
    return np.asarray(recording.cpus[recording.cpus["epoch"] == recording.epoch])


@of_latest
def thread_times(recording: Recording) -> NDArray[np.int64]:
    """Own time of each slot by part inside the window, shape (slots, len(OWN_PARTS)), ns.

    The time from a thread's last event to the end of the window is added to its last state here; a
    thread without an event in the window spent all of the window in that state.
    """
    own = np.where(touched(recording)[:, None], recording.threads["own"].astype(np.int64), 0)
    part, open_ns = open_times(recording)
    rows = np.flatnonzero(part >= 0)
    own[rows, part[rows]] += open_ns[rows]
    return np.asarray(own)


def open_times(recording: Recording) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The part of each slot's state at the end of the window, -1 for one that has ended, and the
    time inside the window since its thread's last event, ns; both of shape (slots,)."""
    threads = recording.threads
    last = np.where(touched(recording), threads["last_ns"].astype(np.int64), recording.start_ns)
    part = np.where(in_window(recording), present_part(threads), -1)
    return np.asarray(part), np.maximum(recording.end_ns - last, 0)


def lifetimes_ns(recording: Recording) -> NDArray[np.int64]:
    """Each slot's lifetime inside the window, ns, shape (slots,)."""
    threads = recording.threads
    birth = np.maximum(threads["birth_ns"].astype(np.int64), recording.start_ns)
    death = threads["death_ns"].astype(np.int64)
    dead = is_in(threads, RunState.DEAD)
    end = np.where(dead, np.minimum(death, recording.end_ns), recording.end_ns)
    return np.where(in_window(recording), np.maximum(end - birth, 0), 0)


def wall(recording: Recording) -> Ledger:
    """The wall ledger: the critical path, which is the path of the thread that ended the window."""
    path = recording.threads["path"][recording.end_slot].tolist()
    parts = {name: int(ns) for name, ns in zip(PATH_PARTS, path, strict=False)}
    parts.pop(UNKNOWN)
    return Ledger(recording.window_ns, parts)


def path_behind(recording: Recording) -> dict[str, int]:
    """By whom the critical path's waits in a queue were (`BEHIND`), ns: of `wakeup:queued`,
    `preempted` and `yielded`, those that ended."""
    values = recording.threads["path_behind"][recording.end_slot].tolist()
    return dict(zip(BEHIND, values, strict=True))


def path_awaited(recording: Recording) -> dict[str, int]:
    """What the sleeps on the critical path waited for that nobody of the target ended
    (`AWAITED`), ns. They sum to `sleep`, `timed_wait` and `external`."""
    values = recording.threads["path_awaited"][recording.end_slot].tolist()
    return dict(zip(AWAITED, values, strict=True))


def own_behind(recording: Recording) -> NDArray[np.int64]:
    """The same of each slot's own waits, shape (slots, len(BEHIND)), ns."""
    known = touched(recording)
    return np.where(known[:, None], recording.threads["own_behind"].astype(np.int64), 0)


def _own_sums(recording: Recording) -> NDArray[np.int64]:
    recycled = touched_cpus(recording)["recycled_own"].astype(np.int64).sum(axis=0)
    return np.asarray(thread_times(recording).sum(axis=0) + recycled)


def threads(recording: Recording) -> Ledger:
    """The thread ledger: all threads' lifetimes inside the window, by state."""
    sums = dict(zip(OWN_PARTS, _own_sums(recording).tolist(), strict=True))
    for name in _NEVER_OWN:
        sums.pop(name)
    recycled = int(touched_cpus(recording)["recycled_life_ns"].sum())
    total = int(lifetimes_ns(recording).sum()) + recycled
    return Ledger(total, sums)


@dataclass(frozen=True)
class CpuTimes:
    """What a CPU did inside the window other than run the target, ns."""

    idle_ns: int = 0
    others_ns: int = 0
    offline_ns: int = 0


def cpu_times(recording: Recording, number: int) -> CpuTimes:
    """Idle, tasks of others, and off line: until the first event of a CPU that was off line when
    tracer attached, and from the last event on of one that is off line at the window's end."""
    row = recording.cpus[number]
    if not row["seen"]:
        return CpuTimes()  # no event (tracer may not run there): its time is the residual
    has_event = int(row["epoch"]) == recording.epoch
    since_ns = int(row["since_ns"]) if has_event else recording.start_ns
    rest_ns = max(recording.end_ns - since_ns, 0)
    idle_ns = int(row["idle_ns"]) if has_event else 0
    other_ns = int(row["other_ns"]) if has_event else 0
    offline_ns = 0
    if has_event and number not in recording.attached_cpus:
        offline_ns = int(row["unseen_ns"])
    if not row["slot"]:  # its last task is not one of the target's
        if number not in recording.online_cpus:  # the switch to its idle task may be hidden
            offline_ns += rest_ns
        elif row["tid"]:
            other_ns += rest_ns
        else:
            idle_ns += rest_ns
    return CpuTimes(idle_ns, other_ns, offline_ns)


def cpu(recording: Recording) -> Ledger:
    """The CPU ledger: CPUs x window, by the target's parts, other tasks, idle and off line.

    A CPU that was on line for a part of the window is one of them.
    """
    numbers = cpus_of_window(recording)
    times = [cpu_times(recording, number) for number in numbers]
    sums = dict(zip(OWN_PARTS, _own_sums(recording).tolist(), strict=True))
    parts = {"target_user": sums["user"]}
    parts.update({f"target_{name}": sums[name] for name in SYSCALL_PARTS})
    parts["target_kernel_workers"] = sums[KERNEL_WORKERS]
    parts["other"] = sum(one.others_ns for one in times)
    parts["idle"] = sum(one.idle_ns for one in times)
    parts["offline"] = sum(one.offline_ns for one in times)
    return Ledger(recording.window_ns * len(numbers), parts)


def cpus_of_window(recording: Recording) -> list[int]:
    """Those that are online at its end or had an event in it."""
    rows = recording.cpus
    had_event = np.flatnonzero((rows["seen"] != 0) & (rows["epoch"] == recording.epoch))
    return sorted({*recording.online_cpus, *had_event.tolist()})


def headline(recording: Recording) -> Headline:
    """The five shares of the window, from the wall ledger."""
    path = wall(recording)
    on_cpu = {
        "user": path.parts["user"],
        "io": sum(path.parts[f"syscall:{name}"] for name in IO_CLASSES),
        "system": sum(
            path.parts[name] for name in SYSCALL_PARTS if name.split(":")[1] not in IO_CLASSES
        ),
    }
    moved = _switch_costs(recording, on_cpu)
    switch_cost_ns = sum(moved.values())
    switching_ns = switch_cost_ns + sum(path.parts[name] for name in READY)
    total_ns = max(path.total_ns, 1)
    is_split = recording.is_split
    return Headline(
        io=(on_cpu["io"] - moved["io"]) / total_ns if is_split else None,
        switching=switching_ns / total_ns,
        user=(on_cpu["user"] - moved["user"]) / total_ns if is_split else None,
        system=(on_cpu["system"] - moved["system"]) / total_ns if is_split else None,
        waiting=sum(path.parts[name] for name in WAITING) / total_ns,
        unknown=path.residual_ns / total_ns,
        on_cpu=(sum(on_cpu.values()) - switch_cost_ns) / total_ns,
        switch_cost_ns=switch_cost_ns,
    )


def _switch_costs(recording: Recording, on_cpu_ns: Mapping[str, int]) -> dict[str, int]:
    """The estimated direct cost, ns, of the switches on the path, by what each switch resumed.

    The kernel charged that time to what was resumed; an estimate above the time charged there is
    cut to it, so that no share gets negative.
    """
    times = recording.threads["resumed"][recording.end_slot].astype(np.int64).tolist()
    each_ns = recording.switch_cost_ns or 0
    return {
        name: min(n * each_ns, on_cpu_ns[name]) for name, n in zip(RESUMED, times, strict=False)
    }
