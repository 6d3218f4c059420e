"""Counts: events, migrations, pending wake-ups, and what is forgotten when a window opens."""

from __future__ import annotations

from harness.world import SLEEPING, Task, World

from tracer.analysis.run import counts


def test_migrations_of_the_targets_threads_in_the_window(world: World) -> None:
    world.start()
    world.migrate(140, 0, world.main)
    world.read_go()
    world.migrate(1010, 1, world.main)
    world.migrate(1020, 0, world.tracer)
    world.migrate(1030, 2, world.main)
    world.close(1100)
    assert counts.switches(world.recording()).migrations == 2


def test_pending_wake_ups(w: World, other: Task) -> None:
    w.waking(1110, 0, other)
    w.close(1150)
    recording = w.assert_closed()
    assert counts.wakeups(recording) == {
        "total": 2,
        "same_cpu": 0,
        "cross_cpu_idle": 1,
        "cross_cpu_busy": 0,
        "interrupt": 0,
        "pending": 1,
    }
    assert counts.open_calls(recording) == {"read": 1}


def test_repairs_and_sources_of_before_the_window_are_forgotten(world: World) -> None:
    world.start()
    world.unseen_switch(2, world.tracer)
    world.waking(200, 2, world.main)
    assert world.repairs() == {"switch_not_seen": 1}
    world.read_go()
    world.switch(1010, 2, None, SLEEPING)
    world.close(1100)
    assert counts.repairs(world.recording())["switch_not_seen"] == 0


def test_events_of_the_target_are_counted_and_no_others(w: World) -> None:
    before = int(w.m.arrays["cpus"]["events"].sum())
    w.enter(1010, 0, "read", 5)
    w.switch(1020, 0, None, SLEEPING)
    w.switch(1030, 1, w.tracer)
    w.waking(1040, 1, w.main)
    w.switch(1050, 0, w.main)
    w.leave(1060, 0, 1)
    assert int(w.m.arrays["cpus"]["events"].sum()) - before == 5


def test_only_calls_of_strangers_are_left_alone_before_the_clock_is_read(w: World) -> None:
    stranger = w.task(900)
    w.switch(1060, 1, stranger)
    assert w.m.call_is_strangers(1, 0, w.main.at) == 0, "where registers lie is not known yet"
    w.enter(1070, 0, "getpid")
    assert w.m.call_is_strangers(1, 0, stranger.at)
    assert w.m.call_is_strangers(1, 0, stranger.at), "again, by the registers alone"
    assert w.m.call_is_strangers(0, 0, w.main.at) == 0
    assert w.m.call_is_strangers(1, 0, w.main.at) == 0, "came in unseen"
