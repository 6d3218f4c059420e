"""Threads whose last event was before the window."""

from __future__ import annotations

import pytest
from harness.world import SLEEPING, World

from tracer.analysis.run import ledger


def test_a_thread_untouched_since_before_the_window(world: World) -> None:
    world.start()
    other = world.create_sleeper("futex")
    world.read_go()
    assert int(world.row(other)["epoch"]) == 0
    world.waking(1040, 0, other)
    assert world.path(other) == {"user": 40}
    assert world.own(other) == {"blocked:futex": 40}, "only since the start of the window"
    world.switch(1050, 2, other)
    assert int(world.row(other)["voluntary"]) == 0, "its switch-out was before the window"
    assert world.repairs() == {}


@pytest.mark.parametrize("state", ["sleeping", "preempted", "running", "waking"])
def test_a_thread_without_event_in_the_window_is_in_its_old_state(world: World, state: str) -> None:
    world.start()
    other = world.create(140, 0, 101)
    if state != "waking":
        world.switch(150, 2, other)
        world.leave(155, 2)
    if state == "sleeping":
        world.enter(160, 2, "futex")
        world.switch(170, 2, None, SLEEPING)
    if state == "preempted":
        world.switch(170, 2, world.task(900), preempt=True)
    world.read_go()
    world.close(1300)
    recording = world.assert_closed()
    book = ledger.threads(recording)
    part = {
        "sleeping": "blocked:futex",
        "preempted": "preempted",
        "running": "user",
        "waking": "wakeup:queued",
    }[state]
    assert book.total_ns == 600
    assert book.parts[part] == (600 if state == "running" else 300)
    assert ledger.cpu(recording).residual_ns == 0
    assert ledger.cpu(recording).total_ns == 1200


def test_a_timer_that_wakes_a_thread_asleep_since_before_the_window(world: World) -> None:
    world.start()
    other = world.create_sleeper("nanosleep")
    world.read_go()
    world.waking(1040, 2, other, timer=1)
    assert world.path(other) == {"sleep": 40}
