"""Probe stacks: the nodes of every path against the path itself, on hand-written sequences."""

from __future__ import annotations

import ctypes
from collections import Counter

import numpy as np
import pytest
from harness.machine import SIZES
from harness.schedule import Schedule
from harness.world import SLEEPING, Task, World

from tracer.analysis.sampled_path import walked
from tracer.model.profile import BY_CLOCK, NEXT_EVENT, TAKEN
from tracer.model.states import ON_CPU_PARTS, PATH_PARTS, RunState

PROBES = ("sched", "syscalls", "stacks")
#: Parts off the CPU.
WAITS = set(PATH_PARTS) - set(ON_CPU_PARTS)
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


def is_of_window(w: World, who: Task) -> bool:
    """Alive, with an event in this window."""
    return w.state(who) != "DEAD" and int(w.row(who)["epoch"]) == int(w.ctl["epoch"])


def every_ns(w: World, ns: int = 1) -> None:
    w.m.arrays["sampling"]["grid_ns"] = ns


def waits(points: dict[str, int]) -> dict[str, int]:
    return {part: n for part, n in points.items() if part in WAITS}


@pytest.mark.parametrize("seed", range(10))
def test_at_every_nanosecond_the_nodes_are_the_paths_waits(world: World, seed: int) -> None:
    every_ns(world)
    s = Schedule(world, seed)
    s.play(150, 600, world.read_nodes)
    compared = [task for task in world.targets if is_of_window(world, task)]
    assert world.main in compared
    for task in compared:
        found = by_part(path_of(world, task))
        assert found == waits(world.path(task)), task


@pytest.mark.parametrize("seed", range(10))
def test_each_tick_is_in_the_path_of_who_ran_and_of_whom_it_woke(world: World, seed: int) -> None:
    """The reference copies its ticks along with the path: tests/harness/schedule.py."""
    every_ns(world, 1 << 40)  # no point of the grid
    s = Schedule(world, seed)
    s.open()
    ticks = 0
    for _ in range(600):
        s.step()
        for cpu, truth in enumerate(s.on):
            tick(world, s.now, cpu)
            if truth is not None:
                truth.path[f"tick:{truth.on_cpu_part}"] += 1
                ticks += 1
    s.close()
    assert ticks > 300
    compared = [t for t in s.threads if is_of_window(world, t.task)]
    for truth in compared:
        row = world.row(truth.task)
        if int(row["ticks"]) == int(row["used_ticks"]):  # else its next event makes the node
            expected = {part[5:]: n for part, n in truth.path.items() if part.startswith("tick:")}
            assert by_part(path_of(world, truth.task)) == expected, truth.task


@pytest.mark.parametrize("grid_ns", [7, 50, 997])
def test_a_wait_holds_the_points_of_the_grid_in_it(world: World, grid_ns: int) -> None:
    every_ns(world, grid_ns)
    s = Schedule(world, grid_ns)
    s.open()
    for _ in range(600):
        s.step()
    start_ns = int(world.ctl["start_ns"])
    compared = [task for task in world.targets if is_of_window(world, task)]
    assert len(compared) > 1
    for task in compared:
        found = path_of(world, task)
        ends = found["at_ns"].astype(int)
        assert ((ends - start_ns) % grid_ns == 0).all()
        # none is in two nodes
        assert (np.diff(ends) >= grid_ns * found["points"][1:]).all()
        assert {PATH_PARTS[int(part)] for part in found["part"]} <= WAITS
    found = path_of(world, world.main)
    assert int(found["points"].sum()) == pytest.approx(
        sum(waits(world.path(world.main)).values()) / grid_ns, abs=len(found) + 30
    )


def test_every_take_over_of_a_path_is_counted(built) -> None:
    most = []
    for seed in range(6):
        world = World(built)
        every_ns(world, 20)
        s = Schedule(world, seed)
        s.open()
        for _ in range(600):
            s.step()
        counted = [t for t in s.threads if is_of_window(world, t.task)]
        most.append(max(t.handovers for t in counted))
        for truth in counted:
            assert int(world.row(truth.task)["handovers"]) == truth.handovers, truth.task
            found = path_of(world, truth.task)["handovers"].astype(int)
            assert (np.diff([0, *found, truth.handovers]) >= 0).all()
    assert sum(most) > 10, most


def test_a_woken_thread_goes_on_with_its_wakers_nodes(world: World) -> None:
    every_ns(world, 10)
    world.open()  # the first thread runs user code on CPU 0 from 1000 on
    other = world.create_reader()  # created at 1020, asleep in read since 1040
    tick(world, 1090, 0)
    tick(world, 1095, 0)
    world.enter(1100, 0, "write", 5)
    tick(world, 1110, 0)
    world.waking(1125, 0, other)
    world.switch(1165, 1, other)
    tick(world, 1170, 1)
    world.leave(1195, 1, 1)
    found = path_of(world, other)
    assert [(PATH_PARTS[int(n["part"])], int(n["points"]), int(n["slot"])) for n in found] == [
        ("user", 2, world.main.slot),
        ("syscall:io", 1, world.main.slot),
        ("wakeup:idle", 4, other.slot),
        ("syscall:io", 1, other.slot),
    ]
    assert found["handovers"].tolist() == [0, 0, 1, 1]


def tick(w: World, now: int, cpu: int) -> None:
    w.m.place(cpu, now, w.on[cpu].at)
    w.m.run("clock_stacks")


def test_the_stack_is_that_of_the_threads_own_context(world: World) -> None:
    """On a CPU at the crossing; of one that waited when it comes in, or at its next event."""
    every_ns(world, 100)
    world.open()
    memory = ctypes.create_string_buffer(b"stack" * 2000)
    world.main.registers[SP] = ctypes.addressof(memory)
    world.enter(1150, 0, "read", 5)
    tick(world, 1155, 0)
    taken = world.m.arrays["user_stacks"][0]
    assert [int(taken[name]) for name in ("ip", "sp", "tgid", "slot", "taken", "bytes")] == [
        world.main.ip, ctypes.addressof(memory), world.main.tgid, world.main.slot, 0, 8192,
    ]  # fmt: skip
    assert bytes(taken["data"]) == memory.raw[:8192]
    world.switch(1160, 0, None, SLEEPING)
    world.waking(1400, 0, world.main, timer=1)  # a sleep, whose stack is still to come
    ran, slept = nodes_of(world)
    assert by_part([ran]) == {"syscall:io": 1}
    assert (int(ran["first"]), int(ran["stacks"]), int(ran["settled"])) == (0, 1, 1)
    assert by_part([slept]) == {"sleep": 3}
    assert not slept["settled"]
    world.switch(1450, 0, world.main)
    world.m.place(0, 1451, world.main.at)
    world.m.tracepoint("sched_exit_tp")
    slept = nodes_of(world)[-1]
    assert slept["settled"]
    assert (int(slept["first"]), int(slept["stacks"])) == (1, 1)
    assert int(world.m.arrays["user_stacks"][1]["taken"]) == 1


def test_where_nothing_tells_who_comes_in_the_clock_gives_its_waits_a_stack(world: World) -> None:
    """Linux before 6.15: a thread that makes no call is preempted, and runs on."""
    every_ns(world, 100)
    world.open()
    world.switch(1250, 0, world.tracer, preempt=True)
    world.switch(1480, 0, world.main)
    node = nodes_of(world)[-1]
    assert (by_part([node]), int(node["settled"])) == ({"preempted": 2}, 0)
    tick(world, 1490, 0)
    node = nodes_of(world)[-1]
    assert (int(node["settled"]), int(node["stacks"])) == (1, 1)
    stacks = world.m.arrays["user_stacks"][:2]
    assert [int(s["taken"]) for s in stacks] == [TAKEN.index(NEXT_EVENT), TAKEN.index(BY_CLOCK)]
    world.enter(1500, 0, "read", 5)
    ran = nodes_of(world)[-1]
    assert (int(ran["points"]), int(ran["first"]), int(ran["stacks"])) == (1, 1, 1)


def test_ticks_of_a_window_without_an_event_yet_are_in_its_first_node(world: World) -> None:
    every_ns(world, 1 << 40)
    world.open()
    for now in (1090, 1091, 1092):
        tick(world, now, 0)
    world.ctl["start_ns"] = 1091  # as the next window begins: no event of this thread
    world.ctl["epoch"] += 1
    world.enter(1100, 0, "read", 5)
    node = nodes_of(world)[-1]
    assert (int(node["points"]), int(node["stacks"]), int(node["parent"])) == (3, 3, 0)


def test_a_row_that_another_thread_gets_has_another_life(world: World) -> None:
    every_ns(world, 10)
    world.open()
    other = world.create_reader()
    row = world.row(other)
    assert int(row["life"]) == 1
    row["ticks"], row["polls"], row["polled_ns"] = 7, 5, 900
    world.m.arrays["free_slots"][0] = other.slot  # it ended, and its row is the next one
    row["state"] = RunState.DEAD
    world.ctl["next_slot"], world.ctl["free_tail"] = SIZES.threads, SIZES.threads
    again = world.create(1200, 0, 150)
    assert again.slot == other.slot
    assert [int(row[name]) for name in ("life", "used_ticks", "polls", "polled_ns")] == [2, 7, 0, 0]


def test_ticks_left_over_from_another_cpu_claim_no_stacks_of_this_one(world: World) -> None:
    """The switch away from CPU 1 went unseen, so no node was made of the ticks there."""
    every_ns(world, 1 << 40)
    world.open()
    for now in (1090, 1091, 1092):
        tick(world, now, 0)
    row = world.row(world.main)
    assert (int(row["ticks"]), int(row["first_cpu"])) == (3, 0)
    world.m.arrays["threads"][world.main.slot]["first_stack"] = 7  # there; here 3 were taken
    world.m.arrays["threads"][world.main.slot]["first_cpu"] = 1
    world.enter(1100, 0, "read", 5)
    node = nodes_of(world)[-1]
    assert (int(node["points"]), int(node["stacks"])) == (3, 0)


def test_with_a_doubled_grid_every_other_tick_counts(world: World) -> None:
    every_ns(world, 1 << 40)
    world.m.arrays["sampling"]["every"] = 2
    world.open()
    for now in range(1090, 1095):
        tick(world, now, 0)
    world.enter(1100, 0, "read", 5)
    node = nodes_of(world)[-1]
    assert (int(node["points"]), int(node["stacks"])) == (2, 2)


def test_a_full_ring_is_told(world: World) -> None:
    every_ns(world)
    world.open()
    ring = len(world.m.arrays["path_nodes"])
    world.m.arrays["sampling"]["made"] = ring
    tick(world, 1090, 0)
    tick(world, 1091, 0)
    world.enter(1100, 0, "read", 5)
    assert int(world.m.arrays["sampling"]["lost"][0]) == 2
    assert int(world.row(world.main)["grid_ns"]) == 1101


class PythonTasks:
    """A dictionary {event loop: task} as CPython lays it out, whose last entry is the live one."""

    DICT, INT, STR = 0x1111, 0x2222, 0x3333

    def __init__(self, name_at: int = 144) -> None:
        self.name = (ctypes.c_uint64 * 12)(1, self.STR, 6)
        self.task = (ctypes.c_uint64 * 32)()
        self.task[name_at // 8] = ctypes.addressof(self.name)
        # references; sizes for 8 entries, a byte each; room left; entries; indices; two entries
        self.keys = (ctypes.c_uint64 * 20)(1, 0x0303, 0, 2, 0xFF01FF)
        self.keys[5 + 3 : 5 + 6] = 77, 0x7000, ctypes.addressof(self.task)
        self.dict = (ctypes.c_uint64 * 6)(1, self.DICT, 1, 0, ctypes.addressof(self.keys))

    def enter(self, world: World) -> None:
        world.m.arrays["event_loops"][world.main.tgid % len(world.m.arrays["event_loops"])] = (
            world.main.tgid, 144, ctypes.addressof(self.dict), self.DICT, self.INT,
        )  # fmt: skip


def name_taken(world: World, now: int) -> tuple[bytes, bool]:
    """Of the stack of a tick."""
    before = int(world.m.arrays["stack_rings"]["taken"][0])
    tick(world, now, 0)
    taken = world.m.arrays["user_stacks"][before]
    return taken["task"][: int(taken["task_bytes"])].tobytes(), bool(taken["task_is_int"])


def test_the_name_of_the_task_that_an_event_loop_runs(world: World) -> None:
    python = PythonTasks()
    world.open()
    python.enter(world)
    assert name_taken(world, 1090)[0] == b"", "the thread has no event loop"
    world.enter(1100, 0, "epoll_wait", 5)
    world.leave(1110, 0, 1)
    assert name_taken(world, 1120) == (bytes(python.name), False)
    python.name[1] = PythonTasks.INT
    assert name_taken(world, 1121) == (bytes(python.name), True)


def test_no_name_where_it_cannot_be_told(world: World) -> None:
    python = PythonTasks()
    world.open()
    world.enter(1100, 0, "epoll_wait", 5)
    world.leave(1110, 0, 1)
    assert name_taken(world, 1120)[0] == b"", "another process"
    python.enter(world)
    for at, value in ((2, 0), (2, 2), (1, 0x9999), (4, 0)):
        before, python.dict[at] = python.dict[at], value
        assert name_taken(world, 1121 + at)[0] == b"", "no task, tasks of two loops, no dictionary"
        python.dict[at] = before
    python.keys[5 + 5] = 0
    assert name_taken(world, 1130)[0] == b"", "an entry that is being written"
