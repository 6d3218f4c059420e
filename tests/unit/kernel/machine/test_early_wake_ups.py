"""A wake-up that meets its thread still running, before the switch-out."""

from __future__ import annotations

from harness.world import SLEEPING, Task, World


def test_early_wake_up_of_a_running_thread_copies_nothing(w: World, other: Task) -> None:
    w.waking(1110, 0, other)
    w.switch(1120, 1, other)
    before = w.path(other)
    w.waking(1130, 0, other)
    assert w.state(other) == "RUNNING_EARLY"
    assert w.path(other) == before
    assert int(w.m.arrays["cpus"]["early"].sum()) == 1


def test_early_wake_up_makes_the_switch_out_a_wake_up(w: World, other: Task) -> None:
    w.waking(1110, 0, other)
    w.switch(1120, 1, other)
    w.enter(1125, 0, "write", 5)
    w.waking(1130, 0, other)
    w.switch(1140, 1, w.task(900), SLEEPING)
    assert w.state(other) == "WAKING_EARLY"
    assert int(w.row(other)["voluntary"]) == 2
    w.switch(1155, 1, other, SLEEPING)
    assert w.state(other) == "RUNNING"
    # its own chain went on: 20 ns in the read up to the switch-out, then the wake-up
    assert w.path(other) == {
        "user": 90,
        "syscall:process": 20,
        "syscall:io": 20,
        "wakeup:idle": 10,
        "wakeup:queued": 15,
    }
    assert w.woke()["cross_cpu_busy"] == [1, 15]
    assert w.repairs() == {}


def test_early_wake_up_is_forgotten_at_the_return_from_the_call(w: World) -> None:
    w.enter(1060, 0, "read", 5)
    w.switch(1061, 2, w.tracer)
    w.waking(1065, 2, w.main)
    w.leave(1070, 0, 1)
    assert w.state(w.main) == "RUNNING"
    w.enter(1080, 0, "read", 5)
    w.switch(1090, 0, None, SLEEPING)
    assert w.state(w.main) == "BLOCKED"


def test_early_wake_up_is_forgotten_at_a_switch_out_that_stays_runnable(w: World) -> None:
    w.enter(1005, 0, "read", 5)
    w.switch(1006, 2, w.tracer)
    w.waking(1010, 2, w.main)
    w.switch(1020, 0, None, preempt=True)
    assert w.state(w.main) == "PREEMPTED"
    w.switch(1030, 0, w.main)
    assert w.state(w.main) == "RUNNING"
    w.switch(1040, 0, None, SLEEPING)
    assert w.state(w.main) == "BLOCKED"


def test_a_second_wake_up_proves_the_early_one_stale(w: World, other: Task) -> None:
    w.waking(1110, 0, other)
    w.switch(1120, 1, other)
    w.waking(1130, 0, other)
    w.switch(1140, 1, None, SLEEPING)  # the wake-up was for nothing: it sleeps again
    w.enter(1150, 0, "write", 5)
    w.waking(1200, 0, other)
    assert w.state(other) == "WAKING"
    assert w.path(other) == {"user": 130, "syscall:process": 20, "syscall:io": 50}
    assert w.own(other)["blocked:io"] == 70 + 60
    w.switch(1210, 1, other)
    assert w.repairs() == {}


def test_a_wake_up_lost_in_the_race_is_unknown_and_counted(w: World, other: Task) -> None:
    w.switch(1100, 1, other)
    assert w.path(other)["unknown"] == 60
    assert w.own(other)["unknown"] == 60
    assert w.repairs() == {"switched_in_while_blocked": 1}


def test_waking_of_a_woken_thread_is_ignored(w: World, other: Task) -> None:
    w.waking(1110, 0, other)
    path, own = w.path(other), w.own(other)
    w.switch(1111, 2, w.tracer)
    w.waking(1120, 2, other)
    w.waking(1125, 3, other, timer=1)
    assert (w.path(other), w.own(other)) == (path, own)
    assert w.sources() == {}
    w.switch(1130, 1, other)
    assert w.path(other)["wakeup:idle"] == 20


def test_waking_of_a_preempted_thread_is_ignored(w: World) -> None:
    w.switch(1010, 0, None, preempt=True)
    w.switch(1015, 2, w.tracer)
    w.waking(1020, 2, w.main)
    assert w.state(w.main) == "PREEMPTED"
    assert w.path(w.main) == {"user": 10}
