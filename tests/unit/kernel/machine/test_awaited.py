"""What a sleep waited for that nobody of the target ended: on the path, and by call and waker."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness.world import KERNEL_THREAD, SLEEPING, UNINTERRUPTIBLE, World

from tracer.analysis.run.awaited import OutsideWait, Waker, outside_waits
from tracer.model import syscalls
from tracer.probes.waits import Descriptor, Wait, WaitsRecord

#: k->soft while a softirq runs: 1 + its number.
NET_RX, BLOCK = 4, 5


@pytest.fixture(autouse=True)
def x86_64(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' system calls are those of x86_64 wherever the tests run."""
    monkeypatch.setattr(
        "tracer.analysis.run.awaited.name_of", lambda nr: syscalls.name_of(nr, "x86_64")
    )


def slept(
    w: World,
    call: str = "",
    state: int = SLEEPING,
    by: int | None = None,
    io_wait: bool = False,
    **depth: int,
) -> None:
    """`main` sleeps from 1110 on, in `call` or in none, and is woken at 1150 on CPU 1: by what runs
    there, a task with the flags `by` (None: nothing does)."""
    w.open()
    if call:
        w.enter(1100, 0, call, 5)
    w.main.io_wait = 0xFF if io_wait else 0xFB
    w.switch(1110, 0, None, state)
    if by is not None:
        w.switch(1120, 1, w.task(900, flags=by))
    w.waking(1150, 1, w.main, **depth)


@pytest.mark.parametrize(
    ("call", "what", "more"),
    [
        ("clock_nanosleep", "timer", {"timer": 1}),
        ("recvfrom", "timer", {"timer": 1}),
        ("epoll_wait", "timed_wait", {"timer": 1}),
        ("recvfrom", "network", {"soft": NET_RX}),
        ("epoll_wait", "network", {"soft": NET_RX}),
        ("read", "other", {"hard": 1}),
        ("read", "other", {"soft": BLOCK}),
        ("read", "process", {"by": 0}),
        ("read", "kernel_thread", {"by": KERNEL_THREAD}),
        ("fdatasync", "disk", {"hard": 1}),
        ("fdatasync", "disk", {"by": KERNEL_THREAD, "state": UNINTERRUPTIBLE}),
        ("fsync", "disk", {"timer": 1, "state": UNINTERRUPTIBLE}),
        ("msync", "disk", {"by": 0}),
        ("pread64", "disk", {"hard": 1, "state": UNINTERRUPTIBLE, "io_wait": True}),
        ("", "disk", {"soft": BLOCK, "state": UNINTERRUPTIBLE, "io_wait": True}),
        ("pread64", "other", {"hard": 1, "state": UNINTERRUPTIBLE}),
        ("pread64", "other", {"hard": 1, "io_wait": True}),
    ],
)
def test_what_ended_a_sleep_tells_what_it_waited_for(
    world: World, call: str, what: str, more: dict[str, int]
) -> None:
    slept(world, call, **more)  # type: ignore[arg-type]
    assert world.awaited(world.main) == {what: 40}
    (wait,) = outside_waits(world.recording())
    assert (wait.awaited, wait.call, wait.times, wait.ns) == (what, call or None, 1, 40)
    assert (wait.waker is None) == ("by" not in more)


def test_a_process_that_sends_over_loopback_is_named(world: World) -> None:
    slept(world, "recvfrom", by=0, soft=NET_RX, raised=1)
    waits = outside_waits(world.recording())
    assert waits == [OutsideWait("network", "recvfrom", Waker(900, "task900"), 1, 40)]


def wait(call: str, ns: int, *at: Descriptor, ended_by: str = "softirq", group: str = "a") -> Wait:
    each = tuple((descriptor, 1, ns // len(at)) for descriptor in at)
    return Wait(1, group, 1, call, ended_by, "done", 1, ns, ns, ns, ns, 0, 0, 0, (), each)


POSTGRES = Descriptor("tcp", own_port=40000, peer="10.0.0.5", peer_port=5432)
CLIENTS = [Descriptor("tcp", own_port=80, peer="fd00::9", peer_port=n) for n in (50001, 50002)]
OWN = Descriptor("tcp", own_port=8080, peer="127.0.0.1", peer_port=40001)
OTHER_END = Descriptor("tcp", own_port=40001, peer="127.0.0.1", peer_port=8080)


@pytest.mark.parametrize(
    ("peer", "rows"),
    [
        ("10.0.0.5:5432", [wait("recvfrom", 40, POSTGRES)]),
        ("10.0.0.5:5432", [wait("recvfrom", 40, POSTGRES), wait("recvfrom", 30, *CLIENTS)]),
        ("fd00::9", [wait("recvfrom", 40, *CLIENTS), wait("recvfrom", 30, POSTGRES)]),
        (None, [wait("recvfrom", 40, *CLIENTS, POSTGRES, Descriptor("pipe"), Descriptor("pipe"))]),
        (None, [wait("read", 40, POSTGRES)]),
        (None, [wait("recvfrom", 40, POSTGRES, ended_by="process")]),
        ("127.0.0.1", [wait("recvfrom", 40, OWN)]),
        ("client", [wait("recvfrom", 40, OWN), wait("poll", 9, OTHER_END, group="client")]),
    ],
)  # fmt: skip
def test_where_packets_came_from(world: World, peer: str | None, rows: list[Wait]) -> None:
    slept(world, "recvfrom", hard=1, soft=NET_RX)
    recording = replace(world.recording(), probes={"waits": WaitsRecord(tuple(rows), 0)})
    assert outside_waits(recording) == [OutsideWait("network", "recvfrom", None, 1, 40, peer)]


def test_a_thread_of_the_target_that_wakes_another_is_not_awaited_outside(world: World) -> None:
    world.open()
    other = world.create_reader()
    world.waking(1090, 0, other)
    assert world.awaited(other) == {}
    assert outside_waits(world.recording()) == []


def test_it_goes_along_with_the_path(world: World) -> None:
    slept(world, "fdatasync", hard=1)
    world.switch(1160, 0, world.main)
    world.leave(1170, 0)
    other = world.create(1180, 0, 101)
    assert world.awaited(other) == {"disk": 40}


def test_sleeps_before_the_window_are_not_counted(world: World) -> None:
    world.start()
    world.enter(140, 0, "read", 5)
    world.switch(150, 0, None, SLEEPING)
    world.waking(160, 1, world.main, hard=1)
    world.switch(170, 0, world.main)
    world.leave(180, 0, 1)
    world.read_go()
    assert world.awaited(world.main) == {}
    assert outside_waits(world.recording()) == []


def test_sleeps_of_one_kind_are_summed_up(world: World) -> None:
    slept(world, "read", by=0)
    for at in (1200, 1300):
        world.switch(at, 0, world.main)
        world.switch(at + 10, 0, None, SLEEPING)
        world.waking(at + 30, 1, world.main)
    (wait,) = outside_waits(world.recording())
    assert (wait.times, wait.ns) == (3, 80)
