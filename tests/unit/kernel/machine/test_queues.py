"""Behind whom a ready thread waited for its CPU, and which other programs ran."""

from __future__ import annotations

from harness.machine import SIZES
from harness.world import SLEEPING, Task, World

from tracer.kernel.settings import CPU_OTHERS
from tracer.model.states import BEHIND


def behind(w: World, who: Task, of: str = "path") -> dict[str, int]:
    """Its waits in a queue by whom, ns, those that are not zero."""
    values = w.row(who)[f"{of}_behind"].tolist()
    return {name: ns for name, ns in zip(BEHIND, values, strict=True) if ns}


def test_behind_another_program(w: World) -> None:
    w.switch(1010, 0, w.task(900), preempt=True)
    w.switch(1045, 0, w.main)
    assert behind(w, w.main) == behind(w, w.main, "own") == {"other": 35}


def test_behind_a_thread_of_its_own(w: World, other: Task) -> None:
    w.enter(1050, 0, "write", 5)
    w.waking(1060, 0, other)
    w.leave(1070, 0)
    w.switch(1080, 0, other, preempt=True)
    w.switch(1140, 0, w.main, preempt=True)
    assert behind(w, w.main) == {"own": 60}


def test_throttled_whatever_its_cpu_does(w: World) -> None:
    """Its group has used up its quota."""
    w.main.throttled = 1
    w.switch(1010, 0, None, preempt=True)
    w.switch(1100, 0, w.task(900))
    w.switch(1210, 0, w.main)
    assert behind(w, w.main) == behind(w, w.main, "own") == {"throttled": 200}
    w.main.throttled = 0
    w.switch(1300, 0, w.task(900), preempt=True)
    w.switch(1310, 0, w.main)
    assert behind(w, w.main) == {"throttled": 200, "other": 10}


def test_held_while_the_cpu_is_idle(w: World) -> None:
    w.switch(1010, 0, None, preempt=True)
    w.switch(1210, 0, w.main)
    assert w.path(w.main)["preempted"] == 200
    assert behind(w, w.main) == {"held": 200}


def test_each_in_turn(w: World, other: Task) -> None:
    w.switch(1050, 0, w.task(900), preempt=True)
    w.switch(1080, 0, None, SLEEPING)
    w.switch(1090, 0, w.task(901))
    w.switch(1100, 0, w.main, SLEEPING)
    assert behind(w, w.main) == {"other": 40, "held": 10}
    assert sum(behind(w, w.main).values()) == w.path(w.main)["preempted"]


def test_woken_onto_a_busy_cpu(w: World, other: Task) -> None:
    w.switch(1045, 1, w.task(900))
    w.enter(1050, 0, "write", 5)
    w.waking(1060, 0, other)
    w.switch(1090, 1, other, SLEEPING)
    assert w.path(other)["wakeup:queued"] == 30
    assert behind(w, other) == {"other": 30}


def test_moved_to_another_queue(w: World) -> None:
    """20 ns behind a program on CPU 0, then 30 behind one on CPU 2."""
    w.switch(1005, 2, w.task(901))
    w.switch(1010, 0, w.task(900), preempt=True)
    w.migrate(1030, 0, w.main, 2)
    w.switch(1040, 0, None, SLEEPING)
    w.switch(1060, 2, w.main, SLEEPING)
    assert behind(w, w.main) == {"other": 50}


def test_a_new_thread_on_another_cpus_queue(w: World) -> None:
    """Its creator sleeps and leaves an idle CPU, while the new thread waits behind a program."""
    w.switch(1005, 1, w.task(900))
    child = w.create(1010, 0, 111, to_cpu=1)
    w.switch(1020, 0, None, SLEEPING)
    w.switch(1060, 1, child, preempt=True)
    assert behind(w, child, "own") == {"other": 50}


def test_a_wait_from_before_the_window(world: World) -> None:
    world.start()
    other = world.create(140, 0, 101)
    world.switch(150, 2, other)
    world.leave(155, 2)
    world.switch(160, 2, world.task(900), preempt=True)
    world.read_go()
    world.switch(1040, 2, other)
    assert world.path(other) == {"preempted": 40}
    assert behind(world, other) == {"other": 40}


def test_a_woken_thread_takes_over_the_wakers_waits(w: World, other: Task) -> None:
    w.switch(1050, 0, w.task(900), preempt=True)
    w.switch(1080, 0, w.main)
    w.enter(1090, 0, "write", 5)
    w.waking(1095, 0, other)
    assert behind(w, other) == {"other": 30}
    assert behind(w, other, "own") == {}


def others(w: World) -> dict[int, int]:
    """Programs outside the target by process, ns."""
    rows = w.m.arrays["others"]
    return {int(row["tgid"]): int(row["ns"]) for row in rows[rows["tgid"] != 0]}


def test_other_programs_by_process(w: World) -> None:
    w.switch(1010, 2, w.task(900))
    w.switch(1030, 2, w.task(901, tgid=900))
    w.switch(1060, 2, w.task(950))
    w.switch(1100, 2, None, SLEEPING)
    assert others(w) == {900: 50, 950: 40}
    (row,) = [r for r in w.m.arrays["others"] if r["tgid"] == 900]
    assert bytes(row["comm"]).rstrip(b"\0") == b"task900"


def test_more_programs_than_rows_have_no_name(w: World) -> None:
    for number in range(200):
        w.switch(1010 + 10 * number, 2, w.task(1000 + number))
    w.switch(5000, 2, None)
    assert CPU_OTHERS / 2 < len(others(w)) <= CPU_OTHERS
    assert int(w.m.arrays["cpus"]["other_ns"][2]) == 5000 - 1010
    assert len(w.m.arrays["others"]) == CPU_OTHERS * SIZES.cpus
