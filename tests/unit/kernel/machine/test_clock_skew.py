"""Events whose times run backwards because the clocks of two CPUs differ."""

from __future__ import annotations

import pytest
from harness.world import Task, World


@pytest.mark.parametrize("how", ["wakes", "creates"])
def test_a_waker_whose_last_event_is_ahead_of_this_cpus_clock(
    w: World, other: Task, how: str
) -> None:
    w.switch(1109, 0, None, preempt=True)  # the clock of CPU 0 is ahead of that of CPU 2
    w.switch(1104, 2, w.main)
    if how == "wakes":
        w.waking(1106, 2, other)
    else:
        other = w.create(1106, 2, 102)
    row = w.row(other)
    assert sum(w.path(other).values()) == int(row["last_ns"]) - 1000


def test_a_wakee_whose_last_event_is_ahead_of_this_cpus_clock(w: World, other: Task) -> None:
    w.switch(1020, 2, w.tracer)
    w.waking(1036, 2, other)  # it blocked at 1040
    assert w.path(other) == {
        "user": 23,
        "syscall:process": 10,
        "syscall:io": 5,
        "wakeup:idle": 2,
    }
    w.switch(1038, 3, other)
    w.enter(1041, 3, "getpid")
    assert sum(w.path(other).values()) == 41
