"""Threads that tracer enters itself, because they existed before the programs were attached."""

from __future__ import annotations

import pytest
from harness.machine import NUMBER, Machine
from harness.world import REGISTERS_ON_STACK, SLEEPING, World

from tracer.model.states import OWN_PARTS


def seeded(machine: Machine, on_cpu_part: str, blocked_part: str) -> World:
    """The first thread as tracer enters one that existed before; the window is open since 1000."""
    w = World(machine)
    row = w.row(w.main)
    row["on_cpu_part"] = OWN_PARTS.index(on_cpu_part)
    row["blocked_part"] = OWN_PARTS.index(blocked_part)
    row["call_nr"] = 0
    row["fresh"] = 1
    w.ctl["control_fd"] = -1
    w.ctl["start_ns"] = 1000
    w.ctl["epoch"] += 1
    w.ctl["phase"] = 1
    return w


def test_what_a_thread_did_before_its_first_event_is_unknown(machine: Machine) -> None:
    w = seeded(machine, "unknown", "unknown")
    w.switch(1100, 0, w.main)
    assert w.path(w.main) == {"unknown": 100}
    w.switch(1150, 0, None, SLEEPING)
    assert w.own(w.main) == {"unknown": 150}
    w.waking(1250, 1, w.main, timer=1)
    assert w.own(w.main) == {"unknown": 250}
    assert w.path(w.main) == {"unknown": 150, "sleep": 100}
    w.switch(1260, 0, w.main)
    w.leave(1300, 0, 1)
    assert w.path(w.main)["unknown"] == 150
    assert w.path(w.main)["syscall:io"] == 40, "its return tells that it was in a read"
    w.enter(1350, 0, "read", 5)
    w.leave(1360, 0, 1)
    assert (w.path(w.main)["user"], w.path(w.main)["syscall:io"]) == (50, 50)
    assert [(c.name, c.times.count) for c in w.recorded("syscalls")] == [("read", 2)]
    assert w.losses() == w.repairs() == {}


def test_a_thread_seeded_in_user_mode_may_enter_a_call_first(machine: Machine) -> None:
    w = seeded(machine, "unknown", "unknown")
    w.switch(1100, 0, w.main)
    w.enter(1200, 0, "read", 5)
    w.leave(1230, 0, 1)
    assert w.path(w.main) == {"unknown": 100, "user": 100, "syscall:io": 30}
    assert w.losses() == w.repairs() == {}


def test_a_thread_seeded_asleep_in_a_call_is_blocked_in_it(machine: Machine) -> None:
    w = seeded(machine, "syscall:poll", "blocked:poll")
    w.row(w.main)["call_nr"] = NUMBER["epoll_wait"]
    w.waking(1400, 1, w.main, hard=1)
    w.switch(1410, 0, w.main)
    w.leave(1450, 0, 1)
    assert w.own(w.main) == {"blocked:poll": 400, "wakeup:idle": 10, "syscall:poll": 40}
    assert w.path(w.main) == {"external": 400, "wakeup:idle": 10, "syscall:poll": 40}
    (call,) = w.recorded("syscalls")
    assert (call.name, call.times.sum_ns) == ("epoll_wait", 450), "inside the window"
    assert w.losses() == w.repairs() == {}


@pytest.mark.parametrize(
    ("call", "part"), [(-1, "user"), (NUMBER["getpid"], "syscall:process"), (0, "syscall:io")]
)
def test_the_registers_tell_what_a_running_thread_does(
    machine: Machine, call: int, part: str
) -> None:
    """A thread that computes makes no call: nothing else would ever tell."""
    w = seeded(machine, "unknown", "unknown")
    w.ctl["regs_offset"] = REGISTERS_ON_STACK
    w.main.registers[6] = call % 2**64
    w.switch(1100, 0, w.main)
    w.switch(1150, 0, w.task(900), preempt=True)
    assert w.path(w.main) == {"unknown": 100, part: 50}


def test_any_call_tells_where_the_registers_are(w: World) -> None:
    assert int(w.ctl["regs_offset"]) == REGISTERS_ON_STACK
