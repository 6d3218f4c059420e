"""The rules of the walk, one by one, on events written by hand."""

from __future__ import annotations

import pytest
from harness.written import DEAD, RUNNABLE, STOPPED, Written, path, states

from tracer.errors import TracerError
from tracer.host import replaying


@pytest.fixture
def w() -> Written:
    """The window is open since 1000; thread 1 runs on CPU 0, in its own code."""
    written = Written()
    written.begins()
    return written


def test_running_is_split_by_calls(w: Written) -> None:
    w.enter(1100, 0, 1, "read")
    w.leave(1150, 0, 1, "read", 8)
    w.enter(1180, 0, 1, "futex")
    w.leave(1190, 0, 1, "futex")
    w.close(1200)
    found = w.replayed()
    assert path(found) == [
        (1, 1000, 1100, "user"),
        (1, 1100, 1150, "syscall:io"),
        (1, 1150, 1180, "user"),
        (1, 1180, 1190, "syscall:futex"),
        (1, 1190, 1200, "user"),
    ]
    calls = {int(row["nr"]): row for row in found.calls}
    assert sorted(calls) == [0, 202]
    assert calls[0]["ns"]["sum"] == 50 and calls[0]["results"] == 8


def test_a_preempted_thread_stays_on_its_path(w: Written) -> None:
    w.switch(1100, 0, 1, 0, RUNNABLE, preempt=True, tid=77)
    w.switch(1250, 0, 0, 1, RUNNABLE)
    w.close(1300)
    found = w.replayed()
    assert path(found)[1] == (1, 1100, 1250, "preempted")
    piece = found.path[1]
    assert (piece["behind_tid"], piece["behind_ns"]) == (77, 150)
    assert found.threads["own_behind"][0].tolist()[:2] == [0, 150]


def test_the_path_goes_on_in_the_waker_and_leaves_the_sleep_out(w: Written) -> None:
    w.reader()
    w.enter(1100, 0, 1, "write")
    w.waking(1110, 0, 1, 2)
    w.leave(1120, 0, 1, "write")
    w.switch(1130, 1, 0, 2)
    w.leave(1140, 1, 2, "read")
    w.close(1200, 1, 2)
    found = w.replayed()
    assert path(found) == [
        (1, 1000, 1100, "user"),
        (1, 1100, 1110, "syscall:io"),
        (2, 1110, 1130, "wakeup:idle"),
        (2, 1130, 1140, "syscall:io"),
        (2, 1140, 1200, "user"),
    ]
    assert states(found, 2)[:2] == [(1000, 1110, "blocked:io"), (1110, 1130, "wakeup:idle")]


def test_a_wake_up_onto_a_busy_cpu_waits_behind_who_runs_there(w: Written) -> None:
    w.reader(cpu=0, at=890)
    w.waking(1100, 0, 1, 2)
    w.switch(1160, 0, 1, 2, RUNNABLE, preempt=True)
    w.close(1200, 0, 2)
    found = w.replayed()
    assert path(found)[1] == (2, 1100, 1160, "wakeup:queued")
    assert int(found.threads["slot"][found.path["behind_thread"][1]]) == 1
    assert int(found.path["behind_ns"][1]) == 60


@pytest.mark.parametrize(
    ("call", "source", "part"),
    [
        ("nanosleep", "timer", "sleep"),
        ("read", "timer", "sleep"),
        ("futex", "timer", "timed_wait"),
        ("epoll_wait", "timer", "timed_wait"),
        ("read", "hard_irq", "external"),
        ("read", "softirq", "external"),
        ("read", "kernel_thread", "external"),
        ("futex", "other_process", "external"),
        ("io_uring_enter", "kernel_worker", "kernel_workers"),
    ],
)
def test_a_sleep_that_nobody_of_the_target_ends_is_on_the_path(
    w: Written, call: str, source: str, part: str
) -> None:
    w.enter(1100, 0, 1, call)
    w.switch(1110, 0, 1, 0)
    w.waking(1500, 1, 0, 1, source)
    w.switch(1520, 0, 0, 1)
    w.leave(1530, 0, 1, call)
    w.close(1600)
    found = w.replayed()
    assert path(found)[2] == (1, 1110, 1500, part)
    assert states(found, 1)[2][2].startswith("blocked:")


def test_a_lock_s_holder_s_path_is_taken_over_where_a_wait_for_it_times_out(w: Written) -> None:
    w.switch(880, 1, 0, 2)
    w.leave(890, 1, 2, "read")
    w.enter(1050, 1, 2, "getpid")
    w.enter(1100, 0, 1, "futex")
    w.switch(1110, 0, 1, 0)
    w.waking(1500, 0, 0, 1, "timer", holder=2)
    w.switch(1520, 0, 0, 1)
    w.close(1600)
    assert path(w.replayed())[:3] == [
        (2, 1000, 1050, "user"),
        (2, 1050, 1500, "syscall:process"),
        (1, 1500, 1520, "wakeup:idle"),
    ]


def test_a_spurious_wake_up_does_not_hide_the_last_one(w: Written) -> None:
    """Thread 2 is woken by 3, finds nothing, sleeps again in the same call, and is woken by 1."""
    w.reader(2, 1)
    w.switch(880, 2, 0, 3)
    w.leave(890, 2, 3, "read")
    w.waking(1050, 2, 3, 2)
    w.switch(1060, 1, 0, 2)
    w.switch(1070, 1, 2, 0)
    w.waking(1200, 0, 1, 2)
    w.switch(1210, 1, 0, 2)
    w.leave(1220, 1, 2, "read")
    w.close(1300, 1, 2)
    assert [piece[:3] for piece in path(w.replayed())] == [
        (1, 1000, 1200),
        (2, 1200, 1210),
        (2, 1210, 1220),
        (2, 1220, 1300),
    ]


def test_a_wake_up_that_meets_its_thread_running_hands_nothing_over(w: Written) -> None:
    w.switch(880, 1, 0, 2)
    w.leave(890, 1, 2, "read")
    w.enter(1050, 1, 2, "futex")
    w.waking(1060, 0, 1, 2, outcome=1)
    w.switch(1070, 1, 2, 0, early=True)
    w.switch(1090, 1, 0, 2)
    w.leave(1100, 1, 2, "futex")
    w.close(1200, 1, 2)
    found = w.replayed()
    assert {piece[0] for piece in path(found)} == {2}
    assert path(found)[2] == (2, 1070, 1090, "wakeup:idle")


def test_a_second_wake_up_proves_that_an_early_one_was_stale(w: Written) -> None:
    w.switch(880, 1, 0, 2)
    w.leave(890, 1, 2, "read")
    w.enter(1050, 1, 2, "futex")
    w.waking(1060, 0, 1, 2, outcome=1)
    w.switch(1070, 1, 2, 0, early=True)
    w.waking(1500, 0, 1, 2)
    w.switch(1510, 1, 0, 2)
    w.close(1600, 1, 2)
    assert path(w.replayed())[0] == (1, 1000, 1500, "user")


def test_a_wake_up_whose_clock_was_read_before_the_switch_out_that_it_ends(w: Written) -> None:
    """The kernel side saw the thread asleep; by the clocks it still ran for 5 ns."""
    w.switch(880, 1, 0, 2)
    w.leave(890, 1, 2, "read")
    w.enter(1050, 1, 2, "futex")
    w.waking(1060, 0, 1, 2)
    w.switch(1065, 1, 2, 0)
    w.switch(1080, 1, 0, 2)
    w.close(1100, 1, 2)
    found = w.replayed()
    assert path(found)[0] == (1, 1000, 1065, "user")
    assert path(found)[1][1:3] == (1065, 1080)
    assert found.numbers["impossible"] == 0


def test_each_of_several_waiters_of_one_call_has_its_own_edge(w: Written) -> None:
    w.reader(2, 1)
    w.reader(3, 2)
    w.enter(1100, 0, 1, "futex")
    w.waking(1110, 0, 1, 2)
    w.waking(1120, 0, 1, 3)
    w.switch(1130, 1, 0, 2)
    w.switch(1140, 2, 0, 3)
    w.close(1200, 2, 3)
    found = w.replayed()
    assert path(found)[1] == (1, 1100, 1120, "syscall:futex")
    vectors = {int(row["slot"]): int(row["path"].sum()) for row in found.threads}
    assert vectors == {1: 100, 2: 130, 3: 200}


def test_a_new_thread_goes_on_with_its_creator_s_path(w: Written) -> None:
    w.enter(1050, 0, 1, "clone")
    w.new(1100, 0, 1, 2)
    w.switch(1150, 1, 0, 2)
    w.leave(1160, 1, 2, "clone")
    w.close(1200, 1, 2)
    found = w.replayed()
    assert path(found) == [
        (1, 1000, 1050, "user"),
        (1, 1050, 1100, "syscall:process"),
        (2, 1100, 1150, "wakeup:queued"),
        (2, 1150, 1200, "user"),
    ]
    assert found.numbers["call_entry_not_seen"] == 0


def test_a_process_ends_with_its_last_thread_and_the_path_of_who_ended_it(w: Written) -> None:
    w.new(1050, 0, 1, 2)
    w.switch(1060, 1, 0, 2)
    w.enter(1100, 0, 1, "exit_group")
    w.dying(1110, 0, 1)
    w.switch(1120, 0, 1, 0, DEAD)
    w.dying(1130, 1, 2)
    w.close(1200, 1, 1)
    w.switch(1200, 1, 2, 0, DEAD)
    found = w.replayed()
    assert path(found)[-1] == (1, 1100, 1200, "syscall:process")
    assert found.threads["voluntary"].tolist() == [1, 0], "as getrusage counts"
    assert found.threads["death_ns"].tolist() == [1120, 1200]


def test_a_row_that_another_thread_takes_over_is_two_lives(w: Written) -> None:
    w.new(1050, 0, 1, 2)
    w.switch(1060, 1, 0, 2)
    w.switch(1100, 1, 2, 0, DEAD)
    w.new(1150, 0, 1, 2)
    w.switch(1170, 1, 0, 2)
    w.close(1200)
    found = w.replayed()
    assert found.threads["life"].tolist() == [0, 0, 1]
    assert states(found, 2) == [(1150, 1170, "wakeup:idle"), (1170, 1200, "user")]


def test_stopped_and_yielded(w: Written) -> None:
    w.enter(1100, 0, 1, "sched_yield")
    w.switch(1110, 0, 1, 0, RUNNABLE, yielded=True)
    w.switch(1120, 0, 0, 1)
    w.leave(1130, 0, 1, "sched_yield")
    w.switch(1200, 0, 1, 0, STOPPED)
    w.waking(1300, 1, 0, 1, "other_process")
    w.switch(1310, 0, 0, 1)
    w.close(1400)
    parts = [part for _, _, part in states(w.replayed(), 1)]
    assert parts == [
        *("user", "syscall:process", "yielded", "syscall:process", "user"),
        *("blocked:stopped", "wakeup:idle", "user"),
    ]


def test_restart_syscall_goes_on_with_the_interrupted_call_also_the_second_time(
    w: Written,
) -> None:
    w.enter(1100, 0, 1, "nanosleep")
    w.leave(1110, 0, 1, "nanosleep", -516)
    for at in (1120, 1140):
        w.enter(at, 0, 1, "restart_syscall")
        w.leave(at + 10, 0, 1, "restart_syscall", -516)
    w.close(1200)
    assert [part for _, _, part in states(w.replayed(), 1)] == ["user", "syscall:sleep"] * 3 + [
        "user"
    ]


# ---- what is not known, or missing ----


def test_a_switch_that_nobody_saw(w: Written) -> None:
    """Thread 2 calls on the CPU on which thread 1 was thought to run."""
    w.reader(2, 1)
    w.waking(1050, 0, 1, 2)
    w.enter(1100, 0, 2, "getpid")
    w.close(1200, 0, 2)
    found = w.replayed()
    assert found.numbers["switch_not_seen"] == 1
    assert states(found, 1)[0] == (1000, 1100, "unknown")
    assert path(found)[1] == (2, 1050, 1100, "wakeup:queued")


def test_a_missing_wake_up_is_unknown_back_to_the_thread_s_last_instant(w: Written) -> None:
    w.enter(1100, 0, 1, "read")
    w.switch(1110, 0, 1, 0)
    w.switch(1300, 0, 0, 1)
    w.close(1400)
    found = w.replayed()
    assert path(found)[2] == (1, 1110, 1300, "unknown")
    assert found.numbers["switched_in_while_blocked"] == 1


def test_a_missing_switch_out_is_unknown_and_counted(w: Written) -> None:
    w.reader(2, 1)
    w.waking(1050, 0, 1, 2)
    w.waking(1150, 0, 1, 2)  # it ran and slept in between
    w.switch(1160, 1, 0, 2)
    w.close(1200, 1, 2)
    found = w.replayed()
    assert found.numbers["impossible"] == 1
    assert path(found)[0] == (1, 1000, 1150, "user")


def test_a_recording_that_begins_in_the_middle() -> None:
    """The first events of each thread tell what it did before."""
    w = Written()
    w.leave(1100, 0, 1, "read")  # ran, in that call
    w.enter(1120, 1, 2, "getpid")  # ran, in its own code
    w.waking(1130, 0, 1, 3)  # slept, in the call that it returns from
    w.switch(1140, 2, 0, 3)
    w.leave(1150, 2, 3, "epoll_wait")
    w.waking(1160, 0, 1, 4)  # slept, and no call of it is known
    w.switch(1170, 3, 0, 4)
    w.switch(1200, 0, 1, 0)
    found = w.replayed(end_slot=3, end_ns=1300, start_ns=1000)
    first = {slot: states(found, slot)[0] for slot in (1, 2, 3, 4)}
    assert {slot: part for slot, (_, _, part) in first.items()} == {
        1: "syscall:io",
        2: "user",
        3: "blocked:poll",
        4: "unknown",
    }
    assert path(found)[-1] == (3, 1150, 1300, "user")


def test_equal_times_keep_the_order_of_their_cpu(w: Written) -> None:
    w.enter(1100, 0, 1, "read")
    w.leave(1100, 0, 1, "read")
    w.enter(1100, 0, 1, "write")
    w.close(1200)
    assert path(w.replayed()) == [(1, 1000, 1100, "user"), (1, 1100, 1200, "syscall:io")]


# ---- damaged ----


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("kind", 99, "event 4 is damaged: kind 99"),
        ("kind", 0, "event 4 is damaged: kind 0"),
        ("thread", 1 << 30, "event 4 is damaged: thread 1073741824"),
        ("cpu", 60000, "event 4 is damaged: CPU 60000"),
        ("t_ns", -5, "event 4 is damaged: time -5"),
        ("t_ns", 10, "event 4 is damaged: it is earlier than the one before"),
        ("what", 1 << 30, "event 4 is damaged: thread 1073741824"),
    ],
)
def test_a_damaged_event_is_named(w: Written, field: str, value: int, why: str) -> None:
    w.enter(1050, 0, 1, "getpid")
    w.waking(1100, 0, 1, 2)
    events = w.events()
    events.rows[field][4] = value
    request = replaying.Request(events.rows, 1000, 1200, 1, machine="x86_64")
    with pytest.raises(TracerError, match=why):
        replaying.replayed(request)


def test_without_the_program_the_error_says_how_to_build_it(
    w: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replaying, "PROGRAM", replaying.PROGRAM.with_name("none"))
    w.close(1100)
    with pytest.raises(TracerError, match="not built") as error:
        w.replayed()
    assert error.value.hint == "build it with: make setup"
