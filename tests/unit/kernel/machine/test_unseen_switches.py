"""Switches without an event: some virtual machines hide them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness.recorded_world import RecordedWorld
from harness.world import SLEEPING, Task, World

from tracer.analysis.events.books import recording_of
from tracer.analysis.run import ledger
from tracer.model.states import REPAIRS


def unnamed(w: World) -> dict[str, int]:
    """Time before an event that did not fit, by kind of repair, ns, where there is any."""
    sums = w.m.arrays["cpus"]["unnamed_ns"].sum(axis=0).tolist()
    return {kind: ns for kind, ns in zip(REPAIRS, sums, strict=True) if ns}


@pytest.mark.parametrize("stranger_calls", [False, True])
def test_a_missed_switch_is_repaired_at_the_next_event(
    w: World, other: Task, stranger_calls: bool
) -> None:
    stranger = w.task(900)
    w.switch(1060, 1, stranger)
    if stranger_calls:  # the next call here is known to be its own, or not, by the registers' place
        w.enter(1070, 1, "getpid")
        w.leave(1080, 1, 900)
    w.waking(1110, 0, other)
    w.unseen_switch(1, other)  # stranger -> other at about 1120
    w.leave(1140, 1, 1)
    assert w.state(other) == "RUNNING"
    assert w.path(other)["wakeup:queued"] == 30
    assert w.repairs() == {"switch_not_seen": 1}
    w.enter(1150, 1, "getpid")
    assert w.path(other)["user"] == 90 + 10
    assert int(w.m.arrays["cpus"]["other_ns"][1]) == 80


@pytest.mark.parametrize("state", ["preempted", "blocked"])
def test_a_missed_switch_in_of_a_thread_in_another_state(w: World, state: str) -> None:
    w.switch(1010, 0, w.task(900), SLEEPING, preempt=state == "preempted")
    w.unseen_switch(0, w.main)
    w.enter(1060, 0, "getpid")
    part = "preempted" if state == "preempted" else "unknown"
    assert w.path(w.main) == {"user": 10, part: 50}
    assert w.repairs() == {"switch_not_seen": 1}
    assert unnamed(w) == ({"switch_not_seen": 50} if part == "unknown" else {})


def test_a_missed_switch_away_from_a_thread(w: World, other: Task) -> None:
    w.unseen_switch(0, w.tracer)
    w.waking(1150, 0, other)  # the first proof that main left
    assert w.state(w.main) == "BLOCKED"
    assert w.path(w.main) == {"user": 10, "syscall:process": 20, "unknown": 120}
    assert unnamed(w) == {"switch_not_seen": 120}
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


def test_a_missed_switch_away_from_a_thread_that_by_now_runs_elsewhere(w: World) -> None:
    w.unseen_switch(0, w.tracer)  # main left CPU 0 unseen
    w.switch(1050, 2, w.main)  # and came in on CPU 2
    assert w.repairs() == {"switched_in_while_running": 1}
    w.switch(1100, 0, None, SLEEPING)  # only now is it clear that main was gone from CPU 0
    assert w.state(w.main) == "RUNNING"
    w.enter(1150, 2, "getpid")
    assert w.path(w.main) == {"unknown": 50, "user": 100}
    assert unnamed(w) == {"switched_in_while_running": 50}


def test_an_unseen_switch_back_to_the_last_caller(w: World) -> None:
    """The place of the last call's registers identifies the caller only until the next switch."""
    other = w.create(1010, 0, 101)
    w.enter(1020, 0, "getpid")
    w.switch(1030, 0, other)
    w.unseen_switch(0, w.main)
    w.leave(1060, 0)
    assert w.state(w.main) == "RUNNING"
    assert w.repairs() == {"switch_not_seen": 1}
    path = w.path(w.main)
    assert path["preempted"] == 30
    assert sum(ns for part, ns in path.items() if part.startswith("syscall")) == 10


def test_time_off_the_cpu_of_a_call_is_never_more_than_its_time(w: World) -> None:
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


def test_a_cpu_without_a_first_switch_learns_its_thread_from_any_event(w: World) -> None:
    row = w.m.arrays["cpus"][3]
    row["seen"] = row["tid"] = row["slot"] = 0
    w.switch(1010, 0, None, preempt=True)
    w.unseen_switch(3, w.main)
    w.enter(1030, 3, "getpid")
    assert w.path(w.main) == {"user": 10, "preempted": 20}
    assert w.repairs() == {}


def test_the_time_before_the_first_event_of_a_cpu_is_kept_apart(w: RecordedWorld) -> None:
    """It came on line in the window: its idle task is the first that is seen there."""
    stranger = w.task(900)
    row = w.m.arrays["cpus"][3]
    row["seen"] = row["tid"] = row["slot"] = 0
    w.switch(1070, 3, stranger)
    w.switch(1100, 3, None, SLEEPING)
    w.switch(1150, 3, stranger)
    assert (int(row["unseen_ns"]), int(row["other_ns"]), int(row["idle_ns"])) == (70, 30, 50)
    w.close(1200)
    recording = replace(w.recording(), attached_cpus=(0, 1, 2))
    assert ledger.cpu(recording).parts["offline"] == 70
    assert ledger.cpu(recording).residual_ns == 0
    events = w.events()
    on_cpu = (events.rows["cpu"] == 3) & (events.rows["t_ns"] < 1000)
    found = w.replayed(replace(events, rows=events.rows[~on_cpu]))
    again = found.cpus[3]
    assert [int(again[n]) for n in ("unseen_ns", "other_ns", "idle_ns")] == [70, 30, 50]
    books = recording_of(found, online_cpus=(0, 1, 2, 3), attached_cpus=(0, 1, 2), names={})
    assert ledger.cpu(books).parts["offline"] == 70
