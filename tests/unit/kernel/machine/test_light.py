"""--light: without the tracepoints of system calls."""

from __future__ import annotations

import pytest
from harness.world import FIRST_PID, SLEEPING, World

from tracer.analysis.run import ledger


def open_window(w: World) -> None:
    """The first thread sleeps until `go` comes, and is back at 1000; tracer waits for `end`."""
    w.switch(900, 0, None, SLEEPING)
    w.ctl["armed_tid"] = FIRST_PID
    w.waking(950, 1, w.main)
    w.switch(1000, 0, w.main)
    assert int(w.ctl["phase"]) == 1
    assert int(w.ctl["start_ns"]) == 1000
    w.switch(1005, 1, None, SLEEPING)


def test_light_window(light_world: World) -> None:
    w = light_world
    w.start()
    open_window(w)
    other = w.create(1050, 0, 101)
    w.switch(1060, 2, other)
    w.switch(1100, 0, None, SLEEPING)
    w.waking(1150, 2, w.main)
    w.switch(1170, 0, w.main)
    w.waking(1200, 0, w.tracer)
    assert int(w.ctl["phase"]) == 2
    assert int(w.ctl["end_ns"]) == 1200
    path = w.path(w.main)
    assert path.pop("wakeup:idle") == 10 + 20
    assert sum(path.values()) == 170
    recording = w.recording()
    assert ledger.wall(recording).residual_ns == 0
    assert ledger.headline(recording).io is None
    assert ledger.headline(recording).on_cpu == pytest.approx(170 / 200)


def test_light_end_by_a_thread_that_has_run_since_before_the_window(light_world: World) -> None:
    w = light_world
    w.start()
    other = w.create(200, 0, 101)
    w.switch(210, 2, other)  # from here on it never leaves its CPU
    open_window(w)
    w.waking(1200, 2, w.tracer)
    assert int(w.ctl["end_ns"]) == 1200
    assert sum(w.path(other).values()) == 200


@pytest.mark.parametrize("waker", ["child process", "other program", "interrupt", "softirq"])
def test_light_another_wake_up_of_tracer_does_not_close_the_window(
    light_world: World, waker: str
) -> None:
    """Only a thread of the process that said `begin` writes `end`."""
    w = light_world
    w.start()
    child = w.create(200, 0, 200, tgid=200)
    open_window(w)
    w.switch(1010, 2, child if waker == "child process" else w.task(900))
    if waker in ("interrupt", "softirq"):
        w.waking(1100, 0, w.tracer, **{"interrupt": {"hard": 1}, "softirq": {"soft": 1}}[waker])
    else:
        w.waking(1100, 2, w.tracer)
    assert int(w.ctl["phase"]) == 1
    w.waking(1200, 0, w.tracer)
    assert int(w.ctl["end_ns"]) == 1200
