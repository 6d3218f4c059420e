"""A hop: its kinds, its parts, and the record of one. docs/hops.md defines them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAME_CPU, WAKER_PUSHED_OFF, CPU_ASLEEP, CPU_POLLING, CPU_BUSY, NOT_ASLEEP, FOUND, ONE_THREAD = (
    range(8)
)
#: The kinds of hop, in the order of their numbers.
KINDS = (
    "same_cpu",
    "waker_pushed_off",
    "cross_cpu_asleep",
    "cross_cpu_polling",
    "cross_cpu_busy",
    "not_asleep",
    "found",
    "one_thread",
)
#: The parts of a hop, in the order of time; each hop's sum to its whole.
PARTS = (
    "call",
    "call_off_cpu",
    "send_interrupt",
    "leave_sleep",
    "switch_in",
    "behind_waker",
    "queue",
    "return",
    "off_again",
    "not_seen",
    "send",
    "runtime",
    "again",
    "poll",
    "receive",
    "other_calls",
    "off_cpu",
)
PART = {name: number for number, name in enumerate(PARTS)}
#: `*_ns` are CLOCK_MONOTONIC; -1: there was no such moment. `waker`, `woken` are slots, `*_nr` the
#: numbers of their calls. `slept_ns`: how long the CPU had slept, -1 where it did not. `row`: that
#: of the event WAKING, or of the call's entry where nobody was woken. `had_pushed_off`: the waker
#: came onto its CPU by pushing another thread of the target off, so two are on that CPU's queue.
HOP_DTYPE = np.dtype(
    [
        ("start_ns", "<i8"),
        ("waking_ns", "<i8"),
        ("switch_in_ns", "<i8"),
        ("end_ns", "<i8"),
        ("parts_ns", "<i8", len(PARTS)),
        ("slept_ns", "<i8"),
        ("waker", "<u4"),
        ("woken", "<u4"),
        ("row", "<u4"),
        ("waker_nr", "<i2"),
        ("woken_nr", "<i2"),
        ("waker_cpu", "<u2"),
        ("cpu", "<u2"),
        ("kind", "u1"),
        ("had_pushed_off", "?"),
    ]
)


@dataclass(frozen=True)
class Hops:
    """The hops of a recording.

    Attributes
    ----------
    rows:
        Structured, HOP_DTYPE, in the order of their ends.
    window_ns:
        Its length.
    other_wakeups:
        Wake-ups in the window that ended a sleep and are no hop, since no call of a thread of the
        target made them or since the woken thread's call did not return in the window.
    """

    rows: NDArray[np.void]
    window_ns: int
    other_wakeups: int
