"""Folded stacks."""

from __future__ import annotations

import pytest
from harness.profiled import (
    IN_RECV,
    PROFILE,
    WALL,
    frame,
    random_profile,
    sample,
    stack,
    thread,
)

from tracer.analysis.run.ledger import Ledger
from tracer.analysis.where.pieces import path_pieces, thread_pieces
from tracer.model.profile import Profile, ThreadSample
from tracer.report.exports.folded import folded


def test_from_root_to_part() -> None:
    assert folded(path_pieces(PROFILE, WALL)).splitlines() == [
        "(no sample);[sleep] 2",
        "(no sample);[unknown] 1",
        "ring::pass_on;recv;[syscall:io recvfrom] 30001",
        "ring::pass_on;recv;[wakeup:idle recvfrom] 10000",
        "ring::pass_on;ring::spin;[user] 59999",
    ]


def test_names_cannot_break_the_format() -> None:
    names = ["a;b 12", "new\nline 7", "<[u8; 4] as ring::X>::y", "\x1b[31mred", "\udcff", "tab\t"]
    profile = Profile((sample("user", 1, stack(*map(frame, names))),))
    text = folded(path_pieces(profile, Ledger(9, {"user": 9})))
    assert text.count("\n") == 1 and text.endswith(" 9\n")
    stacked, _, count = text.rpartition(" ")
    assert count == "9\n" and len(stacked.split(";")) == len(names) + 1
    assert text[:-1].isprintable() and text.encode()


@pytest.mark.parametrize("seed", range(20))
def test_counts_sum_to_the_window(seed: int) -> None:
    profile, wall = random_profile(seed)
    text = folded(path_pieces(profile, wall))
    assert sum(int(line.rpartition(" ")[2]) for line in text.splitlines()) == wall.total_ns


def test_all_threads_are_under_their_groups() -> None:
    samples = [
        ThreadSample(thread(1, "w-*"), "blocked:io", 70, "read", IN_RECV),
        ThreadSample(thread(2, "w-*"), "blocked:io", 7, "read", IN_RECV),
        ThreadSample(thread(3, "main"), "user", 5),
    ]
    assert folded(thread_pieces(samples), by_thread=True).splitlines() == [
        "main;(no stack);[user] 5",
        "w-*;ring::pass_on;recv;[blocked:io read] 77",
    ]
