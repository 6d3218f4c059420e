"""Windows that tracer closes itself: whose path is reported, what a sleep at the end counts as."""

from __future__ import annotations

import numpy as np
import pytest
from harness.world import SLEEPING, Task, World

from tracer.analysis.run import counts, ledger
from tracer.capture.window import Snapshot, choose_path, end_earlier
from tracer.errors import TracerError
from tracer.model.states import PART, PATH_PARTS, RunState

#: By thread number: state and part, ns on a CPU of its own and on its path, the last event or None.
Rows = dict[int, tuple[tuple[RunState, str], int, int, int | None]]


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


RUNS, READY, ENDED = (RunState.RUNNING, "user"), (RunState.WAKING, "user"), (RunState.DEAD, "user")
ASLEEP, NAPS = (RunState.BLOCKED, "blocked:io"), (RunState.BLOCKED, "blocked:sleep")
WORKER, NEW = (RunState.RUNNING, "kernel_workers"), (RunState.RUNNING, "unknown")


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        # state and part; own time on a CPU, that of the path, when the last event was
        ({100: (ASLEEP, 400, 400, 996), 101: (READY, 390, 390, 990)}, 100),
        ({100: (ASLEEP, 400, 400, 980), 101: (READY, 150, 150, 990)}, 100),
        ({100: (ASLEEP, 400, 400, 980), 101: (READY, 210, 210, 990)}, 101),
        ({100: (ASLEEP, 400, 400, 900), 101: (READY, 50, 50, 990)}, 101),
        ({100: (ASLEEP, 400, 400, 900), 101: (READY, 30, 30, 990)}, 100),
        # what runs without an event has run since its last one, or for the whole window
        ({100: (RUNS, 300, 300, 950), 101: (RUNS, 100, 100, 400)}, 101),
        ({100: (RUNS, 300, 300, 950), 101: (RUNS, 0, 0, None)}, 101),
        ({100: (RUNS, 300, 300, 950), 101: (READY, 0, 0, None)}, 100),
        # nobody knows what it does
        ({100: (ASLEEP, 300, 300, 996), 101: (NEW, 0, 0, None)}, 100),
        ({100: (ASLEEP, 300, 300, 980), 101: (NEW, 200, 200, 950)}, 100),
        # an ended one did the work, and the path of who goes on has it
        ({100: (ENDED, 400, 500, 140), 101: (READY, 4, 600, 990), 102: (ASLEEP, 9, 9, 200)}, 101),
        ({100: (ENDED, 400, 500, 140), 101: (READY, 4, 200, 990)}, 100),
        ({100: (ASLEEP, 400, 500, 980), 101: (READY, 4, 300, 990)}, 101),
        # its own work counts before that of its path
        ({100: (ASLEEP, 400, 400, 900), 101: (READY, 4, 700, 990), 102: (READY, 90, 90, 990)}, 102),
        # a sleep for a timer has a name, and is no work
        ({100: (ASLEEP, 400, 400, 900), 101: (NAPS, 4, 130, 500)}, 100),
        # what a worker of the kernel runs is no work of the program's
        ({100: (ASLEEP, 300, 300, 990), 101: (WORKER, 0, 0, 20)}, 100),
    ],
)
def test_whose_path_stands_for_the_busiest(world: World, rows: Rows, chosen: int) -> None:
    """A window from 0 to 1000, its threads by number."""
    world.open()
    data = closed(world, 1000)
    data["ctl"]["start_ns"], data["ctl"]["epoch"] = 0, 7
    data["threads"] = threads = np.zeros(1 + len(rows), data["threads"].dtype)
    for slot, (tid, ((state, part), own_ns, path_ns, last_ns)) in enumerate(rows.items(), 1):
        row = threads[slot]
        row["tid"], row["state"] = tid, state
        row["blocked_part" if state == RunState.BLOCKED else "on_cpu_part"] = PART[part]
        row["epoch"], row["last_ns"] = (6, 0) if last_ns is None else (7, last_ns)
        row["own"][PART["user"]] = own_ns if last_ns is not None else 5000  # of an older window
        row["path"][PART["user"]] = path_ns if last_ns is not None else 5000
        row["path"][PART["kernel_workers"]] = 100
    assert choose_path(data, "busiest", 100).tid == chosen


def test_what_runs_without_an_event_is_on_its_path_for_the_whole_window(world: World) -> None:
    two_threads(world)
    world.ctl["start_ns"], world.ctl["epoch"] = 2000, 2
    world.waking(2050, 0, world.main)
    world.switch(2060, 0, world.main)
    end = choose_path(data := closed(world, 3500), "busiest", 100)
    assert (end.tid, path(data, end.slot)) == (101, {"user": 1500})


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
