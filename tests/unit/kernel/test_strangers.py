"""Switches between threads of other programs: no clock is read for them, and nothing is lost."""

from __future__ import annotations

import pytest
from harness.machine import Machine
from harness.world import SLEEPING, World

from tracer.model.states import BEHIND


@pytest.fixture
def w(machine: Machine) -> World:
    world = World(machine)
    world.open()
    world.untimed = 0
    return world


def others(w: World) -> dict[int, int]:
    """Programs outside the target by process, ns."""
    rows = w.m.arrays["others"]
    return {int(row["tgid"]): int(row["ns"]) for row in rows[rows["tgid"] != 0]}


def test_the_clock_is_read_where_a_cpu_was_or_becomes_idle_alone(w: World) -> None:
    first, second = w.task(900), w.task(950)
    w.switch(1010, 2, first)
    assert w.untimed == 0
    for now in range(1030, 1090, 20):
        w.switch(now, 2, second)
        w.switch(now + 10, 2, first)
    assert w.untimed == 6
    row = w.m.arrays["cpus"][2]
    assert int(row["since_ns"]) == 1010
    w.switch(1090, 2, None, SLEEPING)
    assert w.untimed == 6
    assert others(w) == {900: 50, 950: 30}
    assert (int(row["other_ns"]), int(row["since_ns"])) == (80, 1090)


def test_a_wait_behind_programs_that_change(w: World) -> None:
    w.switch(1050, 0, w.task(900), preempt=True)
    w.switch(1060, 0, w.task(901))
    w.switch(1075, 0, w.task(900))
    assert w.untimed == 2
    w.switch(1080, 0, w.main)
    behind = dict(zip(BEHIND, w.row(w.main)["path_behind"].tolist(), strict=True))
    assert behind == dict.fromkeys(BEHIND, 0) | {"other": 30}
    assert others(w) == {900: 15, 901: 15}


def test_the_first_switch_in_a_window_is_timed(machine: Machine) -> None:
    w = World(machine)
    w.start()
    w.switch(500, 2, w.task(900))
    w.switch(600, 2, w.task(950))
    w.read_go()
    w.untimed = 0
    w.switch(1030, 2, w.task(900))
    assert w.untimed == 0
    w.switch(1050, 2, w.task(950))
    assert w.untimed == 1
    assert others(w) == {950: 30, 900: 20}, "of the first, what is in the window"


def test_who_came_in_unseen_is_timed(w: World) -> None:
    unseen, new = w.task(950), w.task(901)
    new.runtime = 0
    w.switch(1010, 2, w.task(900))
    w.on[2] = unseen
    w.waking(1020, 2, w.main)
    assert w.repairs() == {"switch_not_seen": 1}
    w.switch(1030, 2, w.task(900))
    assert w.untimed == 0
    assert others(w) == {950: 10}
    w.switch(1040, 2, new)
    assert w.untimed == 1
    w.switch(1055, 2, unseen)
    assert w.untimed == 1, "a thread that had never run had no account"
    assert others(w) == {950: 10, 900: 10, 901: 15}


def test_a_thread_of_the_target_comes_in_at_a_known_time(w: World) -> None:
    w.switch(1050, 0, None, SLEEPING)
    w.switch(1055, 1, w.task(900))
    w.waking(1060, 1, w.main)
    w.switch(1070, 0, w.task(901))
    w.switch(1080, 0, w.task(902))
    w.switch(1100, 0, w.main)
    assert w.untimed == 1
    assert int(w.row(w.main)["in_ns"]) == 1100
