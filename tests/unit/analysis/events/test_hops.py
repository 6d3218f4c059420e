"""Hops of streams written by hand, part by part."""

from __future__ import annotations

import numpy as np
import pytest
from harness.event_stream import Stream
from numpy.typing import NDArray

from tracer.analysis.events.hops import hops_of
from tracer.model.events import Outcome
from tracer.model.hops import KINDS, PARTS

WRITER, READER, OTHER = 1, 2, 3


def _only(stream: Stream, end: int = 1000) -> tuple[str, dict[str, int], NDArray[np.void]]:
    """Kind, the parts that are not 0, and the record of the only hop."""
    rows = hops_of(stream.events(end)).rows
    assert len(rows) == 1
    hop = rows[0]
    parts = {name: int(ns) for name, ns in zip(PARTS, hop["parts_ns"], strict=True) if ns}
    assert sum(parts.values()) == hop["end_ns"] - hop["start_ns"]
    return KINDS[hop["kind"]], parts, hop


def _asleep(stream: Stream, *, cpu: int = 0) -> None:
    """The reader sleeps in its read since before; the writer runs on CPU 0."""
    stream.enter(-100, READER, "recvfrom", 7, cpu=cpu)
    stream.switch(-90, READER, WRITER if cpu == 0 else 0, cpu=cpu)
    if cpu:
        stream.switch(-95, 0, WRITER)


def test_same_cpu_behind_the_waker_then_in_the_queue() -> None:
    stream = Stream()
    _asleep(stream)
    stream.enter(10, WRITER, "sendto")
    stream.waking(13, WRITER, READER)
    stream.leave(15, WRITER, "sendto", 1)
    stream.enter(20, WRITER, "recvfrom")
    stream.switch(24, WRITER, 0, tid=999)  # another program is first
    stream.switch(31, 0, READER)
    stream.leave(36, READER, "recvfrom", 1)
    kind, parts, hop = _only(stream)
    assert kind == "same_cpu"
    assert parts == {"call": 3, "behind_waker": 11, "queue": 7, "return": 5}
    assert (hop["waker"], hop["woken"], hop["slept_ns"]) == (WRITER, READER, -1)


@pytest.mark.parametrize("preempt", [False, True])
def test_the_woken_thread_pushes_its_waker_off(preempt: bool) -> None:
    stream = Stream()
    _asleep(stream)
    stream.enter(10, WRITER, "sendto")
    stream.waking(13, WRITER, READER)
    stream.switch(16, WRITER, READER, state=1 if preempt else 0, preempt=preempt)
    stream.leave(21, READER, "recvfrom", 1)
    kind, parts, _ = _only(stream)
    assert kind == "waker_pushed_off"
    assert parts == {"call": 3, "behind_waker": 3, "return": 5}


def test_a_sleeping_cpu_is_interrupted_wakes_and_switches() -> None:
    stream = Stream()
    _asleep(stream, cpu=1)
    stream.idle(-80, 1, 1)
    stream.enter(10, WRITER, "sendto")
    stream.waking(12, WRITER, READER)
    stream.ipi(16, WRITER, 1)
    stream.leave(30, WRITER, "sendto", 1)
    stream.idle(40, 1, None)
    stream.switch(51, 0, READER, cpu=1)
    stream.leave(57, READER, "recvfrom", 1, cpu=1)
    kind, parts, hop = _only(stream)
    assert kind == "cross_cpu_asleep"
    assert parts == {
        "call": 2,
        "send_interrupt": 4,
        "leave_sleep": 24,
        "switch_in": 11,
        "return": 6,
    }
    assert hop["slept_ns"] == 92
    assert (hop["waker_cpu"], hop["cpu"]) == (0, 1)


def test_a_polling_cpu_is_not_asleep() -> None:
    stream = Stream()
    _asleep(stream, cpu=1)
    stream.idle(-80, 1, 0)
    stream.enter(10, WRITER, "sendto")
    stream.waking(12, WRITER, READER)
    stream.idle(13, 1, None)
    stream.switch(15, 0, READER, cpu=1)
    stream.leave(19, READER, "recvfrom", 1, cpu=1)
    kind, parts, hop = _only(stream)
    assert kind == "cross_cpu_polling"
    assert parts == {"call": 2, "switch_in": 3, "return": 4}
    assert hop["slept_ns"] == -1


def test_a_busy_cpu_has_a_queue() -> None:
    stream = Stream()
    _asleep(stream, cpu=1)
    stream.switch(-50, 0, OTHER, cpu=1)
    stream.enter(10, WRITER, "sendto")
    stream.waking(12, WRITER, READER)
    stream.switch(30, OTHER, READER, cpu=1)
    stream.leave(33, READER, "recvfrom", 1, cpu=1)
    kind, parts, _ = _only(stream)
    assert kind == "cross_cpu_busy"
    assert parts == {"call": 2, "queue": 18, "return": 3}


def test_time_off_the_cpu_within_both_calls() -> None:
    stream = Stream()
    _asleep(stream, cpu=1)
    stream.switch(-50, 0, OTHER, cpu=1)
    stream.enter(10, WRITER, "sendto")
    stream.switch(11, WRITER, OTHER, state=0, preempt=True)
    stream.switch(16, OTHER, WRITER, state=0, preempt=True)
    stream.waking(18, WRITER, READER)
    stream.switch(20, OTHER, READER, cpu=1)
    stream.switch(21, READER, OTHER, cpu=1, state=0, preempt=True)
    stream.switch(28, OTHER, READER, cpu=1)
    stream.leave(30, READER, "recvfrom", 1, cpu=1)
    kind, parts, hop = _only(stream)
    assert kind == "cross_cpu_busy"
    assert parts == {"call": 3, "call_off_cpu": 5, "queue": 2, "return": 3, "off_again": 7}
    assert hop["switch_in_ns"] == Stream.ORIGIN + 20


def test_woken_before_it_slept() -> None:
    stream = Stream()
    stream.enter(5, READER, "recvfrom", 7, cpu=1)
    stream.enter(10, WRITER, "sendto")
    stream.waking(12, WRITER, READER, outcome=Outcome.EARLY)
    stream.leave(16, READER, "recvfrom", 1, cpu=1)
    kind, parts, _ = _only(stream)
    assert kind == "not_asleep"
    assert parts == {"call": 2, "return": 4}


def test_the_last_wake_up_before_the_return_is_the_cause() -> None:
    """The first one was for nothing: the thread slept again in the same call."""
    stream = Stream()
    _asleep(stream)
    stream.enter(10, WRITER, "sendto")
    stream.waking(12, WRITER, READER)
    stream.switch(14, WRITER, READER)
    stream.switch(17, READER, OTHER)
    stream.enter(20, OTHER, "write")
    stream.waking(21, OTHER, READER)
    stream.switch(25, OTHER, READER)
    stream.leave(29, READER, "recvfrom", 1)
    kind, parts, hop = _only(stream)
    assert (kind, hop["waker"]) == ("same_cpu", OTHER)
    assert parts == {"call": 1, "behind_waker": 4, "return": 4}


def test_a_wake_up_noted_while_the_thread_runs_on_is_not_the_cause() -> None:
    stream = Stream()
    _asleep(stream)
    stream.enter(10, WRITER, "sendto")
    stream.waking(12, WRITER, READER)
    stream.switch(14, WRITER, READER)
    stream.enter(15, OTHER, "write", cpu=1)
    stream.waking(16, OTHER, READER, cpu=1, outcome=Outcome.EARLY)
    stream.leave(19, READER, "recvfrom", 1)
    _, _, hop = _only(stream)
    assert hop["waker"] == WRITER


@pytest.mark.parametrize("source", [1, 3, 5])
def test_no_hop_from_an_interrupt_or_another_program(source: int) -> None:
    stream = Stream()
    _asleep(stream)
    stream.waking(12, 0, READER, source=source)
    stream.switch(14, WRITER, READER)
    stream.leave(19, READER, "recvfrom", 1)
    found = hops_of(stream.events(1000))
    assert len(found.rows) == 0
    assert found.other_wakeups == 1


def test_no_hop_where_a_side_is_in_no_call() -> None:
    stream = Stream()
    stream.switch(0, READER, WRITER)  # a page fault sleeps outside calls
    stream.enter(10, WRITER, "futex")
    stream.waking(12, WRITER, READER)
    stream.switch(20, WRITER, READER)
    stream.enter(30, READER, "futex")
    stream.leave(31, READER, "futex")
    assert len(hops_of(stream.events(1000)).rows) == 0


def test_a_slot_s_new_thread_is_in_no_call_of_the_former() -> None:
    stream = Stream()
    stream.enter(0, READER, "exit")
    stream.new(5, WRITER, READER)
    stream.enter(10, WRITER, "futex")
    stream.waking(12, WRITER, READER)
    stream.leave(20, READER, "clone")
    assert len(hops_of(stream.events(1000)).rows) == 0


def test_only_hops_that_lie_in_the_window_whole() -> None:
    stream = Stream()
    _asleep(stream)
    stream.enter(-5, WRITER, "sendto")
    stream.waking(12, WRITER, READER)
    stream.switch(14, WRITER, READER)
    stream.leave(19, READER, "recvfrom", 1)
    assert len(hops_of(stream.events(1000)).rows) == 0


def test_a_switch_that_was_not_seen() -> None:
    stream = Stream()
    _asleep(stream)
    stream.enter(10, WRITER, "sendto")
    stream.waking(12, WRITER, READER)
    stream.leave(19, READER, "recvfrom", 1)
    _, parts, hop = _only(stream)
    assert parts == {"call": 2, "not_seen": 7}
    assert hop["switch_in_ns"] == -1


def test_one_thread_passes_a_byte_to_itself() -> None:
    stream = Stream()
    stream.call(0, 3, WRITER, "recvfrom", 4, 1)
    stream.call(5, 9, WRITER, "sendto", 5, 1)
    stream.call(10, 12, WRITER, "recvfrom", 4, -11)
    stream.call(15, 22, WRITER, "epoll_wait", 3, 1)
    stream.enter(26, WRITER, "recvfrom", 6)
    stream.switch(27, WRITER, 0, tid=999, state=0, preempt=True)
    stream.switch(47, 0, WRITER)
    stream.leave(50, WRITER, "recvfrom", 1)
    stream.call(60, 61, WRITER, "recvfrom", 6, 1)  # more data, but nothing was sent
    kind, parts, hop = _only(stream)
    assert kind == "one_thread"
    assert parts == {
        "send": 4,
        "runtime": 8,
        "again": 2,
        "poll": 7,
        "receive": 4,
        "off_cpu": 20,
    }
    assert hop["waker"] == hop["woken"] == WRITER


def test_no_hop_in_one_thread_that_was_woken_in_between() -> None:
    """A server that answers, and is sent the next request: not what it sent itself."""
    stream = Stream()
    stream.call(0, 4, WRITER, "sendto", 5, 1)
    stream.enter(10, WRITER, "epoll_wait", 3)
    stream.switch(11, WRITER, 0)
    stream.waking(20, 0, WRITER, source=3)
    stream.switch(22, 0, WRITER)
    stream.leave(23, WRITER, "epoll_wait", 1)
    stream.call(25, 26, WRITER, "recvfrom", 5, 1)
    assert len(hops_of(stream.events(1000)).rows) == 0


def test_data_that_was_there_already() -> None:
    """By the descriptor: the thread waited for it at another time."""
    stream = Stream()
    _asleep(stream)
    stream.enter(10, WRITER, "sendto")
    stream.waking(12, WRITER, READER)
    stream.switch(14, WRITER, READER)
    stream.leave(19, READER, "recvfrom", 1)
    stream.call(20, 25, READER, "sendto", 8, 1)
    stream.call(40, 43, READER, "recvfrom", 7, 1)
    stream.call(50, 53, READER, "read", 9, 1)  # a file
    rows = hops_of(stream.events(1000)).rows
    assert [KINDS[kind] for kind in rows["kind"]] == ["same_cpu", "found"]
    assert rows["end_ns"][1] - rows["start_ns"][1] == 3 == rows["parts_ns"][1].sum()


def test_no_events_no_hops() -> None:
    found = hops_of(Stream().events(10))
    assert len(found.rows) == 0
    assert found.window_ns == 10
