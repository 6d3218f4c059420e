"""How long threads did not return to their event loop: rows by hand."""

from __future__ import annotations

import numpy as np

from tracer.model.states import PART, RunState
from tracer.model.stretches import Span, longest
from tracer.model.syscalls import numbers

ROW = np.dtype([
    *((name, "u4") for name in ("tid", "epoch", "on_cpu_part", "waits", "only_polls", "call_nr")),
    *((name, "u8") for name in ("state", "polls", "polled_ns", "stretch_ns", "stretch_end_ns",
                                "death_ns")),
])  # fmt: skip
EPOCH, END = 3, 9000
CALL = numbers()


def rows(**values: int | str):
    """One thread of the window that polled at 5000 and runs; slot 1 of two rows."""
    found = np.zeros(2, ROW)
    row = {"tid": 7, "epoch": EPOCH, "state": RunState.RUNNING, "polls": 3, "polled_ns": 5000}
    for name, value in {**row, **values}.items():
        found[1][name] = value
    return found


def spans(**values: int | str) -> list[Span]:
    return longest(rows(**values), EPOCH, END, 8)


def test_a_thread_that_has_not_returned_by_the_end() -> None:
    assert spans() == [Span(1, 5000, END, is_open=True)]
    assert spans()[0].ns == 4000
    asleep = PART["syscall:io"]
    assert spans(state=RunState.BLOCKED, on_cpu_part=asleep) == [Span(1, 5000, END, True)]


def test_one_that_has_had_no_event_in_the_window() -> None:
    assert spans(epoch=EPOCH - 1, stretch_ns=8000, stretch_end_ns=4900) == [
        Span(1, 5000, END, True)
    ]


def test_the_longer_of_both() -> None:
    assert spans(stretch_ns=4100, stretch_end_ns=4800) == [Span(1, 700, 4800, False)]
    assert spans(stretch_ns=3900, stretch_end_ns=4800) == [Span(1, 5000, END, True)]


def test_who_waits_in_its_loop_is_not_away() -> None:
    assert spans(on_cpu_part=PART["syscall:poll"]) == []
    assert spans(on_cpu_part=PART["syscall:futex"], waits=1) == []
    assert spans(on_cpu_part=PART["syscall:futex"], waits=0) == [Span(1, 5000, END, True)]
    lock = spans(on_cpu_part=PART["syscall:futex"], waits=1, only_polls=1)
    assert lock == [Span(1, 5000, END, True)], "it does not wait there for tasks"
    polled = spans(on_cpu_part=PART["syscall:poll"], stretch_ns=30, stretch_end_ns=4000)
    assert polled == [Span(1, 3970, 4000, False)]


def test_who_polled_seldom_has_no_loop() -> None:
    assert spans(polls=2) == []
    assert spans(tid=0) == []


def test_an_end_counts_unless_the_thread_chose_it() -> None:
    dead = {"state": RunState.DEAD, "death_ns": 8000}
    assert spans(**dead, call_nr=CALL["read"]) == [Span(1, 5000, 8000, True)]
    assert spans(**dead, call_nr=CALL["exit_group"]) == []
    left = spans(**dead, call_nr=CALL["exit"], stretch_ns=30, stretch_end_ns=4000)
    assert left == [Span(1, 3970, 4000, False)]
    assert spans(**dead, epoch=EPOCH - 1, call_nr=CALL["read"]) == []


def test_the_longest_ones_first() -> None:
    many = np.concatenate([rows(polled_ns=END - ns) for ns in (10, 30, 20)])
    assert [(span.slot, span.ns) for span in longest(many, EPOCH, END, 2)] == [(3, 30), (5, 20)]
