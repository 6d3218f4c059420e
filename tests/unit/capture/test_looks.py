"""Looks at the table of threads: what counts as running, ready, asleep."""

from __future__ import annotations

from harness.world import DEAD, RUNNABLE, SLEEPING, STOPPED, TRACER_PID, Task, World

from tracer.capture.concurrency import Tallied
from tracer.model.concurrency import ALL_ASLEEP, RAN, READY_NONE_RAN, Looks
from tracer.model.states import PART
from tracer.model.syscalls import name_of


def two_running(w: World) -> Task:
    """`main` runs on CPU 0 and the other thread on CPU 1."""
    w.open()
    w.enter(1010, 0, "clone")
    other = w.create(1020, 0, 101)
    w.leave(1030, 0, 101)
    w.switch(1050, 1, other)
    w.leave(1060, 1)
    return other


def look(w: World, tallied: Tallied, own: int = TRACER_PID) -> None:
    arrays = w.m.arrays
    tallied.look(arrays.threads, arrays["cpus"], own)


def one_look(w: World, own: int = TRACER_PID) -> Looks:
    tallied = Tallied()
    look(w, tallied, own)
    return tallied.looks()


def asleep(looks: Looks) -> dict[tuple[int, str], tuple[int, int]]:
    return {
        (slot, name_of(call) if part != PART["user"] else ""): tuple(seen)
        for (slot, part, call), seen in looks.asleep.items()
    }


def test_two_that_run_are_two(world: World) -> None:
    two_running(world)
    looks = one_look(world)
    assert looks.states.tolist() == [RAN + 1]
    assert (looks.threads, looks.ready, looks.asleep) == (2, 0, {})


def test_the_one_that_the_look_displaces_counts_as_running(world: World) -> None:
    two_running(world)
    world.switch(1100, 0, world.tracer, RUNNABLE, preempt=True)
    assert one_look(world).states.tolist() == [RAN + 1]
    looks = one_look(world, own=TRACER_PID + 1)  # somebody else displaced it
    assert (looks.states.tolist(), looks.ready) == ([RAN], 1)


def test_one_that_was_displaced_before_is_ready(world: World) -> None:
    two_running(world)
    world.switch(1100, 0, world.task(77), RUNNABLE, preempt=True)
    world.switch(1110, 0, world.tracer)
    looks = one_look(world)
    assert (looks.states.tolist(), looks.ready) == ([RAN], 1)


def test_one_that_gives_its_cpu_up_to_the_look_is_not_running(world: World) -> None:
    world.open()
    world.enter(1010, 0, "read", 5)
    world.switch(1020, 0, world.tracer, SLEEPING)
    assert one_look(world).states.tolist() == [ALL_ASLEEP]


def test_none_runs_while_the_woken_one_waits(world: World) -> None:
    world.open()
    world.enter(1010, 0, "read", 5)
    world.switch(1020, 0, None, SLEEPING)
    world.switch(1030, 1, world.tracer)
    world.waking(1040, 1, world.main)
    looks = one_look(world)
    assert (looks.states.tolist(), looks.ready) == ([READY_NONE_RAN], 1)


def test_sleeps_are_counted_by_thread_and_call(world: World) -> None:
    other = two_running(world)
    tallied = Tallied()
    world.enter(1100, 0, "epoll_wait")
    world.switch(1110, 0, None, SLEEPING)
    look(world, tallied)  # one of two
    world.enter(1120, 1, "read", 5)
    world.switch(1130, 1, None, SLEEPING)
    look(world, tallied)
    look(world, tallied)
    world.switch(1140, 2, world.tracer)
    world.waking(1150, 2, other)
    world.switch(1160, 1, other)
    world.leave(1170, 1)
    world.enter(1180, 1, "futex")
    world.switch(1190, 1, None, SLEEPING)
    look(world, tallied)
    looks = tallied.looks()
    assert looks.states.tolist() == [RAN, ALL_ASLEEP, ALL_ASLEEP, ALL_ASLEEP]
    assert asleep(looks) == {(1, "epoll_wait"): (4, 3), (2, "read"): (2, 2), (2, "futex"): (1, 1)}


def test_a_stopped_thread_and_one_that_has_ended(world: World) -> None:
    two_running(world)
    world.switch(1100, 0, None, STOPPED)
    world.process_exit(1110, 1)
    world.switch(1120, 1, None, DEAD)
    looks = one_look(world)
    assert looks.states.tolist() == [ALL_ASLEEP] and looks.threads == 1
    assert [(s.slot, s.part) for s in looks.asleep] == [(1, PART["blocked:stopped"])]
