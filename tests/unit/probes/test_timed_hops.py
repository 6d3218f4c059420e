"""Probe hops: the time from the waker's entry to the woken thread's return."""

from __future__ import annotations

import pytest
from harness.machine import Machine
from harness.world import DEAD, SLEEPING, Task, World

PROBES = ("hops", "syscalls")


@pytest.fixture
def w(built: Machine) -> World:
    """The window is open since 1000; the first thread runs on CPU 0, in user mode."""
    world = World(built)
    world.open()
    return world


def hops(w: World) -> tuple[int, int]:
    """How many, and their ns in all."""
    found = w.recorded("hops")
    return found.count, found.sum_ns


def run_on(w: World, now: int, who: Task) -> None:
    """CPU 1 was idle."""
    w.switch(now, 1, who)


def test_from_the_entry_of_the_waker_s_call_to_the_return_of_the_woken_thread_s(w: World) -> None:
    other = w.create_reader()
    w.enter(1100, 0, "write", 6)
    w.waking(1120, 0, other)
    w.leave(1130, 0, 1)
    run_on(w, 1150, other)
    assert hops(w) == (0, 0)
    w.leave(1180, 1, 1)
    assert hops(w) == (1, 80)
    w.enter(1200, 1, "read", 5)
    w.leave(1210, 1, 1)  # nobody has woken it in this call
    assert hops(w) == (1, 80)


def test_a_wake_up_before_the_sleep_counts_where_no_other_came(w: World) -> None:
    other = w.create_reader()
    w.enter(1100, 0, "futex", 6, 1)
    w.waking(1120, 0, other)
    run_on(w, 1150, other)
    w.leave(1160, 0)
    w.enter(1170, 0, "write", 6)
    w.waking(1175, 0, other)  # it runs: too early for a sleep of this call
    w.leave(1180, 1, 1)
    assert hops(w) == (1, 80)
    w.enter(1190, 1, "read", 5)
    w.waking(1195, 0, other)
    w.leave(1199, 1, 1)
    assert hops(w) == (2, 80 + 29)


def test_only_a_thread_in_a_call_begins_one(w: World) -> None:
    other = w.create_reader()
    w.waking(1120, 0, other)  # from its own code: a page that it mapped, say
    run_on(w, 1150, other)
    w.leave(1180, 1, 1)
    assert hops(w) == (0, 0)


def test_the_last_wake_up_of_a_call_decides(w: World) -> None:
    other = w.create_reader()
    w.enter(1100, 0, "write", 6)
    w.waking(1120, 0, other)
    run_on(w, 1150, other)
    w.switch(1160, 1, None, SLEEPING)  # nothing for it yet
    w.waking(1170, 0, other, hard=1)
    run_on(w, 1175, other)
    w.leave(1180, 1, 1)
    assert hops(w) == (0, 0)


def test_one_that_began_before_the_window_is_none(built: Machine) -> None:
    w = World(built)
    w.start()
    w.switch(140, 1, None, SLEEPING)
    other = w.create_sleeper("read", 5)
    w.enter(200, 0, "write", 6)
    w.waking(210, 0, other)
    w.leave(220, 0, 1)
    w.read_go()
    w.switch(1100, 1, other)
    w.leave(1110, 1, 1)
    assert hops(w) == (0, 0)


def test_a_new_thread_in_the_row_of_one_that_was_killed_in_its_call_has_none(w: World) -> None:
    other = w.create_reader()
    w.enter(1100, 0, "tgkill", 101)
    w.waking(1120, 0, other)
    w.leave(1130, 0)
    run_on(w, 1150, other)
    w.process_exit(1160, 1)
    w.switch(1170, 1, None, DEAD)
    w.m.arrays["hops_threads"]["began_ns"][:] = 1100  # whichever row it gets
    w.enter(1200, 0, "clone")
    new = w.create(1210, 0, 102)
    run_on(w, 1220, new)
    w.leave(1230, 1)
    assert hops(w) == (0, 0)
