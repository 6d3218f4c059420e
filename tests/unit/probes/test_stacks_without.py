"""Probe stacks where no stack is wanted: the nodes of every path against the path itself."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from harness.machine import Machine, compiler
from harness.schedule import Schedule
from harness.world import SLEEPING, World

from tracer.analysis.sampled_path import walked
from tracer.model.states import AWAITED, PATH_PARTS
from tracer.model.syscalls import name_of

PROBES = ("sched", "syscalls", "stacks")


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    if compiler() is None:
        pytest.skip("no C compiler")
    folder: Path = tmp_path_factory.mktemp("machine")
    return Machine(folder, PROBES, stacks=False)


@pytest.fixture
def world(without: Machine) -> World:
    made = World(without)
    made.m.arrays["sampling"]["grid_ns"] = 1
    return made


def path_of(w: World, slot: int):  # type: ignore[no-untyped-def]
    made = int(w.m.arrays["sampling"]["made"][0])
    nodes = w.m.arrays["path_nodes"][1 : made + 1]
    found, is_whole = walked(nodes, int(w.m.arrays["threads"][slot]["node"]))
    assert is_whole
    return found


@pytest.mark.parametrize("seed", range(10))
def test_at_every_nanosecond_the_nodes_are_the_path(world: World, seed: int) -> None:
    s = Schedule(world, seed)
    s.play(100, 400, world.read_nodes)
    compared = 0
    for task in world.targets:
        row = world.row(task)
        if world.state(task) == "DEAD" or row["epoch"] != world.ctl["epoch"]:
            continue
        points: Counter[str] = Counter()
        for node in path_of(world, task.slot):
            points[PATH_PARTS[int(node["part"])]] += int(node["points"])
        path = Counter(world.path(task))
        # one that has woken another since its last event has nodes up to that instant
        ahead = int(row["grid_ns"]) - 1 - int(row["last_ns"])
        if ahead > 0:
            path[PATH_PARTS[int(row["on_cpu_part"])]] += ahead
        assert points == path, task
        compared += 1
    assert compared


def test_a_node_tells_the_thread_and_the_call(world: World) -> None:
    world.open()
    other = world.create_reader()  # created at 1020, asleep in read since 1040
    world.enter(1100, 0, "write", 5)
    world.waking(1125, 0, other)
    world.switch(1165, 1, other)
    world.leave(1195, 1, 1)
    world.enter(1200, 1, "epoll_wait")
    world.switch(1210, 1, None, SLEEPING)
    world.waking(1250, 2, other, hard=1)
    rows = [
        (
            int(node["slot"]),
            PATH_PARTS[int(node["part"])],
            name_of(int(node["call"]), "x86_64") if int(node["call"]) < 1 << 20 else "",
            int(node["points"]),
        )
        for node in path_of(world, other.slot)
    ]
    assert rows[-6:] == [
        (1, "syscall:io", "write", 25),
        (2, "wakeup:idle", "read", 40),
        (2, "syscall:io", "read", 30),
        (2, "user", "", 5),
        (2, "syscall:poll", "epoll_wait", 10),
        (2, "external", "epoll_wait", 40),
    ]
    awaited = [int(node["awaited"]) for node in path_of(world, other.slot)]
    assert awaited[-2:] == [len(AWAITED), AWAITED.index("other")]
    assert sum(row[3] for row in rows) == 250
