"""Probe waits: its C on hand-written events, what descriptors are, its section."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from harness.machine import Machine
from harness.world import SLEEPING, UNINTERRUPTIBLE, World

from tracer.model.probe import Context
from tracer.model.section import Scale
from tracer.model.threads import SLOT_BITS
from tracer.probes import waits
from tracer.probes.waits import LOOP_POLLS, Descriptor, Wait, WaitsRecord
from tracer.report.run.text import _section

PROBES = ("sched", "syscalls", "waits")
MS = 1_000_000


@pytest.fixture
def world(built: Machine) -> World:
    return World(built)


def found(w: World) -> list[Wait]:
    return list(w.recorded("waits").waits)


def test_a_call_that_slept_with_what_woke_it(w: World) -> None:
    w.enter(1100, 0, "read", 5)
    w.sleep(1110, 1300)  # comes in at 1305
    w.leave(1310, 0, 42)
    (wait,) = found(w)
    assert (wait.pid, wait.threads, wait.call) == (100, 1, "read")
    assert (wait.ended_by, wait.outcome) == ("other_process", "done")
    assert (wait.calls, wait.total_ns, wait.bytes) == (1, 195, 42)
    assert (wait.least_ns, wait.longest_ns, wait.bands) == (195, 195, ((0, 1, 195),))
    assert wait.descriptors == () and (wait.span_ns, wait.of_pool) == (210, 0)


def test_a_call_that_did_not_sleep_and_one_that_was_pushed_off_are_none(w: World) -> None:
    w.enter(1100, 0, "read", 5)
    w.leave(1110, 0, 1)
    w.enter(1120, 0, "read", 5)
    w.switch(1130, 0, None)
    w.switch(1140, 0, w.main)
    w.leave(1150, 0, 1)
    assert found(w) == []


def test_a_sleep_for_the_disk_counts(w: World) -> None:
    w.enter(1100, 0, "fdatasync", 5)
    w.sleep(1110, 1200, UNINTERRUPTIBLE)
    w.leave(1210, 0, 0)
    assert [(wait.call, wait.total_ns) for wait in found(w)] == [("fdatasync", 95)]


def test_a_sleep_in_an_earlier_call_is_not_the_next_ones(w: World) -> None:
    w.enter(1100, 0, "read", 5)
    w.sleep(1110, 1200)
    w.leave(1210, 0, 1)
    w.enter(1220, 0, "write", 5)
    w.switch(1230, 0, None)
    w.switch(1240, 0, w.main)
    w.leave(1250, 0, 1)
    assert [(wait.call, wait.total_ns) for wait in found(w)] == [("read", 95)]


def timed(w: World, at: int, ns: int, call: str, result: int, *arguments: int) -> None:
    """A call that a timer ends after some `ns`."""
    w.enter(at, 0, call, *arguments)
    w.switch(at, 0, None, SLEEPING)
    w.waking(at + ns, 2, w.main, timer=1)
    w.switch(at + ns, 0, w.main)
    w.leave(at + ns, 0, result)


@pytest.mark.parametrize(
    ("call", "result", "outcome"),
    [
        ("recvfrom", 8, "done"),
        ("recvfrom", -11, "timed_out"),
        ("epoll_wait", 0, "timed_out"),
        ("futex", -110, "timed_out"),
        ("futex", 0, "done"),
        ("nanosleep", 0, "done"),
        ("nanosleep", -516, "interrupted"),
        ("poll", -4, "interrupted"),
        ("connect", -111, "failed"),
    ],
)
def test_how_calls_end(w: World, call: str, result: int, outcome: str) -> None:
    timed(w, 1100, 50, call, result)
    (wait,) = found(w)
    assert (wait.ended_by, wait.outcome) == ("timer", outcome)


def test_bands_are_octaves_with_exact_sums(w: World) -> None:
    for number, ns in enumerate((65_535, 65_536, 40 * MS, 44 * MS, 200 * MS)):
        timed(w, (number + 1) * 1000 * MS, ns, "recvfrom", 8, 5)
    (wait,) = found(w)
    assert wait.bands == (
        (0, 1, 65_535), (1 << 16, 1, 65_536), (1 << 25, 2, 84 * MS), (1 << 27, 1, 200 * MS)
    )  # fmt: skip
    assert (wait.least_ns, wait.longest_ns) == (65_535, 200 * MS)


def test_calls_of_the_next_window_do_not_tell_when_those_of_this_one_were(w: World) -> None:
    timed(w, 1100, 50, "read", 1, 5)
    w.close(1500)
    rows = w.m.arrays["wait_places"]
    (at,) = np.flatnonzero(rows["calls"])
    rows["epoch"][at] += 1
    rows["first_ns"][at], rows["last_ns"][at] = 1510, 1511
    (wait,) = found(w)
    assert (wait.total_ns, wait.span_ns) == (50, 500)


def test_a_call_from_before_the_window_began_with_the_window(world: World) -> None:
    world.start()
    other = world.create_sleeper("read", 5)
    world.read_go()
    world.switch(1050, 2, world.tracer)
    world.waking(1100, 2, other)
    world.switch(1200, 2, other)
    world.leave(1210, 2, 3)
    (wait,) = found(world)
    assert (wait.total_ns, wait.span_ns) == (200, 210)


def test_threads_that_also_wait_for_a_futex_may_be_a_pool(w: World) -> None:
    timed(w, 1100, 50, "read", 1)
    timed(w, 1200, 50, "futex", 0)
    assert {wait.call: wait.of_pool for wait in found(w)} == {"read": 1, "futex": 1}


def test_how_often_the_thread_of_a_wait_polled(w: World) -> None:
    """Also where its polls never sleep, since there is always something to do."""
    timed(w, 1100, 50, "nanosleep", 0)
    for number in range(12):
        w.enter(2000 + 20 * number, 0, "epoll_pwait", 3)
        w.leave(2010 + 20 * number, 0, 1)
    w.enter(2900, 0, "epoll_ctl", 3)  # none of those that wait
    w.leave(2910, 0, 0)
    assert [(wait.call, wait.polls) for wait in found(w)] == [("nanosleep", 12)]


def test_a_thread_with_an_event_loop_has_a_row_of_its_own(w: World) -> None:
    timed(w, 1100, 50, "nanosleep", 0)
    timed(w, 1200, 50, "futex", 0)
    arrays = dict(w.m.arrays)
    rows = arrays["wait_places"] = arrays["wait_places"].copy()
    there = np.flatnonzero(rows["key"])
    free = np.flatnonzero(rows["key"] == 0)[: len(there)]
    rows[free] = rows[there]
    rows["key"][free] += np.uint64(1)  # the same calls of the next slot's thread
    births = arrays["threads"] = arrays["threads"].copy()
    slot = int(rows["key"][there[0]]) & ((1 << SLOT_BITS) - 1)
    births["birth_ns"][slot + 1] = births["birth_ns"][slot]
    arrays["wait_polls"] = arrays["wait_polls"].copy()
    arrays["wait_polls"][slot] = LOOP_POLLS
    context = Context({slot: "python3", slot + 1: "python3"})
    record = waits.PROBE.read(arrays, context)
    seen = sorted((wait.call, wait.threads, wait.polls) for wait in record.waits)
    assert seen == [("futex", 2, 0), ("nanosleep", 1, 0), ("nanosleep", 1, LOOP_POLLS)]


def test_each_descriptor_has_a_row_and_they_are_one_kind_of_wait(w: World) -> None:
    for number, fd in enumerate((5, 6, 5)):
        timed(w, 2000 + 1000 * number, 100, "read", 1, fd)
    rows = w.m.arrays["wait_places"]
    keys = rows["key"][rows["key"] != 0]
    assert sorted((keys >> np.uint64(32)).tolist()) == [6, 7]
    assert [(wait.calls, wait.threads) for wait in found(w)] == [(3, 1)]


def test_a_poll_on_one_descriptor_is_on_that_one(w: World) -> None:
    one = (ctypes.c_int32 * 4)(9, 1, 11, 1)
    timed(w, 2000, 100, "poll", 0, ctypes.addressof(one), 1)
    timed(w, 3000, 100, "poll", 0, ctypes.addressof(one), 2)
    rows = w.m.arrays["wait_places"]
    keys = rows["key"][rows["key"] != 0]
    assert sorted((keys >> np.uint64(32)).tolist()) == [0, 10]


def test_a_full_table_is_told(w: World) -> None:
    w.m.arrays["wait_places"]["key"] = 1
    timed(w, 2000, 100, "read", 1, 5)
    assert w.recorded("waits").unplaced == 1


# ---- descriptors ----


def row(**fields: Any) -> np.void:
    kind = np.dtype(
        [(n, "u4") for n in ("mode", "family", "protocol", "own_port", "peer_port", "peer_pid")]
        + [("inode", "u8"), ("peer", "u4", (4,)), ("file", "S32")]  # type: ignore[list-item]
    )
    found = np.zeros(1, kind)
    for name, value in fields.items():
        found[name] = value
    return found[0]  # type: ignore[no-any-return]


LOCAL = int.from_bytes(bytes([127, 0, 0, 1]), "little")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"mode": 0o100644, "inode": 7, "file": b"wal.log"}, "file wal.log"),
        ({"mode": 0o010644, "inode": 7, "file": b"a"}, "pipe a"),
        ({"mode": 0o010600, "inode": 7}, "pipe"),
        ({"mode": 0o020666, "inode": 7, "file": b"null"}, "device null"),
        ({"mode": 0o600, "inode": 7, "file": b"[eventpoll]"}, "eventpoll"),
        (
            {"mode": 0o140777, "family": 2, "protocol": 6, "own_port": 40000, "peer_port": 5432,
             "peer": [LOCAL, 0, 0, 0]},
            "tcp 127.0.0.1:5432",
        ),
        ({"mode": 0o140777, "family": 2, "protocol": 6, "own_port": 80}, "tcp port 80"),
        (
            {"mode": 0o140777, "family": 10, "protocol": 17, "own_port": 9, "peer_port": 53,
             "peer": [0, 0, 0, 1 << 24]},
            "udp [::1]:53",
        ),
        ({"mode": 0o140777, "family": 1, "peer_pid": 7}, "unix socket"),
    ],
)  # fmt: skip
def test_what_a_descriptor_is(fields: dict[str, Any], text: str) -> None:
    found = waits._descriptor(row(**fields))
    assert found is not None and found.text == text


def test_no_descriptor() -> None:
    assert waits._descriptor(row()) is None


# ---- the section ----


def test_the_section(validate: Callable[[str, Any], None]) -> None:
    on = (Descriptor("tcp", "", 40000, "127.0.0.1", 5432), 59, 2_600 * MS)
    wait = Wait(
        77, "python3", 1, "recvfrom", "timer", "done", 59, 2_600 * MS, 40 * MS, 48 * MS,
        2_640 * MS, 0, 0, 5900,
        ((1 << 25, 59, 2_600 * MS),), (on,),
    )  # fmt: skip
    section = waits._report(WaitsRecord((wait,), 3), Scale("run", 1, 1))
    validate("waits", section.data)
    text = "\n".join(_section(section))
    assert "woken by  calls  asleep, s  max, ms\n" in text
    row = next(line for line in text.splitlines() if line.startswith("python3 "))
    assert row.split()[-3:] == ["59", "2.60", "48"]
    assert "3 calls are in no line" in text
    validate("waits", waits._report(WaitsRecord((), 0), Scale("run", 1, 1)).data)
