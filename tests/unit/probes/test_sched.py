"""Probe sched's hand-overs and pulls on hand-written sequences with exact times."""

from __future__ import annotations

import ctypes

import pytest
from harness.world import SLEEPING, Task, World


def handed(w: World) -> dict[str, list[int]]:
    """By the wait before: how many hand-overs, and their sum in ns."""
    record = w.recorded("sched")
    return {kind: [h.count, h.sum_ns] for kind, h in record.handed.items() if h.count}


def test_a_hand_over_counts_from_coming_in_by_the_wait_before(w: World, other: Task) -> None:
    w.enter(1090, 0, "write", 5)
    w.waking(1100, 0, other)
    # the first thread came in at 120, before the window, which opened at 1000
    assert handed(w) == {"cross_cpu_idle": [1, 100]}
    w.leave(1105, 0, 1)
    w.enter(1110, 0, "read", 6)
    w.switch(1120, 0, None, SLEEPING)
    w.switch(1130, 1, other)  # woken from CPU 0, on a CPU that slept
    w.leave(1135, 1, 1)
    w.enter(1140, 1, "write", 6)
    before = handed(w)
    w.waking(1150, 1, w.main)
    after = handed(w)
    assert _more(before, after) == {"cross_cpu_idle": [1, 20]}


def _more(before: dict[str, list[int]], after: dict[str, list[int]]) -> dict[str, list[int]]:
    return {
        kind: [n - b for n, b in zip(now, before.get(kind, [0, 0]), strict=True)]
        for kind, now in after.items()
        if now != before.get(kind)
    }


@pytest.mark.parametrize("how", ["same CPU", "busy CPU", "preempted"])
def test_the_kind_is_that_of_the_wakers_last_wait(w: World, other: Task, how: str) -> None:
    stranger = w.task(900)
    w.enter(1060, 0, "write", 5)
    if how == "busy CPU":
        w.switch(1065, 1, stranger)
    w.waking(1070, 0, other)
    w.leave(1075, 0, 1)
    w.enter(1080, 0, "read", 6)
    if how == "busy CPU":
        w.switch(1100, 0, None, SLEEPING)
        w.switch(1110, 1, other)
        cpu, kind = 1, "cross_cpu_busy"
    else:
        w.switch(1110, 0, other, SLEEPING)
        cpu, kind = 0, "same_cpu"
    if how == "preempted":
        w.switch(1112, 0, stranger, preempt=True)
        w.switch(1120, 0, other)
        kind = "preempted"
    came_in = 1120 if how == "preempted" else 1110
    w.leave(1122, cpu, 1)
    w.enter(1125, cpu, "write", 6)
    before = handed(w)
    w.waking(1145, cpu, w.main)
    assert _more(before, handed(w)) == {kind: [1, 1145 - came_in]}


def test_what_wakes_nobody_of_the_target_hands_nothing_over(w: World, other: Task) -> None:
    w.waking(1050, 0, w.task(900))  # a stranger
    w.waking(1060, 0, other, timer=1)  # a timer on the thread's CPU
    w.waking(1070, 0, other)  # already on its way
    assert handed(w) == {}


def test_hand_overs_outside_the_window_do_not_count(world: World) -> None:
    world.start()
    other = world.create_sleeper("read", 5)
    world.waking(200, 0, other)
    world.switch(210, 2, other)
    world.switch(220, 2, None, SLEEPING)
    world.read_go()
    assert handed(world) == {}
    world.close(1200)
    world.waking(1210, 0, other)
    assert handed(world) == {}


def test_only_a_preempted_thread_is_pulled(w: World, other: Task) -> None:
    w.migrate(1050, 0, other)  # blocked: its affinity was changed
    w.waking(1060, 0, other)
    w.migrate(1062, 0, other)  # placed by its wake-up
    w.switch(1070, 1, other)
    w.leave(1075, 1, 1)
    assert w.recorded("sched").pulled == 0
    w.switch(1080, 0, w.task(900), preempt=True)
    w.migrate(1090, 1, w.main)
    w.switch(1095, 2, w.main)
    w.migrate(1099, 1, w.main)  # it runs again
    assert w.recorded("sched").pulled == 1
    assert int(w.row(w.main)["migrations"]) == 2


def test_time_on_a_cpu_counts_by_the_wait_before(w: World, other: Task) -> None:
    w.enter(1050, 0, "write", 5)
    w.waking(1060, 0, other)
    w.switch(1070, 0, other, preempt=True)  # on the waker's CPU, which it takes from it
    w.leave(1075, 0, 1)
    w.enter(1080, 0, "read", 6)
    w.switch(1090, 0, w.main, SLEEPING)
    w.leave(1092, 0, 1)
    w.switch(1095, 0, None, SLEEPING)
    record = w.recorded("sched")
    ran = {kind: [h.count, h.sum_ns] for kind, h in record.ran.items() if h.count}
    # the first thread from the window's start on, and after it was pushed off; the second one
    assert ran["same_cpu"] == [1, 20] and ran["preempted"] == [1, 5]
    assert record.slice.sum_ns == 70 + 20 + 5 + (record.slice.sum_ns - 95)
    assert record.slice.count >= 3


def test_wake_ups_count_by_how_many_could_run_on_the_wakers_cpu(w: World, other: Task) -> None:
    third = w.create(1045, 0, 102)
    w.switch(1046, 2, third)
    w.leave(1047, 2)
    w.enter(1048, 2, "read", 8)
    w.switch(1049, 2, None, SLEEPING)
    before = w.recorded("sched").placed
    w.enter(1050, 0, "write", 5)
    w.waking(1060, 0, other)  # the first thread alone can run there
    w.switch(1070, 0, other, preempt=True)  # and is pushed off by the one it woke
    w.leave(1075, 0, 1)
    w.enter(1080, 0, "write", 8)
    w.waking(1085, 0, third)  # two could run
    w.switch(1090, 2, third)
    w.leave(1095, 2, 1)
    w.enter(1096, 2, "read", 8)
    w.switch(1097, 2, None, SLEEPING)
    w.leave(1098, 0, 1)
    w.enter(1099, 0, "read", 6)
    w.switch(1100, 0, w.main, SLEEPING)  # the first one has its CPU again, alone
    w.leave(1101, 0, 1)
    w.enter(1102, 0, "write", 8)
    w.waking(1103, 0, third)
    w.switch(1110, 2, third)
    after = w.recorded("sched").placed
    more = {n: tuple(a - b for a, b in zip(after[n], before[n], strict=True)) for n in after}
    assert more == {1: (1, 1), 2: (0, 1), 3: (0, 0)}


def test_a_stay_is_split_by_the_wait_before(w: World, other: Task) -> None:
    w.enter(1050, 0, "write", 5)
    w.waking(1060, 0, other)
    w.switch(1070, 0, other, preempt=True)  # in its read, until 1075
    w.leave(1075, 0, 1)
    w.enter(1083, 0, "getpid")
    w.leave(1086, 0)
    w.enter(1090, 0, "poll", 6)
    w.switch(1093, 0, w.main, SLEEPING)  # in its write, until 1094
    w.leave(1094, 0, 1)
    w.switch(1100, 0, None, SLEEPING)
    record = w.recorded("sched")
    split = {kind: (record.ran_io_ns[kind], record.ran_user_ns[kind]) for kind in record.ran}
    assert record.ran["same_cpu"].sum_ns == 23, "3 of them another call"
    assert split["same_cpu"] == (5 + 3, 8 + 4)
    assert split["preempted"] == (1, 6)


def test_a_stay_that_began_before_the_window_is_split_from_its_start(world: World) -> None:
    world.start()  # comes in at 120, and runs own code from 130 on
    world.read_go()
    world.enter(1030, 0, "read", 5)
    world.switch(1040, 0, None, SLEEPING)
    record = world.recorded("sched")
    assert (record.ran_io_ns["cross_cpu_idle"], record.ran_user_ns["cross_cpu_idle"]) == (10, 30)


class RunQueue(ctypes.Structure):
    """A struct rq, as far as the programs look (harness/machine.py has the offsets)."""

    _fields_ = (
        ("itself", ctypes.c_uint64),
        ("nr_running", ctypes.c_uint32),
        ("queued", ctypes.c_uint32),
        ("runnable", ctypes.c_uint32),
    )


@pytest.mark.parametrize(
    ("running", "asleep", "row"), [(1, 0, 1), (2, 0, 2), (2, 1, 1), (3, 1, 2), (7, 2, 3)]
)
def test_wake_ups_count_by_the_run_queue_where_it_can_be_read(
    w: World, other: Task, running: int, asleep: int, row: int
) -> None:
    """Tasks of other programs count, those that sleep and are still queued do not."""
    queue = RunQueue(0, running, running, running - asleep)
    group = ctypes.c_uint64(ctypes.addressof(queue))
    w.main.queue = ctypes.addressof(group)
    before = w.recorded("sched")
    w.enter(1050, 0, "write", 5)
    w.waking(1060, 0, other)
    w.switch(1070, 1, other)
    after = w.recorded("sched")
    assert not before.placed_by_queue, "nothing was read yet"
    assert after.placed_by_queue == {n: (0, int(n == row)) for n in (1, 2, 3)}
    assert after.placed[1][1] == before.placed[1][1] + 1, "of the target the waker alone"


def test_without_a_run_queue_to_read_the_own_threads_are_counted(w: World, other: Task) -> None:
    w.enter(1050, 0, "write", 5)
    w.waking(1060, 0, other)
    w.switch(1070, 1, other)
    record = w.recorded("sched")
    assert record.placed_by_queue == {} and record.placed[1][1] >= 1
