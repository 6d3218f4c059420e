"""On which CPU, idle or busy, a woken thread runs, and how long it waited for it."""

from __future__ import annotations

from harness.world import SLEEPING, Task, World


def test_same_cpu_wake_up_waits_behind_its_waker(w: World, other: Task) -> None:
    w.enter(1100, 0, "write", 5)
    w.waking(1110, 0, other)
    w.leave(1120, 0, 1)
    w.switch(1150, 0, other, preempt=True)
    assert w.path(other)["wakeup:queued"] == 40
    assert w.woke() == {"cross_cpu_idle": [1, 2], "same_cpu": [1, 40]}
    assert w.state(w.main) == "PREEMPTED"


def test_cross_cpu_wake_up_to_an_idle_cpu(w: World, other: Task) -> None:
    w.waking(1110, 0, other)
    w.switch(1145, 2, other)
    assert w.path(other)["wakeup:idle"] == 35
    assert w.woke()["cross_cpu_idle"] == [2, 37]


def test_cross_cpu_wake_up_to_a_busy_cpu(w: World, other: Task) -> None:
    stranger = w.task(900)
    w.switch(1060, 2, stranger)
    w.waking(1110, 0, other)
    w.switch(1145, 2, other, SLEEPING)
    assert w.path(other)["wakeup:queued"] == 35
    assert w.woke()["cross_cpu_busy"] == [1, 35]


def test_idle_when_woken_though_another_task_ran_in_between(w: World, other: Task) -> None:
    stranger = w.task(900)
    w.waking(1110, 0, other)  # CPU 2 sleeps
    w.switch(1120, 2, stranger)
    w.switch(1145, 2, other, SLEEPING)
    assert w.path(other)["wakeup:idle"] == 35
    assert w.woke()["cross_cpu_idle"] == [2, 37]


def test_busy_when_woken_though_the_cpu_was_idle_just_before_it_ran(w: World, other: Task) -> None:
    stranger = w.task(900)
    w.switch(1060, 2, stranger)
    w.waking(1110, 0, other)
    w.switch(1120, 2, None, SLEEPING)
    w.switch(1145, 2, other)
    assert w.path(other)["wakeup:queued"] == 35
    assert w.woke()["cross_cpu_busy"] == [1, 35]


def test_same_cpu_wake_up_by_a_timer_on_an_idle_cpu(w: World) -> None:
    w.enter(1010, 0, "nanosleep")
    w.switch(1020, 0, None, SLEEPING)
    w.waking(1100, 0, w.main, timer=1)
    w.switch(1130, 0, w.main)
    assert w.path(w.main)["wakeup:idle"] == 30
    assert w.woke() == {"interrupt": [1, 30]}
