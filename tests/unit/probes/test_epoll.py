"""Probe epoll: its C on hand-written events, its report on hand-made records."""

from __future__ import annotations

import ctypes
import json
from pathlib import Path

import jsonschema
import pytest
from harness.machine import Machine
from harness.world import UNINTERRUPTIBLE, World

from tracer.model.section import Scale, Table
from tracer.probes import epoll
from tracer.probes.epoll import EpollRecord, PollCall

SCHEMA = Path(__file__).parents[3] / "docs" / "schema" / "tracer.run-2.json"
MS = 1_000_000
EAGAIN, EINTR, ERESTARTNOHAND, EBADF = -11, -4, -514, -9
FOREVER = -1


PROBES = ("epoll", "sched", "syscalls")


@pytest.fixture
def world(built: Machine) -> World:
    return World(built)


def only(w: World) -> PollCall:
    """The one kind of call that was made."""
    (call,) = w.recorded("epoll").calls
    return call


def test_at_once_and_asleep(w: World) -> None:
    w.enter(1100, 0, "epoll_wait", 3, 0, 64, FOREVER)
    w.leave(1110, 0, 2)
    w.enter(1200, 0, "epoll_wait", 3, 0, 64, FOREVER)
    w.sleep(1210, 1300)
    w.leave(1320, 0, 5)
    call = only(w)
    assert (call.name, call.calls, call.events) == ("epoll_wait", 2, 7)
    assert (call.at_once.count, call.at_once.sum_ns) == (1, 10)
    assert (call.blocked.count, call.blocked.sum_ns) == (1, 120)
    assert call.ready.max_ns == 5
    assert (call.empty, call.timed_out, call.for_nothing) == (0, 0, 0)


def test_preemption_and_a_wait_for_a_kernel_lock_are_no_sleep(w: World) -> None:
    w.enter(1100, 0, "epoll_wait", 3, 0, 64, FOREVER)
    w.switch(1110, 0, None)
    w.switch(1120, 0, w.main)
    w.sleep(1130, 1140, UNINTERRUPTIBLE)
    w.leave(1150, 0, 1)
    call = only(w)
    assert (call.at_once.count, call.blocked.count, call.for_nothing) == (1, 0, 0)


def test_a_sleep_begun_before_the_window_counts_with_its_time_inside(world: World) -> None:
    world.start()
    other = world.create_sleeper("epoll_wait", 3, 0, 64, FOREVER)
    world.read_go()
    world.waking(1100, 0, other)
    world.switch(1105, 2, other)
    world.leave(1150, 2, 1)
    call = only(world)
    assert (call.blocked.count, call.blocked.sum_ns) == (1, 150)


def test_empty_returns_and_time_outs(w: World) -> None:
    w.enter(1100, 0, "epoll_wait", 3, 0, 64, 0)
    w.leave(1110, 0, 0)
    w.enter(2000, 0, "epoll_wait", 3, 0, 64, 1)
    w.sleep(2010, 2000 + MS)
    w.leave(2020 + MS, 0, 0)
    call = only(w)
    assert (call.empty, call.empty_ns) == (1, 10)
    assert (call.timed_out, call.for_nothing) == (1, 0)
    assert call.ready.count == 0


def test_wake_ups_without_an_event(w: World) -> None:
    w.enter(1100, 0, "epoll_wait", 3, 0, 64, FOREVER)
    for start in (1200, 1300, 1400):  # woken three times, twice to sleep again
        w.sleep(start, start + 50)
    w.leave(1500, 0, 1)
    w.enter(1600, 0, "epoll_wait", 3, 0, 64, 1)
    w.sleep(1610, 1700)
    w.leave(1710, 0, 0)  # long before its time-out
    call = only(w)
    assert call.for_nothing == 3
    assert call.timed_out == 0


@pytest.mark.parametrize(
    ("name", "place", "factor"),
    [("epoll_pwait2", 3, 1), ("ppoll", 2, 1), ("select", 4, 1000), ("pselect6", 4, 1)],
)
def test_time_outs_behind_a_pointer(w: World, name: str, place: int, factor: int) -> None:
    def call(at: int, end: int, result: int, time: tuple[int, int] | None) -> None:
        given = (ctypes.c_int64 * 2)(*(time or ()))
        arguments = [0] * 6
        arguments[place] = ctypes.addressof(given) if time else 0
        w.enter(at, 0, name, *arguments)
        w.leave(end, 0, result)

    call(1100, 1110, 0, (0, 0))
    call(1200, 1200 + 2 * MS, 0, (0, 2 * MS // factor))
    call(3 * MS, 3 * MS + 10, 0, (1, 0))
    call(4 * MS, 4 * MS + 10, 1, None)
    merged = only(w)
    assert merged.name == name
    assert (merged.empty, merged.timed_out, merged.for_nothing, merged.events) == (1, 1, 1, 1)


def test_poll_has_its_time_out_in_its_third_argument(w: World) -> None:
    w.enter(1100, 0, "poll", 0, 1, 0, 99)
    w.leave(1110, 0, 0)
    assert (only(w).name, only(w).empty) == ("poll", 1)


def test_signals_and_failures(w: World) -> None:
    for number, result in enumerate((EINTR, ERESTARTNOHAND, EBADF)):
        w.enter(1100 + 100 * number, 0, "epoll_pwait", 3, 0, 64, FOREVER)
        w.leave(1150 + 100 * number, 0, result)
    assert (only(w).interrupted, only(w).failed) == (2, 1)


def test_receives_without_data(w: World) -> None:
    for number, name in enumerate(("read", "readv", "recvfrom", "recvmsg", "recvmmsg")):
        w.enter(1100 + 100 * number, 0, name, 5)
        w.leave(1150 + 100 * number, 0, EAGAIN if number % 2 else 1)
    w.enter(1700, 0, "write", 5)
    w.leave(1710, 0, EAGAIN)
    record = w.recorded("epoll")
    assert (record.receives, record.again) == (5, 2)
    assert record.calls == ()


def test_calls_of_the_class_that_do_not_wait_are_left_out(w: World) -> None:
    w.enter(1100, 0, "epoll_ctl", 3)
    w.leave(1110, 0, 0)
    assert w.recorded("epoll").calls == ()


# ---- the report ----

SCALE = Scale("hop", 10, 10_000)


def poll_call(machine: Machine, **changed: object) -> PollCall:
    from tracer.model.histogram import Histogram

    values: dict[str, object] = {
        "name": "epoll_wait",
        **dict.fromkeys(("empty", "empty_ns", "timed_out", "interrupted", "failed"), 0),
        "for_nothing": 0,
        "at_once": Histogram.merged(machine.hist_of([700] * 30)),
        "blocked": Histogram.merged(machine.hist_of([40_000] * 10)),
        "ready": Histogram.merged(machine.hist_of([1, 2, 3, 3, 16, 31, 32])),
    }
    return PollCall(**{**values, **changed})  # type: ignore[arg-type]


def test_report_of_a_calm_program(built: Machine) -> None:
    section = epoll.PROBE.report(EpollRecord((poll_call(built),), 20, 10), SCALE)
    tables = [block for block in section.blocks if isinstance(block, Table)]
    assert tables[0].rows == [["epoll_wait", "40", "4.00", "30", "10", "0", "0", "0"]]
    assert [row[:2] for row in tables[2].rows] == [
        ["1", "1"],
        ["2 to 3", "3"],
        ["16 to 31", "2"],
        ["32 to 63", "1"],
    ]
    text = " ".join(block for block in section.blocks if isinstance(block, str))
    assert "Busy" not in text
    assert "10 of 20 receives found nothing (EAGAIN), 0.11 per event; 88 events" in text
    assert section.data["ready"][1] == {"from": 2, "returns": 3}
    assert section.data["calls"][0]["slept_ns"]["count"] == 10
    schema = json.loads(SCHEMA.read_text())
    part = {**schema["properties"]["epoll"], "$defs": schema["$defs"]}
    jsonschema.Draft202012Validator(part).validate(json.loads(json.dumps(section.data)))


@pytest.mark.parametrize(
    ("empty", "empty_ns", "text"),
    [(20, 2_000, None), (21, 2_000, "Busy polling: 52.5 %"), (21, 1_000, "52.5 %")],
    ids=["half of the calls", "more, and long", "more, but short"],
)
def test_busy_polling_is_named_by_calls_and_time(
    built: Machine, empty: int, empty_ns: int, text: str | None
) -> None:
    record = EpollRecord((poll_call(built, empty=empty, empty_ns=empty_ns),), 0, 0)
    section = epoll.PROBE.report(record, SCALE)
    first = section.blocks[0]
    assert section.data["busy_polling"] is (text is not None and text.startswith("Busy"))
    if text is None:
        assert isinstance(first, Table)
        return
    assert isinstance(first, str)
    assert first.startswith(f"{text} of the calls (21, epoll_wait)")
    assert "2.10 per hop" in first and f"{empty_ns / 100:.1f} % of the window" in first
    assert ("not busy polling" in first) is not section.data["busy_polling"]


def test_report_without_any_call() -> None:
    section = epoll.PROBE.report(EpollRecord((), 3, 0), SCALE)
    assert section.blocks == ["no epoll, poll or select call was made"]
