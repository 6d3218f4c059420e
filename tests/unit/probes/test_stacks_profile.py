"""A profile of what the programs left in their rows at the end of a window."""

from __future__ import annotations

import pytest
from harness.world import World

from tracer.capture.places import profile_of
from tracer.capture.window import choose_path
from tracer.kernel.stacks import PathCollector
from tracer.model.path_nodes import TakenStack
from tracer.model.sampling import Sampling
from tracer.model.stacks import Frame, NamedStack, StackTable

PROBES = ("sched", "syscalls", "stacks")
SPIN = Frame("spin", "program", "spin.c", 3, False, "native", 16)


@pytest.fixture
def world(built) -> World:
    return World(built)


class _Engine:
    """What a profile is made from, on the arrays of the state machine in this process."""

    def __init__(self, world: World) -> None:
        self.stacks = StackTable()
        self._paths = PathCollector(world.m.arrays, self._unwound)
        self.sampled_paths = self._paths.collected
        self.has_stacks = True

    def _unwound(self, taken):
        number = self.stacks.add(NamedStack((SPIN,)))
        return [
            TakenStack(one.slot, one.taken, one.at_ns, one.first, number=number) for one in taken
        ]


def test_a_thread_that_runs_through_to_the_end_has_samples(world: World) -> None:
    """No event makes a node of its ticks: tracer closes the window."""
    world.m.arrays["sampling"]["grid_ns"] = Sampling().grid_ns
    world.open()
    for now in (2000, 3000, 4000):
        world.m.place(0, now, world.on[0].at)
        world.m.run("clock_stacks")
    world.ctl["end_ns"], world.ctl["phase"] = 5000, 2
    data = world.m.arrays.snapshot()
    choose_path(data, "busiest", 100)
    recording = world.recording()
    object.__setattr__(recording, "threads", data["threads"])
    object.__setattr__(recording, "end_slot", int(data["ctl"][0]["end_slot"]))
    profile = profile_of(recording, _Engine(world), {})
    assert profile is not None
    (sample,) = profile.samples
    assert (sample.part, sample.points, sample.call) == ("user", 3, None)
    assert [stack.frames for stack in sample.stacks] == [(SPIN,)] * 3
