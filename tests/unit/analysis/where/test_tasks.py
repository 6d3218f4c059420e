"""Tasks on the path and event loops, from samples written by hand."""

from __future__ import annotations

from dataclasses import replace

from harness.profiled import PASS_ON, RECV, ROOT, SPIN, frame, sample, stack, thread

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.pieces import path_pieces
from tracer.analysis.where.tasks import RUNTIME, TaskShare, loops, task_name, task_shares
from tracer.model.profile import Profile, SampledStack, Stretch, Task

POLL = frame("tokio::runtime::task::raw::poll")
WORKER = frame("tokio::runtime::scheduler::multi_thread::worker::run")
GOEXIT = frame("runtime.goexit", kind="go")
SERVE = frame("main.serve", kind="go")
READ = frame("internal/poll.(*FD).Read", kind="go")
HANDLE = frame("py::Handle._run:/usr/lib/python3.12/asyncio/events.py", kind="python")
WORK = frame("py::work:/srv/app.py", kind="python")


def of(samples, window_ns=1000):
    samples = tuple(samples)
    profile = Profile(tuple(samples), grid_ns=10)
    parts = {}
    for one in samples:
        parts[one.part] = parts.get(one.part, 0) + 10 * one.points
    return task_shares(profile.samples, path_pieces(profile, Ledger(window_ns, parts)))


def test_a_task_is_named_by_the_outermost_own_code_that_the_runtime_polls() -> None:
    assert task_name("tokio", [RECV, SPIN, PASS_ON, POLL, WORKER, *ROOT]) == "ring::pass_on"
    assert task_name("tokio", [RECV, POLL, WORKER, *ROOT]) == ""
    # own code outside the runtime started it and is no task
    assert task_name("tokio", [RECV, POLL, WORKER, PASS_ON, *ROOT]) == ""
    assert task_name("go", [READ, SERVE, GOEXIT]) == "main.serve"
    assert task_name("asyncio", [WORK, HANDLE, *ROOT]).startswith("py::work")
    assert task_name("fd", [WORK, HANDLE]) == ""


def running(one: SampledStack, number: int) -> SampledStack:
    return replace(one, task=Task("tokio", number))


def test_the_paths_time_is_that_of_the_task_that_ran() -> None:
    polled = stack(SPIN, PASS_ON, POLL, WORKER)
    idle = stack(RECV, POLL, WORKER)
    shares = of(
        [
            sample("user", 30, running(polled, 17)),
            sample("user", 20, running(polled, 17), running(polled, 18)),
            sample("syscall:io", 5, running(polled, 18), call="read"),
            sample("syscall:poll", 20, running(idle, 1), call="epoll_wait"),
            replace(sample("syscall:io", 4, stack(RECV), call="recvfrom"), descriptor=7),
            sample("user", 31, stack(SPIN)),
        ]
    )
    assert [(s.runtime, s.number, s.name, s.ns) for s in shares] == [
        ("tokio", 17, "ring::pass_on", 400),
        ("tokio", 1, RUNTIME, 200),
        ("tokio", 18, "ring::pass_on", 150),
        ("fd", 7, "recvfrom", 40),
    ]


def test_a_task_without_a_whole_stack_has_no_name() -> None:
    broken = SampledStack((RECV,), whole=False)
    (share,) = of([sample("user", 3, running(broken, 4))])
    assert share.name == ""


def test_tasks_of_asyncio_by_number_or_by_the_name_that_they_were_given() -> None:
    work, native = stack(WORK, HANDLE), stack(RECV)
    shares = of(
        [
            sample("user", 3, replace(work, task=Task("asyncio", 7))),
            sample("user", 2, replace(work, task=Task("asyncio", None, "reader"))),
            sample("user", 1, replace(native, task=Task("asyncio", 9))),
        ]
    )
    assert [(s.number, s.label, s.name, s.ns) for s in shares] == [
        (7, "", "py::work:/srv/app.py", 30),
        (None, "reader", "py::work:/srv/app.py", 20),
        (9, "", "", 10),  # without Python's functions: not known, and not the loop itself
    ]


def test_an_event_loop_is_where_it_was_in_the_middle_of_its_longest_time() -> None:
    """With the task of that moment, not with that of the stretch's first one."""
    places = (RECV, 16), (RECV, 16), (SPIN, 17), (SPIN, 17), (RECV, 18)
    stacks = tuple(running(stack(at, PASS_ON, POLL, WORKER), task) for at, task in places)
    (loop,) = loops([Stretch(thread(2), 41_000_000, 9, stacks)])
    assert loop.tasks == 3
    assert loop.task == Task("tokio", 17)
    assert (loop.tid, loop.ns, loop.polls, loop.task_name) == (102, 41_000_000, 9, "ring::pass_on")
    assert loop.place is not None
    assert loop.place.function == "ring::spin"
    (loop,) = loops([Stretch(thread(2), 41_000_000, 9)])
    assert (loop.place, loop.task_name) == (None, "")


def test_an_event_loop_is_in_own_code_where_a_stack_shows_that() -> None:
    clock = SampledStack((frame("__vdso_clock_gettime", "[vdso]"),), whole=False)
    stacks = (clock, clock, stack(clock.frames[0], SERVE, GOEXIT), clock, clock)
    (loop,) = loops([Stretch(thread(2), 41_000_000, 9, stacks)])
    assert loop.place is not None
    assert loop.place.function == "main.serve"
    clock = replace(clock, task=Task("go", 25))
    shares = [TaskShare("go", 25, "main.handle", 100, 3), TaskShare("go", 26, "main.other", 9, 1)]
    (loop,) = loops([Stretch(thread(2), 41_000_000, 9, (clock,))], shares)
    assert loop.place is not None
    assert (loop.place.function, loop.place.is_own) == ("__vdso_clock_gettime", False)
    assert loop.task_name == "main.handle", "from other stacks of that goroutine"


def test_a_descriptor_has_the_name_of_what_took_most_time_on_it() -> None:
    """4 was a directory first, and is what the program waits on since."""
    calls = (("getdents64", 1), ("epoll_wait", 9), ("close", 1))
    shares = of(
        replace(sample("syscall:io", points, call=call), descriptor=4) for call, points in calls
    )
    assert [(s.runtime, s.number, s.name, s.ns) for s in shares] == [("fd", 4, "epoll_wait", 110)]


def test_a_thread_of_go_itself_has_no_loop_that_is_kept_from_polling() -> None:
    monitor = SampledStack((frame("runtime.usleep", kind="go"), frame("runtime.sysmon", kind="go")))
    works = replace(SampledStack((SERVE, GOEXIT)), task=Task("go", 7))
    assert loops([Stretch(thread(2), 41_000_000, 9, (monitor, monitor))]) == []
    (loop,) = loops([Stretch(thread(2), 41_000_000, 9, (monitor, works))])
    assert loop.task == Task("go", 7)
