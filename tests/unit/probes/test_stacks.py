"""Probe stacks: the nodes of every path against the path itself, on hand-written sequences."""

from __future__ import annotations

import ctypes
from collections import Counter

import numpy as np
import pytest
from harness.schedule import Schedule
from harness.world import SLEEPING, Task, World

from tracer.analysis.sampled_path import walked
from tracer.model.states import PATH_PARTS

PROBES = ("sched", "syscalls", "stacks")
#: Where a call's registers are: harness/machine.py.
SP = 7


@pytest.fixture
def world(built) -> World:
    return World(built)


def nodes_of(w: World):
    """All nodes so far, in the order of their numbers."""
    made = int(w.m.arrays["sampling"]["made"][0])
    ring = w.m.arrays["path_nodes"]
    assert made < len(ring)
    return ring[1 : made + 1]


def path_of(w: World, who: Task):
    found, is_whole = walked(nodes_of(w), int(w.row(who)["node"]))
    assert is_whole
    return found


def by_part(nodes) -> dict[str, int]:
    """Points by part."""
    points: Counter[str] = Counter()
    for node in nodes:
        points[PATH_PARTS[int(node["part"])]] += int(node["points"])
    return dict(points)


def is_up_to_date(w: World, who: Task, grid_ns: int) -> bool:
    """Alive in this window, and its nodes not ahead of it: it has woken nobody since its last
    event."""
    row = w.row(who)
    is_here = w.state(who) != "DEAD" and int(row["epoch"]) == int(w.ctl["epoch"])
    return is_here and int(row["grid_ns"]) <= int(row["last_ns"]) + grid_ns


def every_ns(w: World, ns: int = 1) -> None:
    w.m.arrays["sampling"]["grid_ns"] = ns


@pytest.mark.parametrize("seed", range(10))
def test_at_every_nanosecond_the_nodes_are_the_path(world: World, seed: int) -> None:
    every_ns(world)
    s = Schedule(world, seed)
    for _ in range(150):
        s.step()
    s.open()
    for _ in range(600):
        s.step()
        world.m.arrays["sampling"]["read"] = world.m.arrays["sampling"]["made"]
    s.close()
    compared = [task for task in world.targets if is_up_to_date(world, task, 1)]
    assert world.main in compared
    for task in compared:
        assert by_part(path_of(world, task)) == world.path(task), task


@pytest.mark.parametrize("grid_ns", [7, 50, 997])
def test_on_a_grid_each_point_is_in_one_node(world: World, grid_ns: int) -> None:
    every_ns(world, grid_ns)
    s = Schedule(world, grid_ns)
    s.open()
    for _ in range(600):
        s.step()
    start_ns = int(world.ctl["start_ns"])
    compared = [task for task in world.targets if is_up_to_date(world, task, grid_ns)]
    assert len(compared) > 1
    for task in compared:
        found = path_of(world, task)
        ends = found["at_ns"].astype(int)
        # each begins where the one before it ends
        assert ((ends - start_ns) % grid_ns == 0).all()
        assert (np.diff(ends) == grid_ns * found["points"][1:]).all()
        last_ns = int(world.row(task)["last_ns"])
        assert int(found["points"].sum()) == (last_ns - start_ns) // grid_ns


def test_a_woken_thread_goes_on_with_its_wakers_nodes(world: World) -> None:
    every_ns(world, 10)
    world.open()  # the first thread runs user code on CPU 0 from 1000 on
    other = world.create_reader()  # created at 1020, asleep in read since 1040
    world.enter(1100, 0, "write", 5)
    world.waking(1125, 0, other)
    world.switch(1165, 1, other)
    world.leave(1195, 1, 1)
    assert by_part(path_of(world, other)) == {
        "user": 8, "syscall:process": 2, "syscall:io": 2 + 3, "wakeup:idle": 4
    }  # fmt: skip
    last, before = path_of(world, other)[[-1, -2]]
    assert int(last["slot"]) == int(before["slot"]) == other.slot
    assert int(last["waker"]) == int(before["waker"]) == world.main.slot
    assert path_of(world, other)["slot"].tolist()[:3] == [world.main.slot] * 3


def test_the_stack_is_that_of_the_threads_own_context(world: World) -> None:
    """On a CPU at the crossing; of one that waited when it comes in, or at its next event."""
    every_ns(world, 100)
    world.open()
    memory = ctypes.create_string_buffer(b"stack" * 2000)
    world.main.registers[SP] = ctypes.addressof(memory)
    world.enter(1150, 0, "read", 5)
    taken = world.m.arrays["user_stacks"][0]
    assert [int(taken[name]) for name in ("ip", "sp", "tgid", "slot", "taken", "bytes")] == [
        world.main.ip, ctypes.addressof(memory), world.main.tgid, world.main.slot, 1, 8192,
    ]  # fmt: skip
    assert bytes(taken["data"]) == memory.raw[:8192]
    world.switch(1160, 0, None, SLEEPING)
    world.waking(1400, 0, world.main, timer=1)  # a sleep, whose stack is still to come
    slept = nodes_of(world)[-1]
    assert by_part([slept]) == {"sleep": 3}
    assert not slept["settled"]
    world.switch(1450, 0, world.main)
    world.m.place(0, 1451, world.main.at)
    world.m.tracepoint("sched_exit_tp")
    slept = nodes_of(world)[-1]
    assert slept["settled"]
    assert (int(slept["first"]), int(slept["stacks"])) == (1, 1)
    assert int(world.m.arrays["user_stacks"][1]["taken"]) == 2


def test_a_full_ring_is_told(world: World) -> None:
    every_ns(world)
    world.open()
    ring = len(world.m.arrays["path_nodes"])
    world.m.arrays["sampling"]["made"] = ring
    world.enter(1100, 0, "read", 5)
    assert int(world.m.arrays["sampling"]["lost"][0]) == 100
    assert int(world.row(world.main)["grid_ns"]) == 1101
