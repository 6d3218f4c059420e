"""A wake-up hands the waker's path over, or names who outside the target ended the sleep."""

from __future__ import annotations

import pytest
from harness.world import (
    IO_WORKER,
    KERNEL_THREAD,
    SLEEPING,
    USER_WORKER,
    Task,
    World,
)

from tracer.analysis.run import ledger


def test_wake_up_by_a_thread_of_the_target_hands_over_its_path(w: World, other: Task) -> None:
    w.enter(1100, 0, "write", 5)
    w.waking(1120, 0, other)
    # user 10 + 70, clone 20, write up to the instant of waking 20
    assert w.path(other) == {"user": 80, "syscall:process": 20, "syscall:io": 20}
    assert int(w.row(other)["last_ns"]) == 1120
    assert w.own(other) == {
        "wakeup:idle": 2,
        "user": 13,
        "syscall:io": 5,
        "blocked:io": 80,
    }
    w.leave(1130, 0, 1)  # what the waker does afterwards is not on the wakee's path
    w.switch(1150, 1, other)
    w.leave(1160, 1, 1)
    assert w.path(other) == {
        "user": 80,
        "syscall:process": 20,
        "syscall:io": 30,
        "wakeup:idle": 30,
    }
    assert w.losses() == w.repairs() == w.sources() == {}


@pytest.mark.parametrize(
    ("depth", "source", "part"),
    [
        ({"timer": 1}, "timer", "sleep"),
        ({"timer": 1, "hard": 1}, "timer", "sleep"),
        ({"timer": 1, "soft": 1}, "timer", "sleep"),
        ({"hard": 1}, "hard_irq", "external"),
        ({"soft": 1}, "softirq", "external"),
    ],
)
def test_wake_up_by_an_interrupt(
    w: World, other: Task, depth: dict[str, int], source: str, part: str
) -> None:
    w.enter(1100, 0, "write", 5)
    w.waking(1140, 0, other, **depth)
    # its own path: user 10 and clone 10 of its creator; wake-up 2, user 13, read 5
    assert w.path(other) == {
        "user": 23,
        "syscall:process": 10,
        "wakeup:idle": 2,
        "syscall:io": 5,
        part: 100,
    }
    assert w.sources() == {source: 1}
    w.switch(1150, 1, other)
    assert w.woke()["interrupt"] == [1, 10]


def test_softirq_raised_by_the_threads_own_call_is_the_process(w: World, other: Task) -> None:
    w.enter(1100, 0, "sendto", 5)
    w.waking(1120, 0, other, soft=1, raised=1)
    assert w.path(other) == {"user": 80, "syscall:process": 20, "syscall:io": 20}
    assert w.sources() == {}


def test_softirq_raised_in_work_deferred_to_the_return_from_a_call(w: World, other: Task) -> None:
    """Such as the last close of a socket, which runs after sys_exit."""
    w.waking(1120, 0, other, soft=1, raised=1)
    assert w.sources() == {}
    assert w.path(other) == {"user": 100, "syscall:process": 20}


def test_softirq_raised_by_another_process_is_that_process(w: World, other: Task) -> None:
    w.switch(1050, 2, w.task(900))
    w.waking(1090, 2, other, soft=1, raised=1)
    assert w.sources() == {"other_process": 1}


def test_what_another_cpus_call_of_a_function_wakes_is_woken_by_an_interrupt(
    w: World, other: Task
) -> None:
    """As received packets that another CPU has steered here."""
    w.called(1080, 0)
    w.m.waking(0, 1090, w.main.at, other.at)
    assert w.sources() == {"hard_irq": 1}


def test_an_interrupt_whose_exit_was_missed_ends_at_the_next_switch(w: World, other: Task) -> None:
    row = w.m.arrays["cpus"][0]
    for name in ("hard", "timer", "soft", "raised"):
        row[name] = 1
    w.switch(1060, 0, None, preempt=True)
    w.switch(1070, 0, w.main)
    assert [int(row[name]) for name in ("hard", "timer", "soft", "raised")] == [0] * 4
    w.m.waking(0, 1080, w.main.at, other.at)
    assert w.sources() == {}


def test_a_waker_without_event_since_before_the_window(world: World) -> None:
    world.start()
    waker = world.create(140, 0, 101)
    sleeper = world.create(150, 0, 102)
    world.switch(160, 2, waker)
    world.leave(165, 2)
    world.enter(170, 2, "futex")
    world.switch(180, 3, sleeper)
    world.switch(190, 3, None, SLEEPING)
    world.read_go()
    world.waking(1040, 2, sleeper)
    assert world.path(sleeper) == {"syscall:futex": 40}
    assert world.own(sleeper) == {"blocked:other": 40}


@pytest.mark.parametrize(
    ("flags", "source"), [(0, "other_process"), (KERNEL_THREAD, "kernel_thread")]
)
def test_wake_up_by_a_task_outside_the_target(
    w: World, other: Task, flags: int, source: str
) -> None:
    w.switch(1050, 2, w.task(900, flags=flags))
    w.waking(1090, 2, other)
    assert w.sources() == {source: 1}
    assert w.path(other)["external"] == 50
    assert w.own(other)["blocked:io"] == 50


@pytest.mark.parametrize("flags", [IO_WORKER, USER_WORKER, IO_WORKER | USER_WORKER])
def test_a_worker_of_the_kernel_is_the_targets_and_off_its_path(
    w: World, other: Task, flags: int
) -> None:
    """It has the target's tgid and is created by it. Whom it wakes keeps its own path."""
    w.enter(1050, 0, "io_uring_setup")
    worker = w.create(1060, 0, 102, flags=flags)
    w.leave(1070, 0, 3)
    w.switch(1080, 2, worker)
    before = w.path(other)
    w.waking(1090, 2, other)
    assert w.sources() == {"kernel_worker": 1}
    assert w.path(other) == {**before, "kernel_workers": 50}
    w.switch(1130, 2, None, SLEEPING)
    w.close(1200)
    recording = w.assert_closed()
    assert w.own(worker) == {"wakeup:idle": 20, "kernel_workers": 50}
    assert ledger.cpu(recording).parts["target_kernel_workers"] == 50
    assert ledger.cpu(recording).parts["other"] == 0
    assert int((ledger.lifetimes_ns(recording) > 0).sum()) == 3


def test_wake_up_on_an_idle_cpu_without_interrupt_is_external(w: World, other: Task) -> None:
    w.waking(1090, 3, other)
    assert w.sources() == {"hard_irq": 1}
    assert w.path(other)["external"] == 50
