"""A profile of what the programs left in their rows at the end of a window."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from harness.world import SLEEPING, World

from tracer.capture.places import profile_of
from tracer.capture.window import choose_path
from tracer.host.waiting import WaitingStack
from tracer.kernel.stacks import PathCollector
from tracer.model.path_nodes import TakenStack
from tracer.model.profile import Profile
from tracer.model.sampling import Sampling
from tracer.model.stacks import Frame, NamedStack, StackSample, StackTable

PROBES = ("sched", "syscalls", "stacks")
SPIN = Frame("spin", "program", "spin.c", 3, False, "native", 16)


@pytest.fixture
def world(built) -> World:
    return World(built)


class _Engine:
    """What a profile is made from, on the arrays of the state machine in this process."""

    def __init__(self, world: World, *, all_threads: bool) -> None:
        self.stacks = StackTable()
        self._paths = PathCollector(world.m.arrays, self._unwound)
        self._paths._sampling = Sampling(all_threads=all_threads)
        self.sampled_paths = self._paths.collected
        self.has_stacks, self.samples_all_threads = True, all_threads

    def _unwound(self, taken, _stop):
        stack = self.stacks.one(NamedStack((SPIN,)))
        return [TakenStack(one.slot, one.taken, one.at_ns, one.first, stack=stack) for one in taken]


def tick(world: World, *times: int) -> None:
    for now in times:
        world.m.place(0, now, world.on[0].at)
        world.m.run("clock_stacks")


def ended(
    world: World,
    end_ns: int,
    path_of: str = "busiest",
    waiting: Mapping[int, WaitingStack] | None = None,
    *,
    all_threads: bool = False,
) -> Profile:
    """The profile of the window when tracer closes it."""
    world.ctl["end_ns"], world.ctl["phase"] = end_ns, 2
    data = world.m.arrays.snapshot()
    path_end = choose_path(data, path_of, 100)
    recording = world.recording()
    object.__setattr__(recording, "threads", data["threads"])
    object.__setattr__(recording, "end_slot", int(data["ctl"][0]["end_slot"]))
    engine = _Engine(world, all_threads=all_threads)
    profile = profile_of(recording, engine, {}, path_end, waiting or {})
    assert profile is not None
    return profile


def test_a_thread_that_runs_through_to_the_end_has_samples(world: World) -> None:
    """No event makes a node of its ticks: tracer closes the window."""
    world.m.arrays["sampling"]["grid_ns"] = Sampling().grid_ns
    world.open()
    tick(world, 2000, 3000, 4000)
    profile = ended(world, 5000)
    (sample,) = profile.samples
    assert (sample.part, sample.points, sample.call) == ("user", 3, None)
    assert [stack.frames for stack in sample.stacks] == [(SPIN,)] * 3


@pytest.mark.parametrize("is_alone", [True, False])
def test_a_wait_that_goes_on_has_the_stack_of_the_end(world: World, is_alone: bool) -> None:
    """Without a name as long as another thread runs: that may end it."""
    world.m.arrays["sampling"]["grid_ns"] = 100
    world.open()
    if not is_alone:
        world.enter(1010, 0, "clone")
        other = world.create(1020, 0, 101)
        world.leave(1030, 0, 101)
        world.switch(1050, 1, other)
    world.enter(1100, 0, "epoll_wait", 3)
    world.switch(1150, 0, None, SLEEPING)
    stack = WaitingStack(232, 3, StackSample(100, 5200, 1, 2, 0, 0, b"x"))
    slot = world.main.slot
    profile = ended(world, 5150, "main", {slot: stack})
    (sample,) = profile.samples
    assert (sample.part, sample.points) == ("external" if is_alone else "unknown", 40)
    assert (sample.call, sample.descriptor) == ("epoll_wait", 3)
    (found,) = sample.stacks
    assert (found.frames, found.taken) == ((SPIN,), "at_end")
    (without,) = ended(world, 5150, "main").samples
    assert (without.points, without.stacks) == (40, ())


def test_hand_overs_are_counted_between_samples_and_in_all(world: World) -> None:
    world.m.arrays["sampling"]["grid_ns"] = 1 << 40
    world.open()
    other = world.create_reader()  # hand-over of the path to it, and it sleeps
    tick(world, 1090)
    for at in (1100, 1200, 1300):  # to and fro
        world.enter(at, 0, "write", 5)
        world.waking(at + 5, 0, other)
        world.switch(at + 10, 1, other)
        world.leave(at + 15, 1, 1)
        world.enter(at + 20, 1, "write", 5)
        world.switch(at + 25, 0, None, SLEEPING)
        world.waking(at + 30, 1, world.main)
        world.switch(at + 35, 0, world.main)
        world.leave(at + 40, 0, 1)
        world.leave(at + 45, 1, 1)
        world.enter(at + 50, 1, "read", 5)
        world.switch(at + 55, 1, None, SLEEPING)
    world.enter(1400, 0, "write", 5)
    world.waking(1405, 0, other)
    world.switch(1410, 0, other, SLEEPING)
    tick(world, 1420)
    profile = ended(world, 1500, str(other.pid))
    assert profile.handovers == 7
    first, last = profile.samples
    assert (first.thread.tid, last.thread.tid) == (100, other.pid)
    assert (first.waker, first.handovers) == (None, None)
    assert (last.waker, last.handovers) == (0, 7)


def test_ticks_of_before_the_window_are_not_in_it(world: World) -> None:
    world.m.arrays["sampling"]["grid_ns"] = 1 << 40
    world.open()
    tick(world, 2000, 3000)
    world.ctl["start_ns"], world.ctl["epoch"] = 3500, int(world.ctl["epoch"]) + 1
    tick(world, 4000, 5000)
    world.enter(5500, 0, "read", 5)
    profile = ended(world, 6000)
    assert [(sample.part, sample.points) for sample in profile.samples] == [("user", 2)]


def test_a_row_of_another_thread_gives_no_name(world: World) -> None:
    """The thread on the path has ended, and a new one has its row."""
    world.m.arrays["sampling"]["grid_ns"] = 1 << 40
    world.open()
    other = world.create_reader()
    tick(world, 1090)
    world.enter(1100, 0, "write", 5)
    world.waking(1105, 0, other)
    world.switch(1110, 1, other)
    world.m.arrays["threads"][world.main.slot]["life"] += 1
    sample = ended(world, 1500, str(other.pid)).samples[0]
    assert (sample.thread.tid, sample.thread.name) == (0, "(ended)")


def test_an_event_loop_that_is_blocked_at_the_end_is_told(world: World) -> None:
    world.m.arrays["sampling"]["grid_ns"] = 1000
    world.open()
    for at in (2000, 3000, 4000):
        world.enter(at, 0, "epoll_wait", 5)
        world.leave(at + 10, 0)
    tick(world, 5000, 6000)
    world.enter(6500, 0, "read", 5)
    (stretch,) = ended(world, 9010).stretches
    assert (stretch.ns, stretch.polls, stretch.is_open, stretch.call) == (5000, 3, True, "read")
    assert [stack.frames for stack in stretch.stacks] == [(SPIN,)] * 2


def polls(world: World, *times: int) -> None:
    for at in times:
        world.enter(at, 0, "epoll_wait", 5)
        world.leave(at + 10, 0)


def test_the_start_of_a_program_is_no_stretch_of_its_loop(world: World) -> None:
    """It polls once or twice there."""
    world.m.arrays["sampling"]["grid_ns"] = 1000
    world.open()
    polls(world, 2000, 3000, 8000, 8500)
    (stretch,) = ended(world, 8600).stretches
    assert (stretch.ns, stretch.is_open) == (490, False)


@pytest.mark.parametrize(("only_polls", "ns"), [(0, 4000 - 2210), (1, 5000 - 2210)])
def test_a_wait_for_a_word_is_in_the_loop_of_some_runtimes(
    world: World, only_polls: int, ns: int
) -> None:
    world.m.arrays["sampling"]["grid_ns"] = 1000
    world.open()
    world.m.arrays["threads"]["only_polls"][world.main.slot] = only_polls
    polls(world, 2000, 2100, 2200)
    world.enter(4000, 0, "futex", 0x7000, 0)
    world.leave(4010, 0)
    polls(world, 5000)
    (stretch,) = ended(world, 5020).stretches
    assert stretch.ns == ns


def test_who_changes_what_is_waited_for_has_not_returned_to_the_loop(world: World) -> None:
    """A task that opens a connection calls epoll_ctl."""
    world.m.arrays["sampling"]["grid_ns"] = 1000
    world.open()
    for at in (2000, 2100, 2200, 9000):
        world.enter(at, 0, "epoll_wait", 5)
        world.leave(at + 10, 0)
    for at in (4000, 6000):
        world.enter(at, 0, "epoll_ctl", 5)
        world.leave(at + 10, 0)
    (stretch,) = ended(world, 9020).stretches
    assert (stretch.ns, stretch.polls, stretch.is_open) == (9000 - 2210, 4, False)


def test_one_that_has_been_blocked_since_a_window_before(world: World) -> None:
    world.m.arrays["sampling"]["grid_ns"] = 1000
    world.open()
    for at in (2000, 3000, 4000):
        world.enter(at, 0, "epoll_wait", 5)
        world.leave(at + 10, 0)
    world.enter(6500, 0, "read", 5)
    world.ctl["start_ns"], world.ctl["epoch"] = 7000, int(world.ctl["epoch"]) + 1
    (stretch,) = ended(world, 9010).stretches
    assert (stretch.ns, stretch.polls, stretch.is_open) == (5000, 0, True)


def threads_of(profile: Profile) -> dict[tuple[int, str, str | None], tuple[int, bool]]:
    """Of each thread, state and call the time, and whether it has a stack."""
    return {
        (one.thread.tid, one.state, one.call): (one.ns, one.stack is not None)
        for one in profile.threads
    }


def test_all_threads_have_what_they_do_at_the_end(world: World) -> None:
    """Their last sleeps and times on a CPU, which no event of the window ends."""
    world.m.arrays["sampling"]["grid_ns"] = 100
    world.open()
    world.enter(1010, 0, "clone")
    other = world.create(1020, 0, 101)
    world.leave(1030, 0, 101)
    world.switch(1050, 1, other)
    world.enter(1060, 1, "read", 5)
    world.switch(1070, 1, None, SLEEPING)
    tick(world, 2000, 3000, 4000)
    stack = WaitingStack(0, 5, StackSample(100, 5200, 1, 2, 0, 0, b"x"))
    waiting = {other.slot: stack}
    found = threads_of(ended(world, 5070, waiting=waiting, all_threads=True))
    assert found[101, "blocked:io", "read"] == (4000, True)
    assert found[100, "user", None][1]
    assert sum(ns for (tid, _state, _call), (ns, _) in found.items() if tid == 100) == 4070
    # without it the thread has changed its call since
    found = threads_of(ended(world, 5070, all_threads=True))
    assert found[101, "blocked:io", "read"] == (4000, False)
    assert ended(world, 5070).threads == ()


def test_a_last_sleep_is_not_counted_where_the_thread_slept_before(world: World) -> None:
    world.m.arrays["sampling"]["grid_ns"] = 100
    world.open()
    for at, call in ((1000, "epoll_wait"), (3000, "poll")):
        world.enter(at, 0, call, 3)
        world.switch(at + 10, 0, None, SLEEPING)
        if call == "epoll_wait":
            world.waking(at + 1010, 1, world.main)
            world.switch(at + 1020, 0, world.main)
            world.leave(at + 1030, 0)
    found = threads_of(ended(world, 8010, all_threads=True))
    assert found[100, "blocked:poll", "epoll_wait"][0] == pytest.approx(1000, abs=100)
    assert found[100, "blocked:poll", "poll"][0] == pytest.approx(5000, abs=100)
