"""Who was on the path, as a report says it."""

from __future__ import annotations

from dataclasses import replace

from harness.summarized import planted_summary

from tracer.analysis.where.who import Doing, OnPath, Who
from tracer.report.run.who import in_short, who

ROWS = (
    OnPath("db: writer", "db", 2, 60, 0.03, (Doing("external", "fdatasync", 50, "disk"),
                                             Doing("user", None, 10))),
    OnPath("python3 a.py", "pool-*", 1, 30, 0.02, (Doing("syscall:io", "read", 30),)),
    OnPath("", "m\x1b", 1, 5, None, (Doing("user", None, 5),)),
)  # fmt: skip


def test_rows_with_what_they_did() -> None:
    found = Who(100, 997_000, 1234, (*ROWS, *[ROWS[2]] * 4), 5)
    lines = who(planted_summary(who=found), 100)
    assert lines[0] == "Who was on the path: 1,234 samples, one every 997 us"
    assert [line.split("  ")[0] for line in lines[3:6]] == [
        "2 x db: writer",
        "python3 a.py: pool-*",
        r"m\x1b",
    ]
    assert "waiting for the disk (fdatasync) 50 %, own code 10 %" in lines[3]
    assert "I/O (read) 30 %" in lines[4]
    assert lines[-1] == "and 2 more groups of threads, 10.0 % in all"
    for width in (60, 80, 100):
        assert max(map(len, who(planted_summary(who=found), width))) <= max(width, 72)


def test_nothing_without_samples() -> None:
    assert who(planted_summary(), 100) == []
    assert who(planted_summary(who=Who(100, 997_000, 0, (), 100)), 100) == []


def test_the_first_two_in_one_line() -> None:
    found = Who(100, 997_000, 1234, ROWS, 5)
    assert in_short(planted_summary(who=found)) == [
        "On the path: 2 x db: writer 60 % (waiting for the disk (fdatasync) 50 %), python3 a.py:"
        " pool-* 30 % (I/O (read) 30 %)"
    ]
    assert in_short(planted_summary(who=Who(100, 997_000, 9, ROWS[:1], 5))) == []
    assert in_short(planted_summary()) == []
    small = (ROWS[0], replace(ROWS[1], ns=4))
    assert "python3" not in in_short(planted_summary(who=Who(100, 997_000, 9, small, 36)))[0]
