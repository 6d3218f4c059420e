"""Probe syscalls on hand-written calls."""

from __future__ import annotations

from harness.machine import NUMBER
from harness.world import World

from tracer.probes.syscalls import CallRecord


def calls(w: World) -> dict[str, CallRecord]:
    return {call.name: call for call in w.recorded("syscalls")}


def test_counts_of_calls_and_errors_beyond_32_bits(w: World) -> None:
    """As after 71 minutes of a million failing calls a second, and one more."""
    w.enter(1010, 0, "read")
    w.leave(1020, 0, -11)
    stats = w.m.arrays["call_stats"]
    for counts in (stats["ns"]["buckets"], stats["errors"]):
        counts[counts == 1] = 2**32
    w.enter(1030, 0, "read")
    w.leave(1040, 0, -11)
    read = calls(w)["read"]
    assert read.times.count == 2**32 + 1
    assert read.errors == {"EAGAIN": 2**32 + 1}


def test_every_call_has_a_row_and_the_late_ones_a_shared_one(w: World) -> None:
    """More different calls than there are rows by CPU; each fails once and sleeps in vain once."""
    names = sorted(NUMBER, key=NUMBER.__getitem__)
    at = 2000
    for _ in range(2):
        for index, name in enumerate(names):
            at += 100
            w.enter(at, 0, name)
            w.leave(at + 10 + index % 3, 0, -(index % 140) if index % 2 else 5)
    found = calls(w)
    assert sorted(found) == sorted(names)
    assert all(found[name].times.count == 2 for name in names)
    assert all(found[name].times.sum_ns == 2 * (10 + i % 3) for i, name in enumerate(names))
    assert all(found[name].times.max_ns == 10 + i % 3 for i, name in enumerate(names))
    assert all(
        sum(found[name].errors.values()) == (2 if index % 2 and index % 140 else 0)
        for index, name in enumerate(names)
    )
    assert int(w.m.arrays["shared_call_stats"]["ns"]["buckets"].sum()) > 2 * (len(names) - 64)
    assert w.losses() == {}


def test_a_32_bit_call_is_counted_apart_under_its_own_name(w: World) -> None:
    w.enter_number(1010, 0, 20, compat=True)
    w.leave(1020, 0)
    w.enter_number(1030, 0, 20)
    w.leave(1050, 0)
    found = {name: (call.cls, call.times.sum_ns) for name, call in calls(w).items()}
    assert found == {"i386 getpid": ("process", 10), "writev": ("io", 20)}
    assert w.path(w.main) == {"user": 20, "syscall:process": 10, "syscall:io": 20}


def test_numbers_beyond_the_table_are_counted(w: World) -> None:
    """A call of x32, one that ptrace has skipped, and a number that i386 does not have."""
    for at, number, compat in (
        (1010, 1 << 30 | 39, False),
        (1030, 2**32 - 1, False),
        (1050, 9999, True),
    ):
        w.enter_number(at, 0, number, compat=compat)
        w.leave(at + 5, 0, -38)
    assert {name: call.times.count for name, call in calls(w).items()} == {
        "other numbers": 2,
        "i386 other numbers": 1,
    }
