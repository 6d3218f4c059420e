"""The rules of the state machine, each on a hand-written sequence of events with exact times."""

from __future__ import annotations

import pytest
from harness.machine import NUMBER, SIZES, Machine
from harness.world import (
    CONTROL,
    DEAD,
    FIRST_PID,
    IO_WORKER,
    KERNEL_THREAD,
    SLEEPING,
    STOPPED,
    TRACED,
    UNINTERRUPTIBLE,
    USER_WORKER,
    Task,
    World,
)

from tracer.analysis.run import counts, ledger
from tracer.kernel.settings import FREE_RESERVE
from tracer.model.states import OWN_PARTS


def partner(w: World, at: int = 1000) -> Task:
    """The first thread creates another one, which blocks in a read on CPU 1 from at + 40 on.

    Both start with a path of 10 ns `user`; from at + 50 on the first thread is in user mode on
    CPU 0 with path {user: 10 + 20, syscall:process: 20}.
    """
    w.enter(at + 10, 0, "clone")
    other = w.create(at + 20, 0, 101)
    w.leave(at + 30, 0, 101)
    w.switch(at + 22, 1, other)
    w.leave(at + 25, 1)
    w.enter(at + 35, 1, "read", 5)
    w.switch(at + 40, 1, None, SLEEPING)
    return other


# ---- the window ----


def test_window_opens_at_the_return_of_the_read_of_go(world: World) -> None:
    w = world
    w.start()
    w.begin()
    assert int(w.ctl["phase"]) == 0
    w.leave(1000, 0, 3)
    assert int(w.ctl["phase"]) == 1
    assert int(w.ctl["start_ns"]) == 1000
    assert int(w.ctl["window_tgid"]) == FIRST_PID
    assert w.path(w.main) == {}
    w.enter(1070, 0, "getpid")
    assert w.path(w.main) == {"user": 70}


def test_window_closes_at_the_entry_of_the_write_of_end(world: World) -> None:
    w = world
    w.open()
    w.enter(1100, 0, "write", 5)
    w.leave(1130, 0, 1)
    w.close(1200)
    assert w.path(w.main) == {"user": 170, "syscall:io": 30}
    found = w.assert_closed()
    assert found.window_ns == 200
    assert ledger.wall(found).parts["syscall:io"] == 30
    assert [c.name for c in found.probes["syscalls"]] == ["write"]  # the control write is outside
    assert counts.open_calls(found) == {}
    w.leave(1300, 0, 20)
    assert w.path(w.main) == {"user": 170, "syscall:io": 30}, "frozen after the end"


def test_other_calls_on_the_control_socket_do_not_close_the_window(world: World) -> None:
    w = world
    w.open()
    w.enter(1010, 0, "read", CONTROL)
    w.leave(1020, 0, 1)
    w.enter(1030, 0, "write", CONTROL + 1)
    w.leave(1040, 0, 1)
    assert int(w.ctl["phase"]) == 1


def test_a_process_outside_the_windows_group_does_not_close_it(world: World) -> None:
    w = world
    w.open()
    child = w.create(1010, 0, 200, tgid=200)
    w.switch(1020, 1, child)
    w.leave(1030, 1)
    w.enter(1040, 1, "write", CONTROL)
    assert int(w.ctl["phase"]) == 1


@pytest.mark.parametrize("result", [-4, 0])
def test_a_read_of_go_that_got_nothing_does_not_open_the_window(world: World, result: int) -> None:
    w = world
    w.start()
    w.begin()
    w.leave(960, 0, result)
    assert int(w.ctl["phase"]) == 0
    w.enter(970, 0, "read", CONTROL)
    w.leave(1000, 0, 3)
    assert int(w.ctl["start_ns"]) == 1000


def test_the_return_from_the_write_of_begin_does_not_open_the_window(world: World) -> None:
    w = world
    w.start()
    w.enter(900, 0, "write", CONTROL)
    w.ctl["armed_tid"] = FIRST_PID  # tracer is quicker than the return from the write
    w.leave(910, 0, 20)
    assert int(w.ctl["phase"]) == 0
    w.enter(920, 0, "futex")
    w.leave(930, 0, 1)
    assert int(w.ctl["phase"]) == 0
    w.enter(940, 0, "read", CONTROL)
    w.leave(1000, 0, 3)
    assert int(w.ctl["start_ns"]) == 1000


@pytest.mark.parametrize("call", ["fstat", "lseek", "read"])
def test_looking_at_the_control_socket_is_not_the_write_of_begin(world: World, call: str) -> None:
    w = world
    w.start()
    w.enter(500, 0, call, CONTROL)
    w.leave(510, 0, 0)
    w.begin()
    w.leave(1000, 0, 3)
    w.enter(1010, 0, call, CONTROL)
    assert int(w.ctl["phase"]) == 1
    w.leave(1020, 0, 0)
    w.close(1100)


def test_only_the_thread_that_said_begin_opens_the_window(world: World) -> None:
    w = world
    w.start()
    other = w.create(140, 0, 101)
    w.begin()
    w.switch(930, 1, other)
    w.leave(935, 1)
    w.enter(940, 1, "read", CONTROL)
    w.leave(950, 1, 3)
    assert int(w.ctl["phase"]) == 0


def test_the_first_end_wins(world: World) -> None:
    w = world
    w.open()
    partner(w)
    w.close(1200)
    w.ctl["phase"] = 1  # the other CPU had read the phase before
    w.waking(1210, 0, w.targets[1])
    w.switch(1220, 1, w.targets[1])
    w.leave(1230, 1, 1)
    w.enter(1240, 1, "write", CONTROL)
    assert int(w.ctl["end_ns"]) == 1200
    assert int(w.ctl["end_slot"]) == w.main.slot


def test_a_commands_window_is_exec_to_exit(machine) -> None:  # type: ignore[no-untyped-def]
    w = World(machine, command=True)
    w.start()
    w.enter(140, 0, "execve")
    w.exec_event(500, 0, FIRST_PID)
    assert int(w.ctl["start_ns"]) == 500
    w.leave(520, 0)
    w.enter(600, 0, "exit_group")
    w.live.value = 1
    w.process_exit(650, 0)
    assert int(w.ctl["phase"]) == 1, "another thread still lives"
    w.live.value = 0
    w.process_exit(700, 0)
    assert int(w.ctl["end_ns"]) == 700
    assert w.path(w.main) == {"syscall:process": 120, "user": 80}
    w.assert_closed()


@pytest.mark.parametrize("call", ["read", "write"])
def test_a_command_that_uses_descriptor_minus_one_ends_nothing(machine, call) -> None:  # type: ignore[no-untyped-def]
    """No control socket is descriptor -1, and no call is its call: 0 is the number of `read`."""
    w = World(machine, command=True)
    w.start()
    w.exec_event(500, 0, FIRST_PID)
    w.enter(600, 0, call, 2**64 - 1)
    assert int(w.ctl["phase"]) == 1
    w.leave(610, 0, -9)
    w.live.value = 0
    w.process_exit(700, 0)
    assert int(w.ctl["end_ns"]) == 700


# ---- threads that were there before ----


def found_running(machine: Machine, mode: str, block: str) -> World:
    """The first thread as tracer enters one that it finds; a window from 1000 on."""
    w = World(machine)
    row = w.row(w.main)
    row["on_cpu_part"] = OWN_PARTS.index(mode)
    row["blocked_part"] = OWN_PARTS.index(block)
    row["call_nr"] = 0
    row["fresh"] = 1
    w.ctl["control_fd"] = -1
    w.ctl["start_ns"] = 1000
    w.ctl["epoch"] += 1
    w.ctl["phase"] = 1
    return w


def test_what_a_thread_did_before_its_first_event_is_unknown(machine: Machine) -> None:
    w = found_running(machine, "unknown", "unknown")
    w.switch(1100, 0, w.main)
    assert w.path(w.main) == {"unknown": 100}
    w.switch(1150, 0, None, SLEEPING)
    assert w.own(w.main) == {"unknown": 150}
    w.waking(1250, 1, w.main, timer=1)
    assert w.own(w.main) == {"unknown": 250}
    assert w.path(w.main) == {"unknown": 150, "sleep": 100}
    w.switch(1260, 0, w.main)
    w.leave(1300, 0, 1)
    assert w.path(w.main)["unknown"] == 190
    w.enter(1350, 0, "read", 5)
    w.leave(1360, 0, 1)
    assert (w.path(w.main)["user"], w.path(w.main)["syscall:io"]) == (50, 10)
    assert [(c.name, c.times.count) for c in w.recorded("syscalls")] == [("read", 1)]
    assert w.losses() == w.repairs() == {}


def test_a_thread_found_in_user_mode_may_enter_a_call_first(machine: Machine) -> None:
    w = found_running(machine, "unknown", "unknown")
    w.switch(1100, 0, w.main)
    w.enter(1200, 0, "read", 5)
    w.leave(1230, 0, 1)
    assert w.path(w.main) == {"unknown": 200, "syscall:io": 30}
    assert w.losses() == w.repairs() == {}


def test_a_thread_found_asleep_in_a_call_is_blocked_in_it(machine: Machine) -> None:
    w = found_running(machine, "syscall:poll", "blocked:poll")
    w.row(w.main)["call_nr"] = NUMBER["epoll_wait"]
    w.waking(1400, 1, w.main, hard=1)
    w.switch(1410, 0, w.main)
    w.leave(1450, 0, 1)
    assert w.own(w.main) == {"blocked:poll": 400, "wakeup:idle": 10, "syscall:poll": 40}
    assert w.path(w.main) == {"external": 400, "wakeup:idle": 10, "syscall:poll": 40}
    (call,) = w.recorded("syscalls")
    assert (call.name, call.times.sum_ns) == ("epoll_wait", 450), "inside the window"
    assert w.losses() == w.repairs() == {}


def test_events_of_the_target_are_counted_and_no_others(world: World) -> None:
    w = world
    w.open()
    before = int(w.m.arrays["cpus"]["events"].sum())
    w.enter(1010, 0, "read", 5)
    w.switch(1020, 0, None, SLEEPING)
    w.switch(1030, 1, w.tracer)
    w.waking(1040, 1, w.main)
    w.switch(1050, 0, w.main)
    w.leave(1060, 0, 1)
    assert int(w.m.arrays["cpus"]["events"].sum()) - before == 5


# ---- on a CPU ----


def test_user_and_call_split_by_class(world: World) -> None:
    w = world
    w.open()
    calls = {
        "read": "io",
        "epoll_wait": "poll",
        "futex": "futex",
        "io_uring_enter": "io_uring",
        "nanosleep": "sleep",
        "mmap": "memory",
        "getpid": "process",
        "uname": "other",
    }
    for index, call in enumerate(calls):
        w.enter(1010 + 100 * index, 0, call)
        w.leave(1020 + 101 * index, 0)
    w.enter(2000, 0, "getpid")
    path = w.path(w.main)
    assert path.pop("user") == 1000 - sum(10 + index for index in range(8))
    assert path == {f"syscall:{cls}": 10 + index for index, cls in enumerate(calls.values())}
    assert w.own(w.main)["syscall:poll"] == 11


def test_a_call_number_beyond_the_table_is_other(world: World) -> None:
    w = world
    w.open()
    w.m.call_enter(0, 1010, w.main.at, 9999, 0)
    w.leave(1030, 0, -38)
    assert w.path(w.main) == {"user": 10, "syscall:other": 20}
    assert w.recorded("syscalls")[0].errors == {"ENOSYS": 1}


def test_call_times_errors_and_time_off_the_cpu(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.enter(1100, 0, "write", 5)
    w.waking(1120, 0, other)
    w.leave(1130, 0, 1)
    w.switch(1150, 1, other)
    w.leave(1160, 1, 1)
    w.enter(1170, 1, "read", 5)
    w.leave(1180, 1, -11)
    calls = {call.name: call for call in w.recorded("syscalls")}
    assert calls["read"].times.count == 2
    assert calls["read"].times.sum_ns == 125 + 10
    assert calls["read"].off_cpu_ns == 110
    assert calls["read"].errors == {"EAGAIN": 1}
    assert (calls["write"].times.sum_ns, calls["write"].off_cpu_ns) == (30, 0)
    assert calls["clone"].times.sum_ns == 20


def test_a_call_open_at_the_start_counts_from_the_start(world: World) -> None:
    w = world
    w.start()
    other = w.create(140, 0, 101)
    w.switch(150, 2, other)
    w.leave(155, 2)
    w.enter(160, 2, "read", 5)
    w.switch(170, 2, None, SLEEPING)
    w.begin()
    w.leave(1000, 0, 3)
    w.waking(1040, 0, other)
    w.switch(1050, 2, other)
    w.leave(1070, 2, 1)
    (call,) = [c for c in w.recorded("syscalls") if c.name == "read"]
    assert (call.times.sum_ns, call.off_cpu_ns) == (70, 50)


def test_a_call_without_entry_is_a_loss_inside_the_window(world: World) -> None:
    w = world
    w.open()
    w.leave(1010, 0)
    assert w.losses() == {"unmatched_exit": 1}
    w.enter(1030, 0, "getpid")
    assert w.path(w.main) == {"user": 30}


# ---- wake-ups hand over the path ----


def test_wake_up_by_a_thread_of_the_target_hands_over_its_path(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.enter(1100, 0, "write", 5)
    w.waking(1120, 0, other)
    # user 10 + 70, clone 20, write up to the instant of waking 20
    assert w.path(other) == {"user": 80, "syscall:process": 20, "syscall:io": 20}
    assert int(w.row(other)["last_ns"]) == 1120
    assert w.own(other) == {
        "wakeup:idle": 2,
        "user": 13,
        "syscall:io": 5,
        "blocked:io": 80,
    }
    w.leave(1130, 0, 1)  # what the waker does afterwards is not on the wakee's path
    w.switch(1150, 1, other)
    w.leave(1160, 1, 1)
    assert w.path(other) == {
        "user": 80,
        "syscall:process": 20,
        "syscall:io": 30,
        "wakeup:idle": 30,
    }
    assert w.losses() == w.repairs() == w.sources() == {}


@pytest.mark.parametrize(
    ("depth", "source", "part"),
    [
        ({"timer": 1}, "timer", "sleep"),
        ({"timer": 1, "hard": 1}, "timer", "sleep"),
        ({"timer": 1, "soft": 1}, "timer", "sleep"),
        ({"hard": 1}, "hard_irq", "external"),
        ({"soft": 1}, "softirq", "external"),
    ],
)
def test_wake_up_by_an_interrupt(
    world: World, depth: dict[str, int], source: str, part: str
) -> None:
    w = world
    w.open()
    other = partner(w)
    w.enter(1100, 0, "write", 5)
    w.waking(1140, 0, other, **depth)
    # its own path: user 10 and clone 10 of its creator; wake-up 2, user 13, read 5
    assert w.path(other) == {
        "user": 23,
        "syscall:process": 10,
        "wakeup:idle": 2,
        "syscall:io": 5,
        part: 100,
    }
    assert w.sources() == {source: 1}
    w.switch(1150, 1, other)
    assert w.woke()["interrupt"] == [1, 10]


def test_softirq_raised_by_the_threads_own_call_is_the_process(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.enter(1100, 0, "sendto", 5)
    w.waking(1120, 0, other, soft=1, raised=1)
    assert w.path(other) == {"user": 80, "syscall:process": 20, "syscall:io": 20}
    assert w.sources() == {}


def test_softirq_raised_in_user_mode_is_external(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.waking(1120, 0, other, soft=1, raised=1)
    assert w.sources() == {"softirq": 1}
    assert w.path(other)["external"] == 80


def test_an_interrupt_whose_exit_was_missed_ends_at_the_next_switch(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    row = w.m.arrays["cpus"][0]
    for name in ("hard", "timer", "soft", "raised"):
        row[name] = 1
    w.switch(1060, 0, None, preempt=True)
    w.switch(1070, 0, w.main)
    assert [int(row[name]) for name in ("hard", "timer", "soft", "raised")] == [0] * 4
    w.m.waking(0, 1080, w.main.at, other.at)
    assert w.sources() == {}


def test_a_waker_without_event_since_before_the_window(world: World) -> None:
    w = world
    w.start()
    waker = w.create(140, 0, 101)
    sleeper = w.create(150, 0, 102)
    w.switch(160, 2, waker)
    w.leave(165, 2)
    w.enter(170, 2, "futex")
    w.switch(180, 3, sleeper)
    w.switch(190, 3, None, SLEEPING)
    w.begin()
    w.leave(1000, 0, 3)
    w.waking(1040, 2, sleeper)
    assert w.path(sleeper) == {"syscall:futex": 40}
    assert w.own(sleeper) == {"blocked:other": 40}


@pytest.mark.parametrize(
    ("flags", "source"), [(0, "other_process"), (KERNEL_THREAD, "kernel_thread")]
)
def test_wake_up_by_a_task_outside_the_target(world: World, flags: int, source: str) -> None:
    w = world
    w.open()
    other = partner(w)
    w.switch(1050, 2, w.task(900, flags=flags))
    w.waking(1090, 2, other)
    assert w.sources() == {source: 1}
    assert w.path(other)["external"] == 50
    assert w.own(other)["blocked:io"] == 50


@pytest.mark.parametrize("flags", [IO_WORKER, USER_WORKER, IO_WORKER | USER_WORKER])
def test_a_worker_of_the_kernel_is_not_a_thread_of_the_target(world: World, flags: int) -> None:
    """It has the target's tgid and is created by it; its CPU time is that of other tasks."""
    w = world
    w.open()
    other = partner(w)
    w.enter(1050, 0, "io_uring_setup")
    worker = w.create(1060, 0, 102, flags=flags)
    w.leave(1070, 0, 3)
    assert worker.slot == 0
    w.switch(1080, 2, worker)
    w.waking(1090, 2, other)
    assert w.sources() == {"kernel_thread": 1}
    assert w.path(other)["external"] == 50
    w.switch(1130, 2, None, SLEEPING)
    w.close(1200)
    found = w.assert_closed()
    assert ledger.cpu(found).parts["other"] == 50
    assert int((ledger.lifetimes_ns(found) > 0).sum()) == 2


def test_wake_up_on_an_idle_cpu_without_interrupt_is_external(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.waking(1090, 3, other)
    assert w.sources() == {"hard_irq": 1}
    assert w.path(other)["external"] == 50


@pytest.mark.parametrize(
    ("call", "cls"),
    [("epoll_wait", "poll"), ("futex", "futex"), ("nanosleep", "sleep"), ("wait4", "process")],
)
def test_a_blocked_threads_own_time_is_of_its_calls_class(
    world: World, call: str, cls: str
) -> None:
    w = world
    w.open()
    w.enter(1010, 0, call)
    w.switch(1020, 0, None, SLEEPING)
    w.waking(1100, 0, w.main, timer=1)
    assert w.own(w.main) == {"user": 10, f"syscall:{cls}": 10, f"blocked:{cls}": 80}
    assert w.path(w.main) == {"user": 10, f"syscall:{cls}": 10, "sleep": 80}


def test_blocked_in_user_mode_is_other(world: World) -> None:
    w = world
    w.open()
    w.switch(1010, 0, None, UNINTERRUPTIBLE)  # a page fault that reads from the disk
    w.waking(1050, 0, w.main, hard=1)
    w.switch(1060, 0, w.main)
    assert w.own(w.main) == {"user": 10, "blocked:other": 40, "wakeup:idle": 10}
    assert w.path(w.main) == {"user": 10, "external": 40, "wakeup:idle": 10}


@pytest.mark.parametrize("state", [STOPPED, TRACED])
def test_stopped(world: World, state: int) -> None:
    w = world
    w.open()
    w.enter(1005, 0, "kill")
    w.switch(1010, 0, None, state)
    w.switch(1020, 1, w.tracer)
    w.waking(1100, 1, w.main)
    w.switch(1130, 0, w.main)
    assert w.own(w.main)["blocked:stopped"] == 90
    assert w.path(w.main)["external"] == 90


# ---- where and after what the woken thread runs ----


def test_same_cpu_wake_up_waits_behind_its_waker(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.enter(1100, 0, "write", 5)
    w.waking(1110, 0, other)
    w.leave(1120, 0, 1)
    w.switch(1150, 0, other, preempt=True)
    assert w.path(other)["wakeup:queued"] == 40
    assert w.woke() == {"cross_cpu_idle": [1, 2], "same_cpu": [1, 40]}
    assert w.word(w.main) == "PREEMPTED"


def test_cross_cpu_wake_up_to_an_idle_cpu(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.waking(1110, 0, other)
    w.switch(1145, 2, other)
    assert w.path(other)["wakeup:idle"] == 35
    assert w.woke()["cross_cpu_idle"] == [2, 37]


def test_cross_cpu_wake_up_to_a_busy_cpu(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    stranger = w.task(900)
    w.switch(1060, 2, stranger)
    w.waking(1110, 0, other)
    w.switch(1145, 2, other, SLEEPING)
    assert w.path(other)["wakeup:queued"] == 35
    assert w.woke()["cross_cpu_busy"] == [1, 35]


def test_idle_when_woken_though_another_task_ran_in_between(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    stranger = w.task(900)
    w.waking(1110, 0, other)  # CPU 2 sleeps
    w.switch(1120, 2, stranger)
    w.switch(1145, 2, other, SLEEPING)
    assert w.path(other)["wakeup:idle"] == 35
    assert w.woke()["cross_cpu_idle"] == [2, 37]


def test_busy_when_woken_though_the_cpu_was_idle_just_before_it_ran(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    stranger = w.task(900)
    w.switch(1060, 2, stranger)
    w.waking(1110, 0, other)
    w.switch(1120, 2, None, SLEEPING)
    w.switch(1145, 2, other)
    assert w.path(other)["wakeup:queued"] == 35
    assert w.woke()["cross_cpu_busy"] == [1, 35]


def test_same_cpu_wake_up_by_a_timer_on_an_idle_cpu(world: World) -> None:
    w = world
    w.open()
    w.enter(1010, 0, "nanosleep")
    w.switch(1020, 0, None, SLEEPING)
    w.waking(1100, 0, w.main, timer=1)
    w.switch(1130, 0, w.main)
    assert w.path(w.main)["wakeup:idle"] == 30
    assert w.woke() == {"interrupt": [1, 30]}


# ---- runnable off the CPU ----


def test_preempted(world: World) -> None:
    w = world
    w.open()
    w.switch(1010, 0, w.task(900), preempt=True)
    w.switch(1045, 0, w.main, SLEEPING)
    w.enter(1050, 0, "getpid")
    assert w.path(w.main) == {"user": 15, "preempted": 35}
    assert w.own(w.main) == {"user": 15, "preempted": 35}
    row = w.row(w.main)
    assert (int(row["voluntary"]), int(row["involuntary"])) == (0, 1)
    record = w.recorded("sched")
    assert (record.preempted.count, record.preempted.sum_ns) == (1, 35)
    assert (record.slice.count, record.slice.sum_ns) == (1, 10)


def test_preempted_while_going_to_sleep_stays_runnable(world: World) -> None:
    w = world
    w.open()
    w.enter(1005, 0, "read")
    w.switch(1010, 0, None, SLEEPING, preempt=True)
    assert w.word(w.main) == "PREEMPTED"
    w.waking(1020, 0, w.main)
    assert w.word(w.main) == "PREEMPTED"
    w.switch(1040, 0, w.main)
    assert w.path(w.main) == {"user": 5, "syscall:io": 5, "preempted": 30}


def test_sched_yield_is_preempted(world: World) -> None:
    w = world
    w.open()
    w.enter(1005, 0, "sched_yield")
    w.switch(1010, 0, w.task(900))
    w.switch(1030, 0, w.main)
    w.leave(1040, 0)
    assert w.path(w.main) == {"user": 5, "syscall:process": 15, "preempted": 20}
    assert int(w.row(w.main)["involuntary"]) == 1
    (call,) = w.recorded("syscalls")
    assert (call.times.sum_ns, call.off_cpu_ns) == (35, 20)


# ---- birth and death ----


def test_new_thread_inherits_its_creators_path(world: World) -> None:
    w = world
    w.open()
    w.enter(1010, 0, "clone3")
    child = w.create(1030, 0, 101)
    assert w.path(child) == {"user": 10, "syscall:process": 20}
    assert w.own(child) == {}
    w.leave(1040, 0, 101)
    w.switch(1050, 1, child)
    w.leave(1060, 1)  # its first event after the switch: an exit without an entry
    w.enter(1080, 1, "getpid")
    assert w.path(child) == {"user": 40, "syscall:process": 20, "wakeup:idle": 20}
    assert w.own(child) == {"user": 30, "wakeup:idle": 20}
    assert w.losses() == {}
    assert w.woke() == {"cross_cpu_idle": [1, 20]}
    w.leave(1090, 1)
    w.leave(1095, 1)
    assert w.losses() == {"unmatched_exit": 1}, "only the first exit is forgiven"


def test_a_new_threads_second_exit_without_entry_is_a_loss(world: World) -> None:
    w = world
    w.open()
    child = w.create(1030, 0, 101)
    w.switch(1050, 1, child)
    w.leave(1060, 1)
    assert w.losses() == {}
    w.leave(1070, 1)
    assert w.losses() == {"unmatched_exit": 1}


def test_forked_process_belongs_to_the_target(world: World) -> None:
    w = world
    w.open()
    child = w.create(1030, 0, 200, tgid=200)
    assert child.slot
    assert w.path(child) == {"user": 30}


def test_no_follow_leaves_processes_out_but_takes_threads(machine) -> None:  # type: ignore[no-untyped-def]
    w = World(machine, follow=False)
    w.open()
    assert w.create(1030, 0, 200, tgid=200).slot == 0
    assert w.create(1040, 0, 101).slot != 0


def test_a_strangers_child_is_a_stranger(world: World) -> None:
    w = world
    w.open()
    w.switch(1010, 1, w.task(900))
    assert w.create(1020, 1, 901, tgid=901).slot == 0


def test_retired_at_its_last_switch_out_not_at_exit(world: World) -> None:
    w = world
    w.open()
    child = w.create(1030, 0, 101)
    w.enter(1040, 0, "futex")
    w.switch(1050, 0, None, SLEEPING)
    w.switch(1060, 1, child)
    w.leave(1065, 1)
    w.enter(1070, 1, "exit")
    w.process_exit(1080, 1)
    w.waking(1090, 1, w.main)  # an exiting thread wakes its joiner
    w.switch(1100, 1, None, DEAD)
    assert w.word(child) == "DEAD"
    assert int(w.row(child)["death_ns"]) == 1100
    assert int(w.m.arrays["slots"][101]) == 0
    assert bytes(w.row(child)["comm"]).rstrip(b"\0") == b"task101"
    w.switch(1120, 0, w.main)
    assert w.path(w.main) == {"user": 40, "wakeup:idle": 60, "syscall:process": 20}
    w.leave(1130, 0)
    w.close(1200)
    found = w.assert_closed()
    assert ledger.threads(found).total_ns == 200 + 70
    assert counts.switches(found).voluntary == 2


def _live_and_die(w: World, at: int, pid: int) -> Task:
    """A thread that is created at `at`, runs 20 ns and is dead at + 30."""
    child = w.create(at, 0, pid)
    w.switch(at + 10, 1, child)
    w.migrate(at + 15, 1, child)
    w.switch(at + 30, 1, None, DEAD)
    return child


def test_a_slot_is_used_again_and_its_totals_are_kept(world: World) -> None:
    w = world
    w.open()
    first = _live_and_die(w, 1100, 101)
    threads = SIZES.threads + 50
    for index in range(1, threads):
        child = _live_and_die(w, 1100 + 100 * index, 102 + index)
    assert child.slot < SIZES.threads
    assert first.slot in {t.slot for t in w.targets[2:]}
    end = 1100 + 100 * threads
    w.close(end)
    found = w.assert_closed()
    book = ledger.threads(found)
    assert book.total_ns == end - 1000 + 30 * threads
    assert book.parts["user"] == end - 1000 + 20 * threads
    assert book.parts["wakeup:idle"] == 10 * threads
    switches = counts.switches(found)
    assert (switches.voluntary, switches.migrations) == (threads, threads)
    assert ledger.cpu(found).residual_ns == 0


def test_retired_slots_rest_before_they_are_used_again(world: World) -> None:
    w = world
    w.open()
    kept = [w.create(1100 + i, 0, 1000 + i) for i in range(SIZES.threads - 2 - FREE_RESERVE)]
    assert all(t.slot for t in kept)
    for index in range(FREE_RESERVE):
        assert _live_and_die(w, 5000 + 100 * index, 2000 + index).slot
    assert w.create(90_000, 0, 4000).slot == 0, "the reserve rests"
    assert w.losses() == {"thread_table_full": 1}


def test_a_full_table_is_a_loss_and_the_others_go_on(world: World) -> None:
    w = world
    w.open()
    for index in range(SIZES.threads - 2):
        assert w.create(1100 + index, 0, 1000 + index).slot
    lost = w.create(2000, 0, 4000)
    assert lost.slot == 0
    assert w.losses() == {"thread_table_full": 1}
    w.switch(2010, 1, lost)
    w.leave(2015, 1)
    w.switch(2020, 1, None, DEAD)
    w.enter(2030, 0, "getpid")
    assert w.path(w.main) == {"user": 1030}


def test_dead_before_the_window_leaves_nothing_in_it(world: World) -> None:
    w = world
    w.start()
    _live_and_die(w, 200, 101)
    w.begin()
    w.leave(1000, 0, 3)
    w.close(1100)
    found = w.assert_closed()
    assert ledger.threads(found).total_ns == 100


def test_slots_of_threads_dead_before_the_window_used_again_in_it(world: World) -> None:
    w = world
    w.start()
    for index in range(SIZES.threads - 2):
        _live_and_die(w, 200 + 100 * index, 101 + index)
    at = 200 + 100 * SIZES.threads
    w.begin(now=at)
    w.leave(at + 100, 0, 3)
    w.switch(at + 110, 0, None, preempt=True)
    w.switch(at + 120, 0, w.main)
    _live_and_die(w, at + 200, 4000)
    w.close(at + 300)
    found = w.assert_closed()
    assert ledger.threads(found).total_ns == 200 + 30
    assert counts.switches(found).voluntary == 1


def test_slots_used_again_before_the_window_leave_nothing_in_it(world: World) -> None:
    w = world
    w.start()
    at = 200
    for index in range(SIZES.threads + 50):
        _live_and_die(w, at + 100 * index, 101 + index)
    at += 100 * (SIZES.threads + 50)
    w.begin(now=at)
    w.leave(at + 100, 0, 3)
    w.switch(at + 110, 0, w.task(900), preempt=True)
    w.switch(at + 120, 0, w.main, SLEEPING)
    w.close(at + 200)
    found = w.assert_closed()
    assert ledger.threads(found).total_ns == 100
    assert counts.switches(found).total == 1


# ---- execve by a thread that is not its group's leader ----


def _before_exec(w: World) -> Task:
    """The leader sleeps on CPU 0; its thread 101 is inside execve on CPU 1 from 1060 on."""
    w.open()
    thread = w.create(1010, 0, 101)
    w.enter(1020, 0, "futex")
    w.switch(1030, 0, None, SLEEPING)
    w.switch(1040, 1, thread)
    w.leave(1050, 1)
    w.enter(1060, 1, "execve")
    return thread


def _kill_leader(w: World, last: int, retire: bool = True) -> None:
    """The thread waits while its leader dies on CPU 0: woken, exits, wakes the thread."""
    thread = w.targets[1]
    w.waking(1070, 1, w.main)
    w.switch(1075, 1, None, 0x102)  # TASK_KILLABLE
    w.switch(1080, 0, w.main)
    w.leave(1085, 0, -512)
    w.process_exit(1090, 0)
    w.waking(1100, 0, thread)
    if retire:
        w.switch(last, 0, None, DEAD)


def _exchange(w: World) -> None:
    """The kernel gives the thread its leader's pid, and the leader the thread's."""
    thread = w.targets[1]
    thread.pid, w.main.pid = FIRST_PID, 101


def _after_exec(w: World, dead: bool = True) -> None:
    """The thread goes on as pid 100, with its own times and history."""
    thread = w.targets[1]
    assert int(w.m.arrays["slots"][FIRST_PID]) == thread.slot
    assert w.word(thread) == "RUNNING"
    w.leave(1300, 1)
    w.enter(1320, 1, "write", CONTROL)
    assert int(w.ctl["end_slot"]) == thread.slot
    assert w.word(w.main) == "DEAD"
    assert int(w.m.arrays["slots"][101]) == 0
    found = w.assert_closed()
    assert ledger.wall(found).total_ns == 320
    own = w.own(thread)
    assert own["user"] == 10 + 10 + 20
    assert sum(own.values()) == 320 - 10


def test_the_loser_of_a_race_for_execve_leaves_the_winner_known(world: World) -> None:
    w = world
    w.open()
    thread = w.create(1010, 0, 101)
    loser = w.create(1015, 0, 102)
    w.enter(1020, 0, "futex")
    w.switch(1030, 0, None, SLEEPING)
    w.switch(1035, 2, loser)
    w.leave(1036, 2)
    w.enter(1040, 2, "execve")
    w.switch(1045, 1, thread)
    w.leave(1050, 1)
    w.enter(1060, 1, "execve")
    w.leave(1065, 2, -11)
    assert int(w.row(w.main)["exec_slot"]) == thread.slot


def test_a_thread_killed_in_execve_leaves_no_entry(world: World) -> None:
    w = world
    thread = _before_exec(w)
    _kill_leader(w, last=1110)
    w.switch(1120, 1, thread)
    w.switch(1130, 1, None, DEAD)
    slots = w.m.arrays["slots"]
    assert [int(slots[FIRST_PID]), int(slots[101])] == [0, 0]
    assert int(w.row(w.main)["exec_slot"]) == 0


def test_exec_by_another_thread_after_the_leader_was_retired(world: World) -> None:
    w = world
    thread = _before_exec(w)
    _kill_leader(w, last=1110)
    w.switch(1120, 1, thread)
    _exchange(w)
    w.exec_event(1200, 1, 101)
    _after_exec(w)


def test_exec_switched_out_and_in_between_the_exchange_of_pids_and_the_event(world: World) -> None:
    w = world
    thread = _before_exec(w)
    _kill_leader(w, last=1110)
    w.switch(1120, 1, thread)
    _exchange(w)
    w.switch(1130, 1, w.task(900), preempt=True)
    w.switch(1140, 1, thread, SLEEPING)
    w.switch(1150, 1, None, UNINTERRUPTIBLE)  # reads the program from the disk
    w.waking(1160, 1, thread, hard=1)
    w.switch(1170, 2, thread)
    w.switch(1180, 2, None, preempt=True)
    w.switch(1190, 1, thread)
    w.exec_event(1200, 1, 101)
    _after_exec(w)
    assert w.own(thread)["preempted"] == 20
    assert w.own(thread)["blocked:process"] == 25 + 10


def test_exec_event_before_the_leaders_last_switch_out(world: World) -> None:
    w = world
    thread = _before_exec(w)
    _kill_leader(w, last=0, retire=False)
    w.switch(1120, 1, thread)
    _exchange(w)
    w.exec_event(1200, 1, 101)
    w.switch(1210, 0, None, DEAD)  # the leader, now with pid 101
    _after_exec(w)


def test_exec_leaders_last_switch_out_between_exchange_and_event(world: World) -> None:
    w = world
    thread = _before_exec(w)
    _kill_leader(w, last=0, retire=False)
    w.switch(1120, 1, thread)
    _exchange(w)
    w.switch(1130, 0, None, DEAD)  # the leader, now with pid 101, not yet announced
    assert w.word(w.main) == "DEAD"
    assert w.word(thread) == "RUNNING"
    w.exec_event(1200, 1, 101)
    _after_exec(w)


def test_exec_leader_preempted_and_back_between_exchange_and_event(world: World) -> None:
    w = world
    thread = _before_exec(w)
    _kill_leader(w, last=0, retire=False)
    w.switch(1110, 0, w.task(900), preempt=True)
    w.switch(1120, 1, thread)
    _exchange(w)
    w.switch(1130, 0, w.main, SLEEPING)
    w.switch(1140, 0, None, DEAD)
    assert w.word(thread) == "RUNNING"
    w.exec_event(1200, 1, 101)
    _after_exec(w)


def test_a_failed_exec_changes_nothing(world: World) -> None:
    w = world
    thread = _before_exec(w)
    w.leave(1070, 1, -2)
    assert int(w.m.arrays["slots"][FIRST_PID]) == w.main.slot
    w.waking(1080, 1, w.main)
    w.switch(1090, 0, w.main)
    assert w.word(w.main) == "RUNNING"
    w.switch(1100, 1, None, DEAD)
    assert w.word(thread) == "DEAD"
    w.leave(1110, 0)
    w.close(1200)
    w.assert_closed()


def test_exec_by_the_leader_keeps_its_entry(world: World) -> None:
    w = world
    w.open()
    w.enter(1010, 0, "execve")
    w.exec_event(1100, 0, FIRST_PID)
    w.leave(1120, 0)
    w.close(1150)
    assert w.path(w.main) == {"user": 40, "syscall:process": 110}
    w.assert_closed()


# ---- a wake-up before the switch-out ----


def test_early_wake_up_of_a_running_thread_copies_nothing(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.waking(1110, 0, other)
    w.switch(1120, 1, other)
    before = w.path(other)
    w.waking(1130, 0, other)  # (a)
    assert w.word(other) == "RUNNING_EARLY"
    assert w.path(other) == before
    assert int(w.m.arrays["cpus"]["early"].sum()) == 1


def test_early_wake_up_makes_the_switch_out_a_wake_up(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.waking(1110, 0, other)
    w.switch(1120, 1, other)
    w.enter(1125, 0, "write", 5)
    w.waking(1130, 0, other)
    w.switch(1140, 1, w.task(900), SLEEPING)  # (b)
    assert w.word(other) == "WAKING_EARLY"
    assert int(w.row(other)["voluntary"]) == 2
    w.switch(1155, 1, other, SLEEPING)
    assert w.word(other) == "RUNNING"
    # its own chain went on: 20 ns in the read up to the switch-out, then the wake-up
    assert w.path(other) == {
        "user": 90,
        "syscall:process": 20,
        "syscall:io": 20,
        "wakeup:idle": 10,
        "wakeup:queued": 15,
    }
    assert w.woke()["cross_cpu_busy"] == [1, 15]
    assert w.repairs() == {}


def test_early_wake_up_is_forgotten_at_the_return_from_the_call(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.enter(1060, 0, "read", 5)
    w.switch(1061, 2, w.tracer)
    w.waking(1065, 2, w.main)
    w.leave(1070, 0, 1)  # (c)
    assert w.word(w.main) == "RUNNING"
    w.enter(1080, 0, "read", 5)
    w.switch(1090, 0, None, SLEEPING)
    assert w.word(w.main) == "BLOCKED"
    assert other.slot


def test_early_wake_up_is_forgotten_at_a_switch_out_that_stays_runnable(world: World) -> None:
    w = world
    w.open()
    w.enter(1005, 0, "read", 5)
    w.switch(1006, 2, w.tracer)
    w.waking(1010, 2, w.main)
    w.switch(1020, 0, None, preempt=True)  # (c)
    assert w.word(w.main) == "PREEMPTED"
    w.switch(1030, 0, w.main)
    assert w.word(w.main) == "RUNNING"
    w.switch(1040, 0, None, SLEEPING)
    assert w.word(w.main) == "BLOCKED"


def test_a_second_wake_up_proves_the_early_one_stale(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.waking(1110, 0, other)
    w.switch(1120, 1, other)
    w.waking(1130, 0, other)
    w.switch(1140, 1, None, SLEEPING)  # it had found nothing and slept again
    w.enter(1150, 0, "write", 5)
    w.waking(1200, 0, other)  # (d)
    assert w.word(other) == "WAKING"
    assert w.path(other) == {"user": 130, "syscall:process": 20, "syscall:io": 50}
    assert w.own(other)["blocked:io"] == 70 + 60
    w.switch(1210, 1, other)
    assert w.repairs() == {}


def test_a_wake_up_lost_in_the_race_is_unknown_and_counted(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.switch(1100, 1, other)  # (e)
    assert w.path(other)["unknown"] == 60
    assert w.own(other)["unknown"] == 60
    assert w.repairs() == {"switched_in_while_blocked": 1}


def test_waking_of_a_woken_thread_is_ignored(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.waking(1110, 0, other)
    path, own = w.path(other), w.own(other)
    w.switch(1111, 2, w.tracer)
    w.waking(1120, 2, other)
    w.waking(1125, 3, other, timer=1)
    assert (w.path(other), w.own(other)) == (path, own)
    assert w.sources() == {}
    w.switch(1130, 1, other)
    assert w.path(other)["wakeup:idle"] == 20


def test_waking_of_a_preempted_thread_is_ignored(world: World) -> None:
    w = world
    w.open()
    w.switch(1010, 0, None, preempt=True)
    w.switch(1015, 2, w.tracer)
    w.waking(1020, 2, w.main)
    assert w.word(w.main) == "PREEMPTED"
    assert w.path(w.main) == {"user": 10}


# ---- switches of which no event tells ----


def test_a_missed_switch_is_repaired_at_the_next_event(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    stranger = w.task(900)
    w.switch(1060, 1, stranger)
    w.waking(1110, 0, other)
    w.unseen_switch(1, other)  # stranger -> other at about 1120
    w.leave(1140, 1, 1)
    assert w.word(other) == "RUNNING"
    assert w.path(other)["wakeup:queued"] == 30
    assert w.repairs() == {"switch_not_seen": 1}
    w.enter(1150, 1, "getpid")
    assert w.path(other)["user"] == 90 + 10
    assert int(w.m.arrays["cpus"]["other_ns"][1]) == 80


@pytest.mark.parametrize("state", ["preempted", "blocked"])
def test_a_missed_switch_in_of_a_thread_in_another_state(world: World, state: str) -> None:
    w = world
    w.open()
    w.switch(1010, 0, w.task(900), SLEEPING, preempt=state == "preempted")
    w.unseen_switch(0, w.main)
    w.enter(1060, 0, "getpid")
    part = "preempted" if state == "preempted" else "unknown"
    assert w.path(w.main) == {"user": 10, part: 50}
    assert w.repairs() == {"switch_not_seen": 1}


def test_a_missed_switch_away_from_a_thread(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.unseen_switch(0, w.tracer)
    w.waking(1150, 0, other)  # the first proof that main left
    assert w.word(w.main) == "BLOCKED"
    assert w.path(w.main) == {"user": 10, "syscall:process": 20, "unknown": 120}
    assert w.sources() == {"other_process": 1}
    w.waking(1200, 0, w.main)
    w.switch(1220, 0, w.main, SLEEPING)
    assert w.path(w.main) == {
        "user": 10,
        "syscall:process": 20,
        "unknown": 120,
        "external": 50,
        "wakeup:queued": 20,
    }


def test_a_missed_switch_away_from_a_thread_that_by_now_runs_elsewhere(world: World) -> None:
    w = world
    w.open()
    w.unseen_switch(0, w.tracer)  # main left CPU 0 unseen
    w.switch(1050, 2, w.main)  # and came in on CPU 2
    assert w.repairs() == {"switched_in_while_running": 1}
    w.switch(1100, 0, None, SLEEPING)  # only now is it clear that main was gone from CPU 0
    assert w.word(w.main) == "RUNNING"
    w.enter(1150, 2, "getpid")
    assert w.path(w.main) == {"unknown": 50, "user": 100}


def test_a_return_to_the_last_caller_that_nobody_saw(world: World) -> None:
    """Where the last call's registers lay says who calls only until the next switch."""
    w = world
    w.open()
    other = w.create(1010, 0, 101)
    w.enter(1020, 0, "getpid")
    w.switch(1030, 0, other)
    w.unseen_switch(0, w.main)
    w.leave(1060, 0)
    assert w.word(w.main) == "RUNNING"
    assert w.repairs() == {"switch_not_seen": 1}
    path = w.path(w.main)
    assert path["preempted"] == 30
    assert sum(ns for part, ns in path.items() if part.startswith("syscall")) == 10


def test_time_off_the_cpu_of_a_call_is_never_more_than_its_time(world: World) -> None:
    w = world
    w.open()
    w.enter(1010, 0, "read", 5)
    w.switch(1020, 0, None, SLEEPING)
    w.waking(1100, 0, w.main, timer=1)
    w.switch(1110, 0, w.main)
    w.leave(1120, 0, 1)
    w.enter(1500, 0, "getpid")
    w.unseen_switch(0, w.tracer)
    w.switch(1540, 2, w.main)
    w.leave(1550, 2)
    (call,) = [c for c in w.recorded("syscalls") if c.name == "getpid"]
    assert call.times.sum_ns == 50
    assert call.off_cpu_ns <= 50


def test_a_cpu_without_a_first_switch_learns_its_thread_from_any_event(world: World) -> None:
    w = world
    w.open()
    row = w.m.arrays["cpus"][3]
    row["seen"] = row["tid"] = row["slot"] = 0
    w.switch(1010, 0, None, preempt=True)
    w.unseen_switch(3, w.main)
    w.enter(1030, 3, "getpid")
    assert w.path(w.main) == {"user": 10, "preempted": 20}
    assert w.repairs() == {}


# ---- the clocks of two CPUs differ ----


@pytest.mark.parametrize("how", ["wakes", "creates"])
def test_a_waker_whose_last_event_is_ahead_of_this_cpus_clock(world: World, how: str) -> None:
    w = world
    w.open()
    other = partner(w)
    w.switch(1109, 0, None, preempt=True)  # the clock of CPU 0 is ahead of that of CPU 2
    w.switch(1104, 2, w.main)
    if how == "wakes":
        w.waking(1106, 2, other)
    else:
        other = w.create(1106, 2, 102)
    row = w.row(other)
    assert sum(w.path(other).values()) == int(row["last_ns"]) - 1000


def test_a_wakee_whose_last_event_is_ahead_of_this_cpus_clock(world: World) -> None:
    w = world
    w.open()
    other = partner(w)  # blocked at 1040
    w.switch(1020, 2, w.tracer)
    w.waking(1036, 2, other)
    assert w.path(other) == {
        "user": 23,
        "syscall:process": 10,
        "syscall:io": 5,
        "wakeup:idle": 2,
    }
    w.switch(1038, 3, other)
    w.enter(1041, 3, "getpid")
    assert sum(w.path(other).values()) == 41


# ---- threads from before the window ----


def test_a_thread_untouched_since_before_the_window(world: World) -> None:
    w = world
    w.start()
    other = w.create(140, 0, 101)
    w.switch(150, 2, other)
    w.leave(155, 2)
    w.enter(160, 2, "futex")
    w.switch(170, 2, None, SLEEPING)
    w.begin()
    w.leave(1000, 0, 3)
    assert int(w.row(other)["epoch"]) == 0
    w.waking(1040, 0, other)
    assert w.path(other) == {"user": 40}
    assert w.own(other) == {"blocked:futex": 40}, "only since the start of the window"
    w.switch(1050, 2, other)
    assert int(w.row(other)["voluntary"]) == 0, "its switch-out was before the window"
    assert w.repairs() == {}


@pytest.mark.parametrize("state", ["sleeping", "preempted", "running", "waking"])
def test_a_thread_without_event_in_the_window_is_in_its_old_state(world: World, state: str) -> None:
    w = world
    w.start()
    other = w.create(140, 0, 101)
    if state != "waking":
        w.switch(150, 2, other)
        w.leave(155, 2)
    if state == "sleeping":
        w.enter(160, 2, "futex")
        w.switch(170, 2, None, SLEEPING)
    if state == "preempted":
        w.switch(170, 2, w.task(900), preempt=True)
    w.begin()
    w.leave(1000, 0, 3)
    w.close(1300)
    found = w.assert_closed()
    book = ledger.threads(found)
    part = {
        "sleeping": "blocked:futex",
        "preempted": "preempted",
        "running": "user",
        "waking": "wakeup:queued",
    }[state]
    assert book.total_ns == 600
    assert book.parts[part] == (600 if state == "running" else 300)
    assert ledger.cpu(found).residual_ns == 0
    assert ledger.cpu(found).total_ns == 1200


def test_a_timer_that_wakes_a_thread_asleep_since_before_the_window(world: World) -> None:
    w = world
    w.start()
    other = w.create(140, 0, 101)
    w.switch(150, 2, other)
    w.leave(155, 2)
    w.enter(160, 2, "nanosleep")
    w.switch(170, 2, None, SLEEPING)
    w.begin()
    w.leave(1000, 0, 3)
    w.waking(1040, 2, other, timer=1)
    assert w.path(other) == {"sleep": 40}


# ---- counts ----


def test_migrations_of_the_targets_threads_in_the_window(world: World) -> None:
    w = world
    w.start()
    w.migrate(140, 0, w.main)
    w.begin()
    w.leave(1000, 0, 3)
    w.migrate(1010, 1, w.main)
    w.migrate(1020, 0, w.tracer)
    w.migrate(1030, 2, w.main)
    w.close(1100)
    assert counts.switches(w.recording()).migrations == 2


def test_pending_wake_ups(world: World) -> None:
    w = world
    w.open()
    other = partner(w)
    w.waking(1110, 0, other)
    w.close(1150)
    found = w.assert_closed()
    assert counts.wakeups(found) == {
        "total": 2,
        "same_cpu": 0,
        "cross_cpu_idle": 1,
        "cross_cpu_busy": 0,
        "interrupt": 0,
        "pending": 1,
    }
    assert counts.open_calls(found) == {"read": 1}


def test_repairs_and_sources_of_before_the_window_are_forgotten(world: World) -> None:
    w = world
    w.start()
    w.unseen_switch(2, w.tracer)
    w.waking(200, 2, w.main)
    assert w.repairs() == {"switch_not_seen": 1}
    w.begin()
    w.leave(1000, 0, 3)
    w.switch(1010, 2, None, SLEEPING)
    w.close(1100)
    assert counts.repairs(w.recording())["switch_not_seen"] == 0


# ---- the critical path ----


def test_two_chains_joined_only_the_longer_is_on_the_path(world: World) -> None:
    """main creates a (200 ns of user) and b (900 ns of poll); b ends last and ends the wait."""
    w = world
    w.open()
    a = w.create(1010, 0, 101)
    b = w.create(1020, 0, 102)
    w.enter(1030, 0, "futex")
    w.switch(1040, 0, None, SLEEPING)
    w.switch(1050, 1, a)
    w.leave(1050, 1)
    w.switch(1060, 2, b)
    w.leave(1060, 2)
    w.enter(1060, 2, "poll")
    w.enter(1250, 1, "futex")
    w.waking(1260, 1, w.main)
    w.switch(1270, 1, None, DEAD)
    w.switch(1280, 0, w.main)
    w.leave(1290, 0)
    w.enter(1300, 0, "futex")
    w.switch(1310, 0, None, SLEEPING)
    w.leave(1960, 2, 1)
    w.enter(1970, 2, "futex")
    w.waking(1980, 2, w.main)
    w.switch(2000, 0, w.main)
    w.leave(2005, 0)
    w.close(2010)
    assert w.path(w.main) == {
        "user": 20 + 10 + 5,  # main up to b's creation, b between its calls, main at the end
        "wakeup:idle": 40 + 20,  # b's first, main's last
        "syscall:poll": 900,
        "syscall:futex": 10 + 5,
    }
    found = w.assert_closed()
    head = ledger.headline(found)
    assert head.io == pytest.approx(900 / 1010)
    assert ledger.cpu(found).residual_ns == 0


def test_a_chain_of_a_sleeper_and_its_waker(world: World) -> None:
    """A timer's sleep is on the path of the thread that it woke, and of those woken by it."""
    w = world
    w.open()
    other = partner(w)
    w.enter(1060, 0, "nanosleep")
    w.switch(1070, 0, None, SLEEPING)
    w.waking(1570, 0, w.main, timer=1)
    w.switch(1580, 0, w.main)
    w.leave(1590, 0)
    w.enter(1600, 0, "write", 5)
    w.waking(1610, 0, other)
    assert w.path(other) == {
        "user": 50,
        "syscall:process": 20,
        "syscall:sleep": 20,
        "sleep": 500,
        "wakeup:idle": 10,
        "syscall:io": 10,
    }


def test_switch_ins_along_the_path_are_counted_by_what_they_resumed(world: World) -> None:
    w = world
    w.open()
    other = partner(w)  # its switch-in resumed nothing: user mode
    w.enter(1060, 0, "nanosleep")
    w.switch(1070, 0, None, SLEEPING)
    w.waking(1080, 0, w.main, timer=1)
    w.switch(1090, 0, w.main)
    assert w.row(w.main)["resumed"].tolist()[:3] == [0, 0, 1]
    w.leave(1100, 0)
    w.enter(1110, 0, "write", 5)
    w.waking(1120, 0, other)
    assert w.row(other)["resumed"].tolist()[:3] == [0, 0, 1], "the waker's"
    w.switch(1130, 1, other)
    assert w.row(other)["resumed"].tolist()[:3] == [0, 1, 1]


# ---- --light: without the tracepoints of system calls ----


def test_light_window(light_world: World) -> None:
    w = light_world
    w.switch(100, 1, w.tracer)
    w.waking(110, 1, w.main)
    w.switch(120, 0, w.main)
    w.switch(900, 0, None, SLEEPING)  # reads go
    w.ctl["armed_tid"] = FIRST_PID
    w.waking(950, 1, w.main)
    w.switch(1000, 0, w.main)
    assert int(w.ctl["phase"]) == 1
    assert int(w.ctl["start_ns"]) == 1000
    other = w.create(1050, 0, 101)
    w.switch(1060, 2, other)
    w.switch(1080, 1, None, SLEEPING)  # tracer waits for `end`
    w.switch(1100, 0, None, SLEEPING)
    w.waking(1150, 2, w.main)
    w.switch(1170, 0, w.main)
    w.waking(1200, 0, w.tracer)
    assert int(w.ctl["phase"]) == 2
    assert int(w.ctl["end_ns"]) == 1200
    path = w.path(w.main)
    assert path.pop("wakeup:idle") == 10 + 20
    assert sum(path.values()) == 170
    found = w.recording()
    assert ledger.wall(found).residual_ns == 0
    assert ledger.headline(found).io is None
    assert ledger.headline(found).on_cpu == pytest.approx(170 / 200)


def test_light_end_by_a_thread_that_has_run_since_before_the_window(light_world: World) -> None:
    w = light_world
    w.switch(100, 1, w.tracer)
    w.waking(110, 1, w.main)
    w.switch(120, 0, w.main)
    other = w.create(200, 0, 101)
    w.switch(210, 2, other)  # from here on it never leaves its CPU
    w.switch(900, 0, None, SLEEPING)
    w.ctl["armed_tid"] = FIRST_PID
    w.waking(950, 1, w.main)
    w.switch(1000, 0, w.main)
    w.switch(1080, 1, None, SLEEPING)
    w.waking(1200, 2, w.tracer)
    assert int(w.ctl["end_ns"]) == 1200
    assert sum(w.path(other).values()) == 200
