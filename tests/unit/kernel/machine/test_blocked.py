"""What the time of a blocked thread counts as: its own, and on the path."""

from __future__ import annotations

import pytest
from harness.world import SLEEPING, STOPPED, TRACED, UNINTERRUPTIBLE, World


@pytest.mark.parametrize(
    ("call", "cls", "part"),
    [
        ("epoll_wait", "poll", "timed_wait"),
        ("futex", "futex", "timed_wait"),
        ("nanosleep", "sleep", "sleep"),
        ("wait4", "process", "sleep"),
    ],
)
def test_a_blocked_threads_own_time_is_of_its_calls_class(
    w: World, call: str, cls: str, part: str
) -> None:
    w.enter(1010, 0, call)
    w.switch(1020, 0, None, SLEEPING)
    w.waking(1100, 0, w.main, timer=1)
    assert w.own(w.main) == {"user": 10, f"syscall:{cls}": 10, f"blocked:{cls}": 80}
    assert w.path(w.main) == {"user": 10, f"syscall:{cls}": 10, part: 80}


def test_blocked_in_user_mode_is_other(w: World) -> None:
    w.switch(1010, 0, None, UNINTERRUPTIBLE)  # a page fault that reads from the disk
    w.waking(1050, 0, w.main, hard=1)
    w.switch(1060, 0, w.main)
    assert w.own(w.main) == {"user": 10, "blocked:other": 40, "wakeup:idle": 10}
    assert w.path(w.main) == {"user": 10, "external": 40, "wakeup:idle": 10}


@pytest.mark.parametrize("state", [STOPPED, TRACED])
def test_stopped(w: World, state: int) -> None:
    w.enter(1005, 0, "kill")
    w.switch(1010, 0, None, state)
    w.switch(1020, 1, w.tracer)
    w.waking(1100, 1, w.main)
    w.switch(1130, 0, w.main)
    assert w.own(w.main)["blocked:stopped"] == 90
    assert w.path(w.main)["external"] == 90
