"""Windows that tracer opens and closes by itself, and the path of a thread chosen for one.

A workload's window, and a command's from exec to exit, are opened and closed by the programs. A
window that begins or ends at some second is written here: the programs read its start before
its epoch, and both before its phase.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.kernel.engine import CORE_ARRAYS, Engine
from tracer.kernel.states import OWN_PARTS, PATH_PARTS, PHASES, RUN_STATES

_AWAKE = tuple(
    RUN_STATES.index(name)
    for name in ("RUNNING", "RUNNING_EARLY", "WAKING", "WAKING_EARLY", "PREEMPTED")
)
_DEAD, _BLOCKED = RUN_STATES.index("DEAD"), RUN_STATES.index("BLOCKED")
#: A time without a name at the end that is a larger share of the window is worth the path of
#: another thread that is half as busy.
_ASLEEP_SHARE = 0.005
#: With a larger one even that of a thread that is much less busy.
_MUCH = 0.05
_SLEEP = OWN_PARTS.index("blocked:sleep")
_ON_CPU = OWN_PARTS.index("wakeup:idle")

Snapshot = Mapping[str, NDArray[np.void]]


def open_now(engine: Engine, command_tgid: int = 0) -> None:
    """Open a window at this moment; that of a process `command_tgid` ends with its exit."""
    ctl = engine.ctl
    ctl["end_slot"] = 0
    ctl["start_ns"] = time.monotonic_ns()
    ctl["epoch"] += 1
    ctl["window_tgid"] = command_tgid
    ctl["phase"] = PHASES.index("OPEN")
    ctl["command_tgid"] = command_tgid


def is_open(engine: Engine) -> bool:
    return int(engine.ctl["phase"]) == PHASES.index("OPEN")


def processes_of(engine: Engine) -> set[int]:
    """The target's processes with a thread that has not ended, from the table of threads."""
    threads = engine.arrays["threads"][1 : int(engine.ctl["next_slot"])]
    alive = (threads["tid"] != 0) & (threads["word"] != _DEAD)
    return {int(pid) for pid in np.unique(threads["tgid"][alive])}


def close_now(engine: Engine) -> Snapshot:
    """End the window at this moment and detach; everything as it was then."""
    engine.ctl["end_ns"] = time.monotonic_ns()
    engine.ctl["phase"] = PHASES.index("CLOSED")
    engine.detach()
    return engine.snapshot()


def end_earlier(data: Snapshot, end_ns: int) -> None:
    """Move a window's end back to when its last thread ended, in place: CPUs went on after it."""
    data["ctl"]["end_ns"] = end_ns
    cpus = data["cpus"]
    later = np.where(cpus["epoch"] == data["ctl"]["epoch"][0], cpus["since_ns"], 0)
    late = np.maximum(later.astype(np.int64) - end_ns, 0)
    # nobody of the target was there: which of the two it was is not kept, most often none ran
    idle = np.minimum(late, cpus["idle_ns"].astype(np.int64))
    cpus["idle_ns"] -= idle.astype(np.uint64)
    other = np.minimum(late - idle, cpus["other_ns"].astype(np.int64))
    cpus["other_ns"] -= other.astype(np.uint64)
    cpus["since_ns"] -= late.astype(np.uint64)


def has_threads(data: Snapshot) -> bool:
    """Whether a thread of the target was there in the window."""
    threads = data["threads"]
    return bool(((threads["tid"] != 0) & _of_window(threads, int(data["ctl"]["epoch"][0]))).any())


def _of_window(threads: NDArray[np.void], epoch: int) -> NDArray[np.bool_]:
    """Mask of rows that are not of an earlier window alone."""
    return np.asarray((threads["epoch"] == epoch) | (threads["word"] != _DEAD))


def next_window(engine: Engine) -> Snapshot:
    """End the window and open the next one; everything as it was at the end of the first.

    Between the two the programs go on following the threads' states and count nothing.
    """
    engine.ctl["end_ns"] = time.monotonic_ns()
    engine.ctl["phase"] = PHASES.index("BEFORE")
    data = engine.snapshot(lambda threads: _of_window(threads, int(engine.ctl["epoch"])))
    for name, array in engine.arrays.items():
        if name not in CORE_ARRAYS:
            array.view()[...] = np.zeros((), array.dtype)
    open_now(engine)
    data["ctl"]["phase"] = PHASES.index("CLOSED")
    return data


@dataclass(frozen=True)
class PathEnd:
    """Whose path it is; `asleep_ns`: since when nobody had woken that thread at the end."""

    slot: int
    tid: int
    asleep_ns: int


def choose_path(data: Snapshot, which: str, main_tid: int) -> PathEnd:
    """Take the path of one thread up to the window's end, in place.

    `which` is `busiest`, the thread with the most time on a CPU, or a less busy one whose path has
    a name up to the end, where that of the first has none for long; `main`, that of the process
    `main_tid`, or `busiest` when that has ended; or a thread's number. The time since the thread's
    last event goes to the state it is in. A sleep that goes on is `sleep` where it waits for a
    timer, `external` as long as all threads of the target are asleep, and stays without a name
    otherwise: who will end it, and what by, is not known.

    TracerError when there is no such thread.
    """
    ctl, threads = data["ctl"][0], data["threads"]
    start_ns, end_ns = int(ctl["start_ns"]), int(ctl["end_ns"])
    seen = threads["epoch"] == ctl["epoch"]
    awake = np.isin(threads["word"], _AWAKE) & (threads["tid"] != 0)
    last = np.where(seen, threads["last_ns"], start_ns).astype(np.int64)
    quiet_from = end_ns if awake[1:].any() else int(last[1:].max(initial=start_ns))
    timed = (threads["word"] == _BLOCKED) & (threads["block"] == _SLEEP)
    unnamed_ns = np.where(awake | timed, 0, np.maximum(quiet_from - last, 0))
    unnamed = unnamed_ns / max(end_ns - start_ns, 1)
    slot = _slot_of(threads, seen, which, main_tid, unnamed)
    thread = threads[slot]
    if not seen[slot]:  # nothing happened to it: its sums are of an older window
        thread["epoch"], thread["last_ns"] = ctl["epoch"], start_ns
        for name in ("path", "own", "resumed", "voluntary", "involuntary", "migrations"):
            thread[name] = 0
    last_ns = int(thread["last_ns"])
    rest_ns = max(end_ns - last_ns, 0)
    word = int(thread["word"])
    asleep_ns = 0
    if word in (_BLOCKED, _DEAD):
        asleep_ns = rest_ns if word == _BLOCKED else 0
        if timed[slot]:
            thread["path"][PATH_PARTS.index("sleep")] += rest_ns
        else:
            thread["path"][PATH_PARTS.index("external")] += max(end_ns - quiet_from, 0)
    else:
        running = RUN_STATES[word] in ("RUNNING", "RUNNING_EARLY")
        waking = RUN_STATES[word] in ("WAKING", "WAKING_EARLY")
        part = "wakeup:queued" if waking else "preempted"
        thread["path"][int(thread["mode"]) if running else PATH_PARTS.index(part)] += rest_ns
    ctl["end_slot"] = slot
    return PathEnd(slot, int(thread["tid"]), asleep_ns)


def _slot_of(
    threads: NDArray[np.void],
    seen: NDArray[np.bool_],
    which: str,
    main_tid: int,
    unnamed: NDArray[np.float64],
) -> int:
    alive = (threads["tid"] != 0) & (threads["word"] != _DEAD)
    known = np.where(seen, True, alive) & (threads["tid"] != 0)
    if which == "busiest":
        on_cpu = np.where(seen, threads["own"][:, :_ON_CPU].sum(axis=1), 0).astype(np.int64)
        # where nobody ran, a thread that is there is as good as any other
        busy = np.where(known, on_cpu + 1, 0)
        busiest = int(np.argmax(busy))
        named = np.where(unnamed <= _ASLEEP_SHARE, busy, 0)
        if 2 * named.max() >= busy[busiest] or (unnamed[busiest] > _MUCH and named.any()):
            return int(np.argmax(named))
        return busiest
    tid = main_tid if which == "main" else int(which)
    slots = np.flatnonzero(known & (threads["tid"] == tid))
    if not len(slots) and which == "main":  # it has ended; the others go on
        return _slot_of(threads, seen, "busiest", main_tid, unnamed)
    if not len(slots):
        raise TracerError(
            f"thread {tid} was not there in the window",
            "its number is that of the host; --path-of busiest takes any",
        )
    return int(slots[-1])
