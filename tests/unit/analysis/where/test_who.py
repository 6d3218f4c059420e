"""Who was on the path: rows that sum to the window, by what processes are for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness.profiled import PROFILE, WALL, random_profile

from tracer.analysis.where.who import Doing, who
from tracer.model.profile import Profile


def of_processes(profile: Profile, tgids: dict[int, int]) -> Profile:
    """The same with the process of each thread, by slot."""
    samples = tuple(
        replace(one, thread=replace(one.thread, tgid=tgids[one.thread.slot]))
        for one in profile.samples
    )
    return replace(profile, samples=samples)


def test_one_group_of_threads() -> None:
    found = who(PROFILE, WALL, {})
    (row,) = found.rows
    assert (row.role, row.group, row.processes) == ("", "hop-*", 1)
    assert row.ns == 59_999 + 30_001 + 10_000
    assert row.doing == (
        Doing("user", None, 59_999),
        Doing("syscall:io", "recvfrom", 30_001),
        Doing("wakeup:idle", "recvfrom", 10_000),
    )
    assert found.unsampled_ns == 3 == found.window_ns - row.ns
    assert (found.points, found.grid_ns) == (100, 1000)


def test_processes_for_the_same_are_one_row() -> None:
    profile = of_processes(PROFILE, {1: 7, 2: 8, 3: 9})
    found = who(profile, WALL, {7: "db: writer", 8: "db: reader", 9: "db: writer"})
    processes = {row.role: row.processes for row in found.rows}
    assert processes == {"db: writer": 2, "db: reader": 1}
    assert [row.ns for row in found.rows] == [59_999, 40_001]
    assert all(row.error is not None and 0 < row.error < 1 for row in found.rows)


@pytest.mark.parametrize("seed", range(20))
def test_rows_sum_to_the_window(seed: int) -> None:
    profile, wall = random_profile(seed)
    found = who(profile, wall, {})
    assert sum(row.ns for row in found.rows) + found.unsampled_ns == wall.total_ns
    assert all(sum(one.ns for one in row.doing) == row.ns for row in found.rows)


def test_few_points_have_no_error() -> None:
    profile = replace(PROFILE, samples=(replace(PROFILE.samples[0], points=5),))
    (row,) = who(profile, WALL, {}).rows
    assert row.error is None
