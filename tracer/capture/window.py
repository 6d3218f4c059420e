"""Windows that tracer opens and closes by itself, and the path of a thread chosen for one.

A workload's window, and a command's from exec to exit, are opened and closed by the programs. A
window that begins or ends at a chosen time is set here (`tracer.model.window`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.kernel.arrays import Snapshot
from tracer.kernel.engine import Engine
from tracer.model import threads as rows_of
from tracer.model.states import (
    AWAITED,
    EXTERNAL,
    KERNEL_WORKERS,
    ON_CPU_PARTS,
    PART,
    SLEEP,
    UNKNOWN,
    Phase,
    RunState,
)
from tracer.model.syscalls import SYNCS, name_of
from tracer.model.threads import Mask, Threads
from tracer.model.window import close_window, open_window

#: If the busiest thread ends in an unexplained sleep longer than this share of the window, report
#: another thread, provided it ran at least half as long, or the path that ends in it did.
_ASLEEP_SHARE = 0.005
#: If that sleep is longer than this share, the other one need have run for this share only of what
#: the busiest one ran. Where that was less it is none of the work that the window is about.
_MUCH, _SOME_WORK = 0.05, 0.1


def open_now(engine: Engine, command_tgid: int = 0) -> None:
    """Open a window at this moment; that of a process `command_tgid` ends with its exit."""
    open_window(engine.ctl, command_tgid)


def is_open(engine: Engine) -> bool:
    """Whether the window has opened and not closed yet."""
    return int(engine.ctl["phase"]) == Phase.OPEN


def processes_of(engine: Engine) -> set[int]:
    """The target's processes with a thread that has not ended, from the table of threads."""
    return set(rows_of.processes(engine.arrays.threads[1:]))


def close_now(engine: Engine, end_ns: int | None = None) -> Snapshot:
    """End the window at this moment, or give it an end that has just passed, and detach. One that
    is closed already keeps its end, where none is given.

    Everything as it was then.
    """
    if end_ns is not None or is_open(engine):
        close_window(engine.ctl, end_ns)
    engine.detach()
    return engine.arrays.snapshot()


def end_earlier(data: Snapshot, end_ns: int) -> None:
    """Move a window's end back to when its last thread ended, in place: CPUs went on after it."""
    data["ctl"]["end_ns"] = end_ns
    cpus = data["cpus"]
    later = np.where(cpus["epoch"] == data["ctl"]["epoch"][0], cpus["since_ns"], 0)
    late = np.maximum(later.astype(np.int64) - end_ns, 0)
    # After the last thread ended the CPU was idle or ran others; that split is gone, so take it
    # from idle first.
    idle = np.minimum(late, cpus["idle_ns"].astype(np.int64))
    cpus["idle_ns"] -= idle.astype(np.uint64)
    other = np.minimum(late - idle, cpus["other_ns"].astype(np.int64))
    cpus["other_ns"] -= other.astype(np.uint64)
    cpus["since_ns"] -= late.astype(np.uint64)


def has_threads(data: Snapshot) -> bool:
    """Whether a thread of the target was there in the window."""
    threads = data["threads"]
    return bool(((threads["tid"] != 0) & _of_window(threads, int(data["ctl"]["epoch"][0]))).any())


def _of_window(threads: Threads, epoch: int) -> Mask:
    """Rows that are not of an earlier window alone."""
    return np.asarray((threads["epoch"] == epoch) | (threads["state"] != RunState.DEAD))


@dataclass(frozen=True)
class PathEnd:
    """Whose path it is; `asleep_ns`: how long that thread had slept at the end, not yet woken, and
    how much of that has a name on the path."""

    slot: int
    tid: int
    asleep_ns: int
    named_ns: int = 0


def choose_path(data: Snapshot, which: str, main_tid: int) -> PathEnd:
    """Take the path of one thread up to the window's end, in place.

    `which` is `busiest`, the thread with the most time on a CPU, or a less busy one that did work
    too and whose path has a name up to the end, where that of the first has none for long;
    `latest`, the one with the latest event; `main`, that of the process `main_tid`, or `busiest`
    when that has ended; or a thread's number. The time since the thread's last event goes to the
    state it is in. A sleep that goes on is `sleep` where it waits for a timer, `external` as long
    as all threads of the target are asleep, and stays without a name otherwise: it is not known
    who will end it.

    TracerError when there is no such thread.
    """
    ctl, threads = data["ctl"][0], data["threads"]
    start_ns, end_ns = int(ctl["start_ns"]), int(ctl["end_ns"])
    seen = threads["epoch"] == ctl["epoch"]
    last_ns = np.where(seen, threads["last_ns"], start_ns).astype(np.int64)
    asleep = rows_of.is_in(threads, RunState.BLOCKED)
    awake = rows_of.is_alive(threads) & ~asleep
    quiet_ns = end_ns if awake[1:].any() else int(last_ns[1:].max(initial=start_ns))
    timed = asleep & (threads["blocked_part"] == PART["blocked:sleep"])
    known = (threads["tid"] != 0) & (seen | rows_of.is_alive(threads))
    present = rows_of.present_part(threads)
    slot = _slot_of(threads, seen, known, which, main_tid)
    if slot is None:
        has_name = timed | (awake & (present != PART[UNKNOWN]))
        unnamed_ns = np.where(has_name, 0, np.maximum(quiet_ns - last_ns, 0))
        running = (present >= 0) & (present < PART[KERNEL_WORKERS])
        rest_ns = np.where(running, np.maximum(end_ns - last_ns, 0), 0)
        slot = _busiest(threads, seen, known, rest_ns, unnamed_ns / max(end_ns - start_ns, 1))
    thread = threads[slot]
    # an event that began before the window was closed can have ended behind its end
    ctl["end_ns"] = end_ns = max(end_ns, int(last_ns[slot]))
    if not seen[slot]:
        _renew(thread, int(ctl["epoch"]), start_ns)
        if "path_seen_ns" in data:  # with --sample
            data["path_seen_ns"][slot] = 0
    still_ns, named_ns = max(end_ns - int(thread["last_ns"]), 0), 0
    if awake[slot]:
        thread["path"][present[slot]] += still_ns
    else:
        named_ns = still_ns if timed[slot] else max(end_ns - quiet_ns, 0)
        awaited = AWAITED.index("timer") if timed[slot] else _awaited_at_end(thread)
        thread["path"][PART[SLEEP if timed[slot] else EXTERNAL]] += named_ns
        thread["path_awaited"][awaited] += named_ns
    ctl["end_slot"] = slot
    asleep_ns = still_ns if asleep[slot] else 0
    return PathEnd(slot, int(thread["tid"]), asleep_ns, min(named_ns, asleep_ns))


def _awaited_at_end(thread: np.void) -> int:
    """What a thread that sleeps waits for, as far as its call tells: nothing has woken it yet."""
    in_call = thread["blocked_part"] == PART["blocked:io"]
    is_disk = in_call and name_of(int(thread["call_nr"])) in SYNCS
    return AWAITED.index("disk" if is_disk or thread["for_blocks"] else "other")


def _renew(thread: np.void, epoch: int, start_ns: int) -> None:
    """A thread without an event in the window: its sums are of an older one."""
    thread["epoch"], thread["last_ns"] = epoch, start_ns
    of_stacks = ("node", "handovers", "stretch_ns")
    sums = ("path", "path_behind", "path_awaited", "own", "own_behind", "resumed")
    for name in (*sums, "voluntary", "involuntary", "migrations", *of_stacks):
        thread[name] = 0
    thread["polls_before"] = thread["polls"]


def _busiest(
    threads: Threads,
    seen: Mask,
    known: Mask,
    rest_ns: NDArray[np.int64],
    unnamed: NDArray[np.float64],
) -> int:
    """The slot of the thread that ran most, or of one in its place. For each row: how long it has
    run since its last event, ns, and the share of the window at its end for which its path has no
    name. What a worker of the kernel runs is on another thread's path a wait."""
    own_ns, path_ns = (
        np.where(seen, threads[name][:, :parts].sum(axis=1), 0).astype(np.int64) + rest_ns
        for name, parts in (("own", len(ON_CPU_PARTS)), ("path", PART[KERNEL_WORKERS]))
    )
    # where nobody ran, a thread that is there is as good as any other
    busy = np.where(known, own_ns + 1, 0)
    busiest = int(np.argmax(busy))
    least = (_SOME_WORK if unnamed[busiest] > _MUCH else 0.5) * busy[busiest]
    # a path begins as a copy of another one: what it lacks of the work came later
    for ran_ns, least_ns in ((busy, least), (path_ns, max(least, path_ns[busiest] / 2))):
        named = np.where(known & (unnamed <= _ASLEEP_SHARE), ran_ns, 0)
        if named.max() >= least_ns:
            return int(np.argmax(named))
    return busiest


def _slot_of(threads: Threads, seen: Mask, known: Mask, which: str, main_tid: int) -> int | None:
    """None where it is to be the busiest."""
    if which == "latest":
        alive = known & seen & rows_of.is_alive(threads)
        return int(np.argmax(np.where(alive if alive.any() else seen, threads["last_ns"], 0)))
    if which == "busiest":
        return None
    tid = main_tid if which == "main" else int(which)
    slots = np.flatnonzero(known & (threads["tid"] == tid))
    if len(slots):
        return int(slots[-1])
    if which == "main":  # it has ended; the others go on
        return None
    raise TracerError(
        f"thread {tid} was not there in the window",
        "its number is that of the host; --path-of busiest takes any",
    )
