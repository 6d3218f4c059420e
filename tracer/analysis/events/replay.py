"""The books of a run from its events alone: the second truth beside the kernel's counters.

The rules are those of docs/time-accounting.md; the program that applies them
(workloads/native/replay) shares no code with the kernel side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.host.installation import installation
from tracer.host.replaying import Request, replayed
from tracer.model.events import Events
from tracer.model.histogram import BUCKETS
from tracer.model.states import (
    AWAITED,
    BEHIND,
    OWN_PARTS,
    PATH_PARTS,
    REPAIRS,
    RESUMED,
    SOURCES,
    WAITS,
)
from tracer.model.syscalls import MACHINE
from tracer.probes.sched import RUNNABLE
from tracer.probes.syscalls import ERRNO_BUCKETS

#: No thread of the target.
NO_ROW = 0xFFFFFFFF
#: No system call.
NO_CALL = -1

#: A thread's life in a slot. `is_seen`: some event told its state; `window`: 1 when it had an event
#: in the window, else its sums are of before and its state lasted all of the window.
THREAD_DTYPE = np.dtype(
    [
        *((name, "<u4") for name in ("slot", "life", "tid", "tgid", "state")),
        *((name, "<u4") for name in ("on_cpu_part", "blocked_part")),
        ("call_nr", "<i4"),
        *((name, "<u4") for name in ("is_worker", "is_seen", "window", "pad")),
        *((name, "<i8") for name in ("last_ns", "birth_ns", "death_ns")),
        *((name, "<u8") for name in ("voluntary", "involuntary", "migrations", "yielded")),
        ("path", "<i8", (len(PATH_PARTS),)),
        ("path_behind", "<i8", (len(BEHIND),)),
        ("path_awaited", "<i8", (len(AWAITED),)),
        ("resumed", "<u8", (len(RESUMED),)),
        ("own", "<i8", (len(OWN_PARTS),)),
        ("own_behind", "<i8", (len(BEHIND),)),
        ("comm", "S16"),
    ]
)
CPU_DTYPE = np.dtype(
    [
        *((name, "<u4") for name in ("seen", "tid", "slot", "window")),
        *((name, "<i8") for name in ("since_ns", "idle_ns", "other_ns", "unseen_ns")),
        ("early", "<u8"),
        ("sources", "<u8", (len(SOURCES),)),
    ]
)
#: `struct hist`.
HIST_DTYPE = np.dtype([("sum", "<u8"), ("max", "<u8"), ("buckets", "<u8", (BUCKETS,))])
CALL_DTYPE = np.dtype(
    [
        *((name, "<u8") for name in ("nr", "off_ns", "results")),
        ("errors", "<u8", (ERRNO_BUCKETS,)),
        ("ns", HIST_DTYPE),
    ]
)
SCHED_DTYPE = np.dtype(
    [
        ("waited", HIST_DTYPE, (len(WAITS),)),
        ("ran", HIST_DTYPE, (len(WAITS) + 1,)),
        ("handed", HIST_DTYPE, (len(WAITS),)),
        ("ran_io_ns", "<u8", (len(WAITS),)),
        ("ran_user_ns", "<u8", (len(WAITS),)),
        ("pulled", "<u8"),
        *((name, "<u8", (RUNNABLE,)) for name in ("woke", "woke_away")),
        # the run queue's length at a wake-up is in no event
        *((name, "<u8", (RUNNABLE,)) for name in ("woke_by_queue", "woke_away_by_queue")),
    ]
)
#: A state of a thread, inside the window. `part`: index into OWN_PARTS, `path_part`: what it is on
#: a path; `cpu`: where it ran, or comes in after a wait; `nr`: the call that it is in; `waker`: row
#: of the thread that ended it, NO_ROW: none; `source`: who did; `wait`: index into WAITS, beyond:
#: none; `is_open`: 2 where it goes on at the window's end.
SEGMENT_DTYPE = np.dtype(
    [
        *((name, "<i8") for name in ("start_ns", "end_ns")),
        *((name, "<u4") for name in ("thread", "waker")),
        ("cpu", "<u2"),
        ("nr", "<i2"),
        *((name, "u1") for name in ("part", "path_part", "source", "wait", "is_open")),
        ("pad", "u1", (7,)),
    ]
)
#: A piece of the path, in order of time. `behind_ns`: how long the task ran that held the CPU
#: longest while the thread waited for it: `behind_thread` (row) of the target, or `behind_tid`.
PATH_DTYPE = np.dtype(
    [
        *((name, "<i8") for name in ("start_ns", "end_ns", "behind_ns")),
        *((name, "<u4") for name in ("thread", "behind_thread", "behind_tid", "waker")),
        ("cpu", "<u2"),
        ("nr", "<i2"),
        *((name, "u1") for name in ("part", "source", "wait", "flags")),
    ]
)
_DTYPES = {
    "threads": THREAD_DTYPE,
    "cpus": CPU_DTYPE,
    "calls": CALL_DTYPE,
    "sched": SCHED_DTYPE,
    "path": PATH_DTYPE,
    "segments": SEGMENT_DTYPE,
    "numbers": np.dtype("<u8"),
}
_NUMBERS = (
    *("events", "end_slot", "impossible", "after_end", "unmatched_exits", "inferred_ns"),
    *REPAIRS,
)


@dataclass(frozen=True)
class Replayed:
    """What the events say. Arrays by the dtypes of this module; times CLOCK_MONOTONIC, ns.

    Attributes
    ----------
    threads:
        THREAD_DTYPE, a row for each life of a thread; `thread`, `waker` of other arrays are rows.
    cpus:
        CPU_DTYPE, a row for each CPU.
    calls:
        CALL_DTYPE, a row for each system call that was made.
    sched:
        SCHED_DTYPE, one row.
    segments:
        SEGMENT_DTYPE: the states of all threads, which tile their lives in the window; in order of
        their ends, those that go on at the window's end last. Empty unless asked for.
    path:
        PATH_DTYPE, in order of time; tiles the window.
    end_slot:
        The thread whose path it is; 0: nobody's.
    numbers:
        `impossible`: events that cannot follow those before them: some must be missing;
        `after_end`: events that another CPU was in the middle of when the window closed; and
        repairs by name.
    """

    start_ns: int
    end_ns: int
    end_slot: int
    threads: NDArray[np.void]
    cpus: NDArray[np.void]
    calls: NDArray[np.void]
    sched: NDArray[np.void]
    segments: NDArray[np.void]
    path: NDArray[np.void]
    numbers: dict[str, int]

    @property
    def end_row(self) -> int:
        """The row of the path's thread; -1: nobody's."""
        rows = np.flatnonzero((self.threads["slot"] == self.end_slot) & (self.end_slot > 0))
        return int(rows[-1]) if len(rows) else -1


def replay(
    events: Events,
    known: Iterable[tuple[int, int, int]] = (),
    *,
    segments: bool = True,
    machine: str = MACHINE,
) -> Replayed:
    """Replay all events. `known`: slot, tid and process of threads that were there before the first
    event, `machine`: whose system calls they make (`uname -m`).

    TracerError where the program that does it is not built, or an event is damaged.
    """
    request = Request(
        events.rows, events.start_ns, events.end_ns, events.end_slot, known, machine, segments
    )
    found = {name: data.reshape(-1).view(_DTYPES[name]) for name, data in replayed(request).items()}
    if set(found) != set(_DTYPES):
        raise TracerError("the program that replays recordings is of another tracer",
                          f"build it with: {installation().to_build()}")  # fmt: skip
    values = [int(value) for value in found["numbers"]]
    named = dict(zip(_NUMBERS, values, strict=True))
    return Replayed(
        start_ns=events.start_ns,
        end_ns=events.end_ns,
        end_slot=named["end_slot"],
        threads=found["threads"],
        cpus=found["cpus"],
        calls=found["calls"],
        sched=found["sched"],
        segments=found["segments"],
        path=found["path"],
        numbers=named,
    )
