"""Time on a CPU: user mode and system calls by class, and the calls' own times."""

from __future__ import annotations

from harness.world import Task, World


def test_user_and_call_split_by_class(w: World) -> None:
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


def test_a_call_number_beyond_the_table_is_other(w: World) -> None:
    w.m.call_enter(0, 1010, w.main.at, 9999, 0)
    w.leave(1030, 0, -38)
    assert w.path(w.main) == {"user": 10, "syscall:other": 20}
    assert w.recorded("syscalls")[0].errors == {"ENOSYS": 1}


def test_call_times_errors_and_time_off_the_cpu(w: World, other: Task) -> None:
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
    world.start()
    other = world.create_sleeper("read", 5)
    world.read_go()
    world.waking(1040, 0, other)
    world.switch(1050, 2, other)
    world.leave(1070, 2, 1)
    (call,) = [c for c in world.recorded("syscalls") if c.name == "read"]
    assert (call.times.sum_ns, call.off_cpu_ns) == (70, 50)
