"""What opens and closes the window."""

from __future__ import annotations

import pytest
from harness.machine import Machine
from harness.world import CONTROL, DEAD, FIRST_PID, GO, SLEEPING, Task, World

from tracer.analysis.run import counts, ledger


@pytest.fixture
def command(machine: Machine) -> World:
    """A command's first thread, which runs in user mode; the window is not open."""
    world = World(machine, command=True)
    world.start()
    return world


def test_window_opens_at_the_return_of_the_read_of_go(world: World) -> None:
    world.start()
    world.begin()
    assert int(world.ctl["phase"]) == 0
    world.leave(1000, 0, GO)
    assert int(world.ctl["phase"]) == 1
    assert int(world.ctl["start_ns"]) == 1000
    assert int(world.ctl["window_tgid"]) == FIRST_PID
    assert world.path(world.main) == {}
    world.enter(1070, 0, "getpid")
    assert world.path(world.main) == {"user": 70}


def test_window_closes_at_the_entry_of_the_write_of_end(w: World) -> None:
    w.enter(1100, 0, "write", 5)
    w.leave(1130, 0, 1)
    w.close(1200)
    assert w.path(w.main) == {"user": 170, "syscall:io": 30}
    recording = w.assert_closed()
    assert recording.window_ns == 200
    assert ledger.wall(recording).parts["syscall:io"] == 30
    # the write to the control socket is outside
    assert [c.name for c in recording.probes["syscalls"]] == ["write"]
    assert counts.open_calls(recording) == {}
    w.leave(1300, 0, 20)
    assert w.path(w.main) == {"user": 170, "syscall:io": 30}, "frozen after the end"


def test_other_calls_on_the_control_socket_do_not_close_the_window(w: World) -> None:
    w.enter(1010, 0, "read", CONTROL)
    w.leave(1020, 0, 1)
    w.enter(1030, 0, "write", CONTROL + 1)
    w.leave(1040, 0, 1)
    assert int(w.ctl["phase"]) == 1


def test_a_process_outside_the_windows_group_does_not_close_it(w: World) -> None:
    child = w.create(1010, 0, 200, tgid=200)
    w.switch(1020, 1, child)
    w.leave(1030, 1)
    w.enter(1040, 1, "write", CONTROL)
    assert int(w.ctl["phase"]) == 1


@pytest.mark.parametrize("result", [-4, 0])
def test_a_read_of_go_without_data_does_not_open_the_window(world: World, result: int) -> None:
    world.start()
    world.begin()
    world.leave(960, 0, result)
    assert int(world.ctl["phase"]) == 0
    world.enter(970, 0, "read", CONTROL)
    world.leave(1000, 0, GO)
    assert int(world.ctl["start_ns"]) == 1000


def test_the_return_from_the_write_of_begin_does_not_open_the_window(world: World) -> None:
    world.start()
    world.enter(900, 0, "write", CONTROL)
    world.ctl["armed_tid"] = FIRST_PID  # tracer is quicker than the return from the write
    world.leave(910, 0, 20)
    assert int(world.ctl["phase"]) == 0
    world.enter(920, 0, "futex")
    world.leave(930, 0, 1)
    assert int(world.ctl["phase"]) == 0
    world.enter(940, 0, "read", CONTROL)
    world.leave(1000, 0, GO)
    assert int(world.ctl["start_ns"]) == 1000


@pytest.mark.parametrize("call", ["fstat", "lseek", "read"])
def test_looking_at_the_control_socket_is_not_the_write_of_begin(world: World, call: str) -> None:
    world.start()
    world.enter(500, 0, call, CONTROL)
    world.leave(510, 0, 0)
    world.read_go()
    world.enter(1010, 0, call, CONTROL)
    assert int(world.ctl["phase"]) == 1
    world.leave(1020, 0, 0)
    world.close(1100)


def test_only_the_thread_that_said_begin_opens_the_window(world: World) -> None:
    world.start()
    other = world.create(140, 0, 101)
    world.begin()
    world.switch(930, 1, other)
    world.leave(935, 1)
    world.enter(940, 1, "read", CONTROL)
    world.leave(950, 1, GO)
    assert int(world.ctl["phase"]) == 0


def test_the_first_end_wins(w: World, other: Task) -> None:
    w.close(1200)
    w.ctl["phase"] = 1  # the other CPU had read the phase before
    w.waking(1210, 0, other)
    w.switch(1220, 1, other)
    w.leave(1230, 1, 1)
    w.enter(1240, 1, "write", CONTROL)
    assert int(w.ctl["end_ns"]) == 1200
    assert int(w.ctl["end_slot"]) == w.main.slot


def test_a_commands_window_is_exec_to_exit(command: World) -> None:
    command.enter(140, 0, "execve")
    command.exec_event(500, 0, FIRST_PID)
    assert int(command.ctl["start_ns"]) == 500
    command.leave(520, 0)
    command.enter(600, 0, "exit_group")
    command.process_exit(650, 0)
    assert int(command.ctl["phase"]) == 1
    command.switch(700, 0, None, DEAD)
    assert int(command.ctl["end_ns"]) == 700
    assert command.path(command.main) == {"syscall:process": 120, "user": 80}
    command.assert_closed()


def second_thread(command: World) -> Task:
    """A thread that runs in user mode on CPU 1 since 540, in the command's window since 500."""
    command.exec_event(500, 0, FIRST_PID)
    command.enter(510, 0, "clone")
    other = command.create(520, 0, 101)
    command.leave(530, 0, 101)
    command.switch(540, 1, other)
    command.leave(540, 1)
    return other


def test_a_commands_path_is_that_of_the_thread_that_ended_it(command: World) -> None:
    """main sleeps and calls exit_group; the other thread computes until that ends it."""
    other = second_thread(command)
    command.enter(550, 0, "nanosleep")
    command.switch(560, 0, None, SLEEPING)
    command.waking(860, 0, command.main, timer=1)
    command.switch(870, 0, command.main)
    command.leave(880, 0)
    command.enter(890, 0, "exit_group")
    command.process_exit(900, 0)
    command.switch(910, 0, None, DEAD)
    assert int(command.ctl["phase"]) == 1, "the other thread has not gone yet"
    command.process_exit(920, 1)
    command.switch(950, 1, None, DEAD)
    assert int(command.ctl["end_ns"]) == 950
    assert int(command.ctl["end_slot"]) == command.main.slot
    assert command.path(command.main) == {
        "user": 10 + 20 + 10,
        "syscall:process": 20 + 20 + 40,
        "syscall:sleep": 10 + 10,
        "sleep": 300,
        "wakeup:idle": 10,
    }
    assert command.own(other)["user"] == 380
    command.assert_closed()


def test_without_an_exit_call_the_first_thread_to_go_ended_it(command: World) -> None:
    """A signal: the thread that took it goes first."""
    other = second_thread(command)
    command.signal_flags.value = 4
    command.process_exit(600, 1)
    command.switch(610, 1, None, DEAD)
    command.process_exit(620, 0)
    command.switch(630, 0, None, DEAD)
    assert int(command.ctl["end_slot"]) == other.slot
    assert int(command.ctl["end_ns"]) == 630
    command.assert_closed()


def test_a_thread_that_ends_alone_ends_nothing(command: World) -> None:
    other = second_thread(command)
    command.enter(550, 1, "exit")
    command.process_exit(600, 1)
    command.switch(610, 1, None, DEAD)
    assert int(command.ctl["phase"]) == 1
    assert int(command.ctl["exit_slot"]) == 0
    command.enter(650, 0, "exit_group")
    command.process_exit(660, 0)
    command.switch(700, 0, None, DEAD)
    assert int(command.ctl["end_slot"]) == command.main.slot != other.slot
    command.assert_closed()


@pytest.mark.parametrize("call", ["read", "write"])
def test_a_command_that_uses_descriptor_minus_one_ends_nothing(command: World, call: str) -> None:
    """A command has no control socket: -1 and 0 stand for it, and 0 is the number of `read`."""
    command.exec_event(500, 0, FIRST_PID)
    command.enter(600, 0, call, 2**64 - 1)
    assert int(command.ctl["phase"]) == 1
    command.leave(610, 0, -9)
    command.process_exit(690, 0)
    command.switch(700, 0, None, DEAD)
    assert int(command.ctl["end_ns"]) == 700
