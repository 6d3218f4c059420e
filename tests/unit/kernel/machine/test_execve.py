"""execve by a thread that is not its group's leader: pids are exchanged before the event."""

from __future__ import annotations

import pytest
from harness.world import CONTROL, DEAD, FIRST_PID, SLEEPING, UNINTERRUPTIBLE, Task, World

from tracer.analysis.run import ledger


@pytest.fixture
def thread(w: World) -> Task:
    """Thread 101, inside execve on CPU 1 since 1060; its leader sleeps on CPU 0."""
    thread = w.create(1010, 0, 101)
    w.enter(1020, 0, "futex")
    w.switch(1030, 0, None, SLEEPING)
    w.switch(1040, 1, thread)
    w.leave(1050, 1)
    w.enter(1060, 1, "execve")
    return thread


def _kill_leader(w: World, thread: Task, switch_out: int | None) -> None:
    """The thread waits while its leader dies on CPU 0: woken, exits, wakes the thread.

    `switch_out`: when the leader leaves its CPU for good; None: later than this.
    """
    w.waking(1070, 1, w.main)
    w.switch(1075, 1, None, 0x102)  # TASK_KILLABLE
    w.switch(1080, 0, w.main)
    w.leave(1085, 0, -512)
    w.process_exit(1090, 0)
    w.waking(1100, 0, thread)
    if switch_out is not None:
        w.switch(switch_out, 0, None, DEAD)


def _exchange(w: World, thread: Task) -> None:
    """The kernel gives the thread its leader's pid, and the leader the thread's."""
    thread.pid, w.main.pid = FIRST_PID, 101


def _after_exec(w: World, thread: Task) -> None:
    """The thread goes on as pid 100, with its own times and history."""
    assert int(w.m.arrays["slots"][FIRST_PID]) == thread.slot
    assert w.state(thread) == "RUNNING"
    w.leave(1300, 1)
    w.enter(1320, 1, "write", CONTROL)
    assert int(w.ctl["end_slot"]) == thread.slot
    assert w.state(w.main) == "DEAD"
    assert int(w.m.arrays["slots"][101]) == 0
    recording = w.assert_closed()
    assert ledger.wall(recording).total_ns == 320
    own = w.own(thread)
    assert own["user"] == 10 + 10 + 20
    assert sum(own.values()) == 320 - 10


def test_the_loser_of_a_race_for_execve_leaves_the_winner_known(w: World) -> None:
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


def test_a_thread_killed_in_execve_leaves_no_entry(w: World, thread: Task) -> None:
    _kill_leader(w, thread, 1110)
    w.switch(1120, 1, thread)
    w.switch(1130, 1, None, DEAD)
    slots = w.m.arrays["slots"]
    assert [int(slots[FIRST_PID]), int(slots[101])] == [0, 0]
    assert int(w.row(w.main)["exec_slot"]) == 0


def test_exec_by_another_thread_after_the_leader_was_retired(w: World, thread: Task) -> None:
    _kill_leader(w, thread, 1110)
    w.switch(1120, 1, thread)
    _exchange(w, thread)
    w.exec_event(1200, 1, 101)
    _after_exec(w, thread)


def test_exec_switched_out_and_in_between_the_exchange_of_pids_and_the_event(
    w: World, thread: Task
) -> None:
    _kill_leader(w, thread, 1110)
    w.switch(1120, 1, thread)
    _exchange(w, thread)
    w.switch(1130, 1, w.task(900), preempt=True)
    w.switch(1140, 1, thread, SLEEPING)
    w.switch(1150, 1, None, UNINTERRUPTIBLE)  # reads the program from the disk
    w.waking(1160, 1, thread, hard=1)
    w.switch(1170, 2, thread)
    w.switch(1180, 2, None, preempt=True)
    w.switch(1190, 1, thread)
    w.exec_event(1200, 1, 101)
    _after_exec(w, thread)
    assert w.own(thread)["preempted"] == 20
    assert w.own(thread)["blocked:process"] == 25 + 10


def test_exec_event_before_the_leaders_last_switch_out(w: World, thread: Task) -> None:
    _kill_leader(w, thread, None)
    w.switch(1120, 1, thread)
    _exchange(w, thread)
    w.exec_event(1200, 1, 101)
    w.switch(1210, 0, None, DEAD)  # the leader, now with pid 101
    _after_exec(w, thread)


def test_exec_leaders_last_switch_out_between_exchange_and_event(w: World, thread: Task) -> None:
    _kill_leader(w, thread, None)
    w.switch(1120, 1, thread)
    _exchange(w, thread)
    w.switch(1130, 0, None, DEAD)  # the leader, now with pid 101, not yet announced
    assert w.state(w.main) == "DEAD"
    assert w.state(thread) == "RUNNING"
    w.exec_event(1200, 1, 101)
    _after_exec(w, thread)


def test_exec_leader_preempted_and_back_between_exchange_and_event(w: World, thread: Task) -> None:
    _kill_leader(w, thread, None)
    w.switch(1110, 0, w.task(900), preempt=True)
    w.switch(1120, 1, thread)
    _exchange(w, thread)
    w.switch(1130, 0, w.main, SLEEPING)
    w.switch(1140, 0, None, DEAD)
    assert w.state(thread) == "RUNNING"
    w.exec_event(1200, 1, 101)
    _after_exec(w, thread)


def test_a_failed_exec_changes_nothing(w: World, thread: Task) -> None:
    w.leave(1070, 1, -2)
    assert int(w.m.arrays["slots"][FIRST_PID]) == w.main.slot
    w.waking(1080, 1, w.main)
    w.switch(1090, 0, w.main)
    assert w.state(w.main) == "RUNNING"
    w.switch(1100, 1, None, DEAD)
    assert w.state(thread) == "DEAD"
    w.leave(1110, 0)
    w.close(1200)
    w.assert_closed()


def test_exec_by_the_leader_keeps_its_entry(w: World) -> None:
    w.enter(1010, 0, "execve")
    w.exec_event(1100, 0, FIRST_PID)
    w.leave(1120, 0)
    w.close(1150)
    assert w.path(w.main) == {"user": 40, "syscall:process": 110}
    w.assert_closed()
