"""Runnable threads that lose their CPU."""

from __future__ import annotations

from harness.world import SLEEPING, World


def test_preempted(w: World) -> None:
    w.switch(1010, 0, w.task(900), preempt=True)
    w.switch(1045, 0, w.main, SLEEPING)
    w.enter(1050, 0, "getpid")
    assert w.path(w.main) == {"user": 15, "preempted": 35}
    assert w.own(w.main) == {"user": 15, "preempted": 35}
    row = w.row(w.main)
    assert (int(row["voluntary"]), int(row["involuntary"])) == (0, 1)
    record = w.recorded("sched")
    assert (record.preempted.count, record.preempted.sum_ns) == (1, 35)
    assert (record.slice.count, record.slice.sum_ns) == (1, 10)


def test_preempted_while_going_to_sleep_stays_runnable(w: World) -> None:
    w.enter(1005, 0, "read")
    w.switch(1010, 0, None, SLEEPING, preempt=True)
    assert w.state(w.main) == "PREEMPTED"
    w.waking(1020, 0, w.main)
    assert w.state(w.main) == "PREEMPTED"
    w.switch(1040, 0, w.main)
    assert w.path(w.main) == {"user": 5, "syscall:io": 5, "preempted": 30}


def test_sched_yield_is_a_state_of_its_own(w: World) -> None:
    w.enter(1005, 0, "sched_yield")
    w.switch(1010, 0, w.task(900))
    w.switch(1030, 0, w.main)
    w.leave(1040, 0)
    assert w.path(w.main) == {"user": 5, "syscall:process": 15, "yielded": 20}
    assert int(w.row(w.main)["involuntary"]) == 1, "as getrusage counts it"
    assert int(w.row(w.main)["yielded"]) == 1
    assert w.recorded("sched").preempted.count == 0
    (call,) = w.recorded("syscalls")
    assert (call.times.sum_ns, call.off_cpu_ns) == (35, 20)


def test_pushed_off_inside_sched_yield_is_preempted(w: World) -> None:
    w.enter(1005, 0, "sched_yield")
    w.switch(1010, 0, w.task(900), preempt=True)
    w.switch(1030, 0, w.main)
    assert w.path(w.main) == {"user": 5, "syscall:process": 5, "preempted": 20}
    assert int(w.row(w.main)["yielded"]) == 0
