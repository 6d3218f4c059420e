"""Probe syscalls on hand-written calls."""

from __future__ import annotations

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
