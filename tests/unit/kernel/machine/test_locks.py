"""A wait for a lock that ends by its time-out takes over the path of who has the lock."""

from __future__ import annotations

import ctypes

import pytest
from harness.world import SLEEPING, Task, World

#: Memory of the target: the programs read what lies behind a word.
MEMORY = (ctypes.c_uint32 * 16)()
WORD = ctypes.addressof(MEMORY)
OTHER_WORD = WORD + 32
WAIT, WAKE, PRIVATE = 0, 1, 128
TIME_OUT, FOREVER = 0x9000, 0


@pytest.fixture
def lock() -> ctypes.Array[ctypes.c_uint32]:
    """A mutex of glibc: its word, a count, its owner."""
    return (ctypes.c_uint32 * 3)()


@pytest.fixture
def holder(w: World) -> Task:
    """A second thread, in user mode on CPU 1 since 1060 with the path user 1050."""
    thread = w.create(1020, 0, 101)
    w.switch(1030, 1, thread)
    w.leave(1060, 1)
    return thread


def wake(w: World, at: int, cpu: int, word: int = WORD) -> None:
    """The current task of `cpu` issues a wake on the word, in 10 ns."""
    w.enter(at, cpu, "futex", word, WAKE | PRIVATE, 1)
    w.leave(at + 10, cpu, 0)


def time_out(w: World, at: int, woken: int, word: int) -> None:
    """The first thread waits on the word from `at` on, on CPU 0, until its time-out at `woken`."""
    w.enter(at, 0, "futex", word, WAIT | PRIVATE, 2, TIME_OUT)
    w.switch(at + 10, 0, None, SLEEPING)
    w.waking(woken, 0, w.main, timer=1)


def test_it_takes_over_the_thread_that_released_the_word_last(w: World, holder: Task) -> None:
    wake(w, 1070, 1)
    time_out(w, 1100, 1500, WORD)
    assert w.path(w.main) == {
        "user": 20 + 30 + 10 + 420,
        "wakeup:idle": 10,
        "syscall:futex": 10,
    }
    assert w.path(w.main)["user"] > 400, "the holder's own code, not the sleep"


def test_it_takes_over_the_thread_that_a_wake_up_gave_the_word(w: World, holder: Task) -> None:
    w.enter(1070, 1, "futex", WORD, WAIT | PRIVATE, 2, FOREVER)
    w.switch(1080, 1, None, SLEEPING)
    w.waking(1090, 0, holder)
    w.switch(1095, 1, holder)
    w.leave(1099, 1, 0)
    time_out(w, 1100, 1500, WORD)
    assert w.path(w.main)["user"] == 90 + 401
    assert "timed_wait" not in w.path(w.main)


def test_a_wait_for_a_word_that_nobody_touched_is_a_timed_wait(w: World, holder: Task) -> None:
    wake(w, 1070, 1, OTHER_WORD)
    time_out(w, 1100, 1500, WORD)
    assert w.path(w.main) == {"user": 100, "syscall:futex": 10, "timed_wait": 390}
    assert w.own(w.main)["blocked:futex"] == 390


def test_a_holder_that_sleeps_is_no_answer(w: World, holder: Task) -> None:
    wake(w, 1070, 1)
    w.enter(1085, 1, "nanosleep")
    w.switch(1090, 1, None, SLEEPING)
    time_out(w, 1100, 1500, WORD)
    assert w.path(w.main)["timed_wait"] == 390


def test_a_holder_that_was_pushed_off_its_cpu(w: World, holder: Task) -> None:
    wake(w, 1070, 1)
    w.switch(1090, 1, w.task(900), preempt=True)
    time_out(w, 1100, 1500, WORD)
    assert w.path(w.main)["preempted"] == 410
    assert w.path(w.main)["user"] == 20 + 30 + 10 + 10


def test_a_time_out_of_the_waiter_does_not_make_it_a_holder(w: World, holder: Task) -> None:
    time_out(w, 1100, 1500, WORD)
    w.switch(1510, 0, w.main)
    w.leave(1520, 0, -110)
    w.enter(1600, 1, "futex", WORD, WAIT | PRIVATE, 2, TIME_OUT)
    w.switch(1610, 1, None, SLEEPING)
    w.waking(1700, 1, holder, timer=1)
    assert w.path(holder)["timed_wait"] == 90


def test_an_earlier_toucher_that_runs_is_taken_where_the_last_one_sleeps(
    w: World, holder: Task
) -> None:
    """As Python's lock of the interpreter: whoever released it last waits for it again."""
    third = w.create(1062, 0, 102)
    w.switch(1064, 2, third)
    w.leave(1066, 2)
    wake(w, 1070, 1)
    wake(w, 1072, 2)
    w.enter(1090, 2, "futex", WORD, WAIT | PRIVATE, 2, FOREVER)
    w.switch(1095, 2, None, SLEEPING)
    time_out(w, 1100, 1500, WORD)
    assert w.path(w.main)["user"] == 20 + 30 + 10 + 420


def test_the_owner_that_glibc_keeps_behind_the_word(
    w: World, holder: Task, lock: ctypes.Array[ctypes.c_uint32]
) -> None:
    """A lock that its owner took without a call."""
    lock[0], lock[2] = 2, holder.pid
    time_out(w, 1100, 1500, ctypes.addressof(lock))
    assert w.path(w.main)["user"] == 20 + 30 + 440


def test_the_owner_in_the_word_of_a_priority_inheriting_lock(
    w: World, holder: Task, lock: ctypes.Array[ctypes.c_uint32]
) -> None:
    lock[0] = holder.pid | 0x80000000
    time_out(w, 1100, 1500, ctypes.addressof(lock))
    assert w.path(w.main)["user"] == 20 + 30 + 440


def test_the_thread_of_another_process_has_no_lock_of_this_one(w: World) -> None:
    child = w.create(1020, 0, 200, tgid=200)
    w.switch(1030, 1, child)
    w.leave(1060, 1)
    wake(w, 1070, 1)
    time_out(w, 1100, 1500, WORD)
    assert w.path(w.main)["timed_wait"] == 390


def test_a_holder_whose_last_event_is_later_than_the_time_out(w: World, holder: Task) -> None:
    """Clocks of two CPUs are read one after the other: no part may get less than nothing."""
    wake(w, 1070, 1)
    w.enter(1100, 0, "futex", WORD, WAIT | PRIVATE, 2, TIME_OUT)
    w.switch(1110, 0, None, SLEEPING)
    w.enter(1503, 1, "getpid")
    w.waking(1500, 0, w.main, timer=1)
    assert w.path(w.main) == w.path(holder)
    assert int(w.row(w.main)["last_ns"]) == 1503


def test_a_row_that_another_word_has_taken_tells_nothing(w: World, holder: Task) -> None:
    """The table has a row for many words: the newest one has it."""
    wake(w, 1070, 1)
    w.m.arrays["words"]["key"] += 8
    time_out(w, 1100, 1500, WORD)
    assert w.path(w.main)["timed_wait"] == 390
