"""The critical path over several threads."""

from __future__ import annotations

import pytest
from harness.world import DEAD, SLEEPING, Task, World

from tracer.analysis.run import ledger


def test_two_chains_joined_only_the_longer_is_on_the_path(w: World) -> None:
    """main creates a (200 ns of user) and b (900 ns of poll); b ends last and ends the wait."""
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
    recording = w.assert_closed()
    head = ledger.headline(recording)
    assert head.io == pytest.approx(900 / 1010)
    assert ledger.cpu(recording).residual_ns == 0


def test_a_chain_of_a_sleeper_and_its_waker(w: World, other: Task) -> None:
    """A timer's sleep is on the path of the thread that it woke, and of those woken by it."""
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


def test_switch_ins_along_the_path_are_counted_by_what_they_resumed(w: World, other: Task) -> None:
    w.enter(1060, 0, "nanosleep")
    w.switch(1070, 0, None, SLEEPING)
    w.waking(1080, 0, w.main, timer=1)
    w.switch(1090, 0, w.main)
    assert w.resumed(w.main) == {"system": 1}
    w.leave(1100, 0)
    w.enter(1110, 0, "write", 5)
    w.waking(1120, 0, other)
    assert w.resumed(other) == {"system": 1}, "the waker's"
    w.switch(1130, 1, other)
    assert w.resumed(other) == {"io": 1, "system": 1}
