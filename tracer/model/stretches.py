"""How long threads with an event loop did not return to it, from their rows in the table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tracer.model.states import PART, RunState
from tracer.model.syscalls import name_of
from tracer.model.threads import Mask, Threads, is_in

#: A thread that has polled less often has no event loop to return to: a program polls as it starts.
FEWEST_POLLS = 3
_EXITS = ("exit", "exit_group")


class Span(NamedTuple):
    """The longest such time of the thread `slot`. `is_open`: it had not polled again at `end_ns`,
    which is when the window, or the thread, ended."""

    slot: int
    begin_ns: int
    end_ns: int
    is_open: bool

    @property
    def ns(self) -> int:
        return self.end_ns - self.begin_ns


def longest(threads: Threads, epoch: int, end_ns: int, most: int) -> list[Span]:
    """At most so many in the window `epoch`, which ends at `end_ns`; longest first.

    One that began before the window counts from there.
    """
    seen = threads["epoch"] == epoch
    has_loop = (threads["tid"] != 0) & (threads["polls"] >= FEWEST_POLLS)
    closed_ns = np.where(has_loop & seen, threads["stretch_ns"], 0).astype(np.int64)
    dead = is_in(threads, RunState.DEAD)
    until_ns = np.where(dead, threads["death_ns"], end_ns).astype(np.int64)
    is_away = has_loop & (threads["polled_ns"] != 0) & (seen | ~dead) & ~_is_idle(threads)
    open_ns = np.where(is_away, until_ns - threads["polled_ns"].astype(np.int64), 0)
    found = []
    for slot in np.argsort(-np.maximum(closed_ns, open_ns), kind="stable")[:most].tolist():
        row = threads[slot]
        if open_ns[slot] > closed_ns[slot] and not (dead[slot] and _has_left(row)):
            found.append(Span(slot, int(row["polled_ns"]), int(until_ns[slot]), is_open=True))
        elif closed_ns[slot] > 0:
            last_ns = int(row["stretch_end_ns"])
            found.append(Span(slot, last_ns - int(row["stretch_ns"]), last_ns, is_open=False))
    return sorted(found, key=lambda span: -span.ns)


def _is_idle(threads: Threads) -> Mask:
    """In a call in which an event loop waits, as is_idle_call of probes/stacks.c has it, or in one
    of the same class that is over soon."""
    part = threads["on_cpu_part"]
    waits = (part == PART["syscall:futex"]) & (threads["waits"] != 0) & (threads["only_polls"] == 0)
    return np.asarray((part == PART["syscall:poll"]) | waits)


def _has_left(row: np.void) -> bool:
    """The thread has ended by itself: nobody waited for it."""
    return name_of(int(row["call_nr"])) in _EXITS
