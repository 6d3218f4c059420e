"""An entry or a return that the kernel could not report is told by the thread's next event."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from harness.machine import NUMBER
from harness.world import REGISTERS_ON_STACK, World

Event = Callable[[World], None]


def enter(at: int, call: str, *arguments: int) -> Event:
    return lambda w: w.enter(at, 0, call, *arguments)


def leave(at: int, result: int = 0) -> Event:
    return lambda w: w.leave(at, 0, result)


#: (what, event): three calls of the first thread.
EVENTS: Sequence[tuple[str, Event]] = (
    ("entry of read", enter(1010, "read", 5)),
    ("return of read", leave(1020, 8)),
    ("entry of getpid", enter(1030, "getpid")),
    ("return of getpid", leave(1040, 100)),
    ("entry of write", enter(1050, "write", 5)),
    ("return of write", leave(1060, 8)),
)


@pytest.mark.parametrize("lost", range(len(EVENTS)))
def test_each_single_event_left_out(w: World, lost: int) -> None:
    for index, (name, event) in enumerate(EVENTS):
        if index == lost:
            if name.startswith("entry"):  # the registers have the number all the same
                w.main.registers[6] = NUMBER[name.split()[-1]]
            continue
        event(w)
    w.enter(1070, 0, "uname")
    w.leave(1080, 0)
    w.close(1090)
    counted = {call.name: call.times.count for call in w.recorded("syscalls")}
    assert counted == {"read": 1, "getpid": 1, "write": 1, "uname": 1}
    kind = "call_entry_not_seen" if EVENTS[lost][0].startswith("entry") else "call_return_not_seen"
    assert w.repairs() == {kind: 1}
    assert w.losses() == {}
    assert int(w.m.arrays["cpus"]["inferred_ns"].sum()) == 20
    assert sum(w.path(w.main).values()) == 90
    off_ns = abs(w.path(w.main)["user"] - 50)
    assert off_ns == 10, "of the 20 ns that may be misplaced"


def test_the_error_of_a_call_that_was_refused_before_it_began(w: World) -> None:
    """As seccomp does."""
    w.main.registers[6] = NUMBER["socket"]
    w.leave(1010, 0, -1)
    (call,) = w.recorded("syscalls")
    assert (call.name, call.times.count, call.errors) == ("socket", 1, {"EPERM": 1})


def test_a_return_without_a_call_is_a_loss(w: World) -> None:
    """Nothing tells what it was."""
    w.main.registers[6] = 2**64 - 1
    w.leave(1010, 0)
    assert w.losses() == {"unmatched_exit": 1}


def test_nothing_is_inferred_outside_the_window(world: World) -> None:
    world.start()
    world.leave(150, 0)
    world.enter(160, 0, "read", 5)
    world.enter(170, 0, "getpid")
    world.leave(180, 0)
    world.read_go()
    assert world.repairs() == {}


def test_restart_syscall_goes_on_with_the_call_that_was_interrupted(w: World) -> None:
    w.enter(1010, 0, "clock_nanosleep")
    w.leave(1020, 0, -516)
    w.enter(1030, 0, "restart_syscall")
    w.leave(1070, 0)
    assert w.path(w.main)["syscall:sleep"] == 10 + 40
    assert [c.name for c in w.recorded("syscalls")] == ["restart_syscall", "clock_nanosleep"]
    w.enter(1080, 0, "restart_syscall")  # stopped once more
    w.leave(1100, 0)
    assert w.path(w.main)["syscall:sleep"] == 10 + 40 + 20


@pytest.mark.parametrize(
    ("entering", "returning", "blind"), [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1)]
)
def test_who_comes_in_where_both_programs_are_preempted_may_call_unseen(
    w: World, entering: int, returning: int, blind: int
) -> None:
    stranger = w.task(900)
    w.switch(1010, 0, stranger)
    cpu = w.m.arrays["cpus"][0]
    cpu["entering"], cpu["returning"] = entering, returning
    w.switch(1020, 0, w.main)
    cpu["entering"] = cpu["returning"] = 0
    w.switch(1030, 0, stranger)
    w.switch(1040, 0, w.main)
    assert int(w.m.arrays["cpus"]["blind"].sum()) == blind


@pytest.mark.parametrize("own", ["entering", "returning"])
def test_who_comes_back_to_end_its_own_program_misses_nothing(w: World, own: str) -> None:
    stranger = w.task(900)
    w.enter(1005, 0, "read", 5)  # where its registers are is known now
    w.switch(1010, 0, stranger, preempt=True)
    cpu = w.m.arrays["cpus"][0]
    cpu["entering"] = cpu["returning"] = 1
    cpu[own] = w.main.stack + REGISTERS_ON_STACK
    w.switch(1020, 0, w.main)
    assert int(cpu["blind"]) == 0


def test_a_stranger_that_comes_in_there_is_no_matter(w: World) -> None:
    stranger = w.task(900)
    cpu = w.m.arrays["cpus"][0]
    cpu["entering"] = cpu["returning"] = 1
    w.switch(1010, 0, stranger)
    assert int(w.m.arrays["cpus"]["blind"].sum()) == 0
