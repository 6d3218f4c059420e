"""Probe futex: who has the locks that threads wait for, and wakes of several threads."""

from __future__ import annotations

import ctypes

import pytest
from harness.machine import Machine
from harness.world import SLEEPING, Task, World

from tracer.model.futex_waits import HARDLY_NS, Broadcast, Lock
from tracer.model.scheduling import Scheduling, scheduling

WAIT, WAKE = 0, 1
ETIMEDOUT = -110
#: Memory of the target: the programs read what lies behind a word.
MEMORY = (ctypes.c_uint32 * 16)()
WORD = ctypes.addressof(MEMORY)
CONTENDED, TIME_OUT = 2, 0x9000
PROBES = ("futex", "sched", "syscalls")


@pytest.fixture
def world(built: Machine) -> World:
    return World(built)


@pytest.fixture(autouse=True)
def memory() -> None:
    ctypes.memset(MEMORY, 0, ctypes.sizeof(MEMORY))


@pytest.fixture
def holder(w: World) -> Task:
    """A second thread, in user mode on CPU 1 since 1060."""
    w.main.comm = b"waiter"
    thread = w.create(1020, 0, 101)
    thread.comm = b"holder"
    w.switch(1030, 1, thread)
    w.leave(1060, 1)
    return thread


def lock_of(w: World) -> Lock:
    (found,) = w.recorded("futex").locks
    return found


def release(w: World, at: int, cpu: int = 1, woken: int = 0) -> None:
    """The current task of `cpu` issues a wake on the word, in 10 ns."""
    w.enter(at, cpu, "futex", WORD, WAKE, 1)
    w.leave(at + 10, cpu, woken)


def wait(w: World, at: int, value: int = CONTENDED, time_out: int = 0) -> None:
    """The first thread waits on the word from `at` on, on CPU 0, asleep 10 ns later."""
    w.enter(at, 0, "futex", WORD, WAIT, value, time_out)
    w.switch(at + 10, 0, None, SLEEPING)


def get(w: World, at: int) -> None:
    """The thread on CPU 1 wakes the first one at `at`, which is back 20 ns later."""
    w.enter(at - 10, 1, "futex", WORD, WAKE, 1)
    w.waking(at, 1, w.main)
    w.leave(at + 5, 1, 1)
    w.switch(at + 10, 0, w.main)
    w.leave(at + 20, 0, 0)


def test_the_holder_runs_until_it_lets_go(w: World, holder: Task) -> None:
    wait(w, 1100)
    get(w, 1500)
    lock = lock_of(w)
    assert (lock.kind, lock.waits, lock.asleep_ns, lock.held_ns) == ("mutex", 1, 390, 390)
    assert (lock.longest.slept, lock.longest.timed_out) == (1, 0)
    assert [(one.threads, one.asleep_ns) for one in lock.waiters] == [(1, 390)]


def test_the_owner_in_memory_is_ready_while_another_runs(w: World, holder: Task) -> None:
    MEMORY[2] = holder.pid
    third = w.create(1070, 0, 102)
    holder.prio, third.prio = 139, 120
    w.switch(1100, 1, third, preempt=True)  # until 1400 the holder is ready
    w.leave(1105, 1)
    wait(w, 1200)
    w.switch(1400, 1, holder, preempt=True)
    get(w, 1500)
    lock = lock_of(w)
    assert (lock.asleep_ns, lock.held_ns) == (290, 290)
    assert lock.holder_ready_ns == pytest.approx(190, abs=11)
    assert lock.holder_ran_ns == pytest.approx(100, abs=11)
    assert int(w.row(holder)["prio"]) & 0xFF == 140
    assert scheduling(int(w.row(holder)["prio"])) == Scheduling("other", 19, None)


def test_a_wait_that_times_out_is_for_the_last_one_that_touched_the_word(
    w: World, holder: Task
) -> None:
    release(w, 1070)
    wait(w, 1100, time_out=TIME_OUT)
    w.waking(1500, 0, w.main, timer=1)
    w.switch(1510, 0, w.main)
    w.leave(1520, 0, ETIMEDOUT)
    lock = lock_of(w)
    assert (lock.longest.timed_out, lock.longest.timed_ns) == (1, 390)
    assert (lock.held_ns, lock.holder_ran_ns, lock.holder_ready_ns) == (390, 390, 0)


def test_nobody_is_the_holder_of_a_word_that_nobody_touched(w: World, holder: Task) -> None:
    wait(w, 1100, time_out=TIME_OUT)
    w.waking(1500, 0, w.main, timer=1)
    w.switch(1510, 0, w.main)
    w.leave(1520, 0, ETIMEDOUT)
    release(w, 1530)
    lock = lock_of(w)
    assert (lock.asleep_ns, lock.held_ns, lock.holders) == (390, 0, ())


def test_the_end_of_a_thread_is_no_lock(w: World, holder: Task) -> None:
    MEMORY[0] = holder.pid
    wait(w, 1100, value=holder.pid)
    w.waking(1500, 1, w.main)
    w.switch(1510, 0, w.main)
    w.leave(1520, 0, 0)
    assert w.recorded("futex").locks == ()


def test_work_is_no_lock(w: World, holder: Task) -> None:
    """A thread that waits for what another one wakes it for, and never wakes."""
    wait(w, 1100, value=0)
    get(w, 1500)
    assert w.recorded("futex").locks == ()


# ---- wakes of several threads ----


def broadcast(w: World, at: int, threads: int) -> None:
    w.enter(at - 10, 1, "futex", WORD, WAKE, 1000)
    w.waking(at, 1, w.main)
    w.leave(at + 5, 1, threads)
    w.switch(at + 10, 0, w.main)
    w.leave(at + 20, 0, 0)


@pytest.mark.parametrize(
    ("work_ns", "call", "in_vain"), [(100, "", 1), (HARDLY_NS, "", 0), (100, "write", 0)]
)
def test_woken_in_vain_is_to_wait_again_without_work(
    w: World, holder: Task, work_ns: int, call: str, in_vain: int
) -> None:
    wait(w, 1100, value=0)
    broadcast(w, 1500, 3)
    if call:
        w.enter(1540, 0, call, 5)
        w.leave(1550, 0, 1)
    wait(w, 1530 + work_ns, value=0)
    broadcast(w, 40_000, 4)
    (word,) = w.recorded("futex").broadcasts
    assert isinstance(word, Broadcast)
    assert (word.woke_more, word.woken_more, word.waits) == (2, 7, 2)
    assert word.in_vain == in_vain


def test_the_words_of_a_condition_variable_are_one(w: World, holder: Task) -> None:
    global WORD
    wait(w, 1100, value=0)
    broadcast(w, 1500, 3)
    first, WORD = WORD, WORD + 4
    try:
        wait(w, 1600, value=0)
        broadcast(w, 2000, 3)
    finally:
        WORD = first
    (word,) = w.recorded("futex").broadcasts
    assert (word.woke_more, word.woken_more, word.waits, word.in_vain) == (2, 6, 2, 1)


# ---- priorities ----


@pytest.mark.parametrize(
    ("prio", "policy", "expected"),
    [
        (120, 0, Scheduling("other", 0, None)),
        (100, 3, Scheduling("batch", -20, None)),
        (139, 0, Scheduling("other", 19, None)),
        (49, 1, Scheduling("fifo", None, 50)),
        (120, 5, Scheduling("idle", 0, None)),
        (-1, 6, Scheduling("deadline", None, None)),
    ],
)
def test_scheduling_as_the_kernel_has_it(prio: int, policy: int, expected: Scheduling) -> None:
    assert scheduling(1 << 16 | policy << 8 | (prio + 1) & 0xFF) == expected


def test_the_order_of_the_scheduler() -> None:
    every = [(-1, 6), (0, 1), (98, 2), (100, 0), (120, 3), (139, 0), (120, 5)]
    orders = [scheduling(1 << 16 | policy << 8 | (p + 1) & 0xFF) for p, policy in every]
    assert [one.order for one in orders if one] == sorted(one.order for one in orders if one)
    assert scheduling(0) is None


def test_a_thread_that_sleeps_where_no_other_does_until_it_is_woken(w: World, holder: Task) -> None:
    wait(w, 1100)
    w.enter(1150, 1, "futex", WORD, WAKE, 1)
    w.waking(1155, 1, w.main)
    w.leave(1160, 1, 1)
    w.switch(1170, 0, w.main)
    w.leave(1180, 0, 0)
    (park,) = w.recorded("futex").parks
    assert (park.tgid, park.name, park.waker) == (100, "waiter", "holder")
    assert (park.threads, park.slept) == (1, 1)
    assert park.asleep_ns == sum(place.asleep_ns for place in w.recorded("futex").places)
    assert park.asleep_ns > 0
