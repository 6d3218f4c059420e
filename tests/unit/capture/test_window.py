"""Windows that tracer closes itself: whose path is reported, what a sleep at the end counts as."""

from __future__ import annotations

import numpy as np
import pytest
from harness.world import SLEEPING, Task, World

from tracer.analysis.run import counts, ledger
from tracer.capture.window import Snapshot, choose_path, end_earlier
from tracer.errors import TracerError
from tracer.model.states import PATH_PARTS


def two_threads(w: World) -> Task:
    """From 1000 on: `main` runs to 1100 and sleeps; the other one runs on CPU 1 from 1050 on."""
    w.open()
    w.enter(1010, 0, "clone")
    other = w.create(1020, 0, 101)
    w.leave(1030, 0, 101)
    w.switch(1050, 1, other)
    w.leave(1060, 1)
    w.enter(1080, 0, "epoll_wait")
    w.switch(1100, 0, None, SLEEPING)
    return other


def closed(w: World, now: int) -> Snapshot:
    w.ctl["end_ns"] = now
    w.ctl["phase"] = 2
    return w.m.arrays.snapshot()


def path(data: Snapshot, slot: int) -> dict[str, int]:
    row = data["threads"][slot]["path"].tolist()
    return {name: ns for name, ns in zip(PATH_PARTS, row, strict=False) if ns}


def test_the_busiest_thread_still_running(world: World) -> None:
    other = two_threads(world)
    world.enter(1500, 1, "read", 5)
    end = choose_path(data := closed(world, 1600), "busiest", 100)
    assert (end.slot, end.tid, end.asleep_ns) == (other.slot, 101, 0)
    assert sum(path(data, other.slot).values()) == 600
    assert path(data, other.slot)["syscall:io"] == 100


def test_an_event_that_was_under_way_when_the_window_was_closed(world: World) -> None:
    """Its time is the path's: the window ends with it, and the books close."""
    two_threads(world)
    world.enter(1500, 1, "read", 5)
    end = choose_path(data := closed(world, 1490), "busiest", 100)
    assert int(data["ctl"][0]["end_ns"]) == 1500
    assert sum(path(data, end.slot).values()) == 500


def test_a_thread_about_as_busy_that_does_not_sleep_is_taken_instead(world: World) -> None:
    """`main` has 100 ns on a CPU and then sleeps; the other one waits for a CPU, or runs."""
    other = two_threads(world)
    world.switch(1095, 1, world.tracer, 0, preempt=True)  # 45 ns so far, less than half
    data = closed(world, 1105)
    data["threads"][other.slot]["path"] = 0  # its path did not do it either
    assert choose_path(data, "busiest", 100).tid == 100
    assert choose_path(closed(world, 1130), "busiest", 100).tid == 101, "23 % would lack a name"
    world.ctl["phase"] = 1
    world.switch(1096, 1, other)
    assert choose_path(closed(world, 1105), "busiest", 100).tid == 101, "54 ns"


def test_what_runs_without_an_event_is_busy(world: World) -> None:
    """The other one runs from 1050 on and makes no call; `main` runs for less."""
    two_threads(world)
    assert choose_path(closed(world, 2000), "busiest", 100).tid == 101
    world.ctl["start_ns"], world.ctl["epoch"], world.ctl["phase"] = 2000, 2, 1
    world.waking(2050, 0, world.main)
    world.switch(2060, 0, world.main)
    end = choose_path(data := closed(world, 3500), "busiest", 100)
    assert end.tid == 101, "the whole window"
    assert path(data, end.slot) == {"user": 1500}


def nap(w: World, task: Task, now: int, own_ns: int, path_ns: int) -> None:
    """The thread on CPU 1 waits for a timer from `now` on. It ran for `own_ns`, its path for
    `path_ns`."""
    w.enter(now, 1, "nanosleep")
    w.switch(now, 1, None, SLEEPING)
    row = w.m.arrays["threads"][task.slot]
    for name, ns in (("own", own_ns), ("path", path_ns)):
        row[name][:] = 0
        row[name][PATH_PARTS.index("user")] = ns


def test_a_thread_that_did_no_work_is_not_taken_instead(world: World) -> None:
    """`main` has 100 ns on a CPU and then sleeps; the other one has 5, and so has its path."""
    nap(world, two_threads(world), 1300, own_ns=5, path_ns=5)
    end = choose_path(data := closed(world, 2000), "busiest", 100)
    assert (end.tid, end.asleep_ns) == (100, 900)
    assert sum(path(data, end.slot).values()) == 100 + 700


def test_a_thread_at_the_end_of_the_work_is_taken_instead(world: World) -> None:
    """`main` has 100 ns on a CPU and then sleeps; the other one has 5 and what came before it."""
    nap(world, two_threads(world), 1300, own_ns=5, path_ns=90)
    end = choose_path(closed(world, 2000), "busiest", 100)
    assert (end.tid, end.asleep_ns, end.named_ns) == (101, 700, 700)


def test_a_sleep_at_the_end_has_no_name_while_others_run(world: World) -> None:
    two_threads(world)
    end = choose_path(data := closed(world, 1600), "main", 100)
    assert (end.tid, end.asleep_ns) == (100, 500)
    assert sum(path(data, end.slot).values()) == 100


def test_a_sleep_at_the_end_is_external_from_when_all_slept(world: World) -> None:
    other = two_threads(world)
    world.enter(1200, 1, "futex")
    world.switch(1300, 1, None, SLEEPING)
    end = choose_path(data := closed(world, 1600), "100", 7)
    assert path(data, end.slot)["external"] == 300
    assert sum(path(data, end.slot).values()) == 400, "1100 to 1300: another one ran"
    assert other.pid == 101


def test_a_sleep_that_waits_for_a_timer_is_sleep(world: World) -> None:
    world.open()
    world.enter(1010, 0, "nanosleep")
    world.switch(1020, 0, None, SLEEPING)
    end = choose_path(data := closed(world, 2020), "main", 100)
    assert path(data, end.slot) == {"user": 10, "syscall:sleep": 10, "sleep": 1000}


@pytest.mark.parametrize(
    ("events", "part"),
    [("waking", "wakeup:queued"), ("preempted", "preempted")],
)
def test_a_thread_that_waits_for_a_cpu(world: World, events: str, part: str) -> None:
    world.open()
    if events == "waking":
        world.enter(1010, 0, "read", 5)
        world.switch(1020, 0, world.tracer, SLEEPING)
        world.waking(1100, 0, world.main)
    else:
        world.switch(1100, 0, world.tracer, 0, preempt=True)
    end = choose_path(data := closed(world, 1150), "busiest", 100)
    assert path(data, end.slot)[part] == 50
    assert sum(path(data, end.slot).values()) == 150


def test_nothing_happened_in_the_window(world: World) -> None:
    """Sums of an older window do not count in this one."""
    two_threads(world)
    world.switch(1300, 1, None, SLEEPING)
    world.ctl["start_ns"], world.ctl["epoch"] = 5000, world.ctl["epoch"] + 1
    for name in ("node", "handovers", "polls", "stretch_ns"):
        world.m.arrays["threads"][name] = 7
    end = choose_path(data := closed(world, 6000), "busiest", 100)
    assert path(data, end.slot) == {"external": 1000}
    assert [
        int(data["threads"][end.slot][name]) for name in ("node", "handovers", "stretch_ns")
    ] == [*(0, 0, 0)]
    assert int(data["threads"][end.slot]["polls_before"]) == 7
    assert end.asleep_ns == 1000


def test_a_thread_that_is_not_there(world: World) -> None:
    two_threads(world)
    with pytest.raises(TracerError, match="thread 4711 was not there"):
        choose_path(closed(world, 1600), "4711", 100)


def test_threads_by_the_pattern_of_their_names(world: World) -> None:
    w = world
    w.open()
    pool_threads = []
    for number in range(3):
        w.enter(1010 + 50 * number, 0, "clone")
        pool_threads.append(w.create(1020 + 50 * number, 0, 101 + number))
        w.leave(1030 + 50 * number, 0, 101)
    w.switch(1200, 1, pool_threads[0])
    w.leave(1210, 1)
    w.enter(1220, 1, "read", 5)
    w.switch(1230, 1, None, SLEEPING)
    w.close(2000)
    names = {w.main.slot: "main", **{t.slot: f"pool-{n}" for n, t in enumerate(pool_threads)}}
    recording = w.recording()
    object.__setattr__(recording, "names", names)
    main, pool = counts.thread_groups(recording)
    assert (main.name, main.threads, main.idle) == ("main", 1, 0)
    assert (pool.name, pool.threads, pool.idle) == ("pool-*", 3, 2)
    assert pool.parts["blocked:io"] == 770
    both = pool.idle_ns + sum(pool.parts.values())
    assert both + sum(main.parts.values()) == ledger.threads(recording).total_ns
    assert np.isclose(pool.idle_ns, (2000 - 1070) + (2000 - 1120))


def test_an_end_that_is_moved_back_takes_the_time_after_it_from_the_cpus(world: World) -> None:
    """`main` leaves CPU 0 at 1100; another task runs there from 1700 on. The end becomes 1500."""
    world.open()
    world.switch(1100, 0, None, SLEEPING)
    world.switch(1700, 0, world.task(900))
    world.switch(1900, 0, None)
    data = closed(world, 2000)
    cpu = data["cpus"][0]
    assert (int(cpu["idle_ns"]), int(cpu["other_ns"]), int(cpu["since_ns"])) == (600, 200, 1900)
    end_earlier(data, 1500)
    assert int(data["ctl"][0]["end_ns"]) == 1500
    assert int(cpu["idle_ns"]) + int(cpu["other_ns"]) == 400
    assert int(cpu["since_ns"]) == 1500
