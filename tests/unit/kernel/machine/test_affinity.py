"""Which call chose a thread's CPUs: its own, another thread's for it, or its creator's."""

from __future__ import annotations

import ctypes

import pytest
from harness.world import Task, World

MASK = (ctypes.c_uint64 * 20)(5, *[0] * 14, 1 << 63, 77)


@pytest.fixture
def second(w: World) -> Task:
    """A second thread, running on CPU 1."""
    thread = w.create(1020, 0, 101)
    w.switch(1030, 1, thread)
    w.leave(1040, 1)
    return thread


def choose(w: World, at: int, tid: int = 0, size: int = 128, result: int = 0) -> None:
    """The thread on CPU 0 calls sched_setaffinity."""
    w.enter(at, 0, "sched_setaffinity", tid, size, ctypes.addressof(MASK))
    w.leave(at + 10, 0, result)


def rows(w: World) -> list[tuple[int, list[int]]]:
    made = w.m.arrays["affinities"][1 : int(w.m.arrays.ctl["affinities"]) + 1]
    return [(int(row["ns"]), row["mask"].tolist()) for row in made]


def test_a_thread_that_chooses_its_own(w: World, second: Task) -> None:
    choose(w, 1100)
    choose(w, 1200, w.main.pid, size=8)
    assert rows(w) == [(1110, list(MASK)[:16]), (1210, [5, *[0] * 15])]
    assert (int(w.row(w.main)["affinity"]), int(w.row(second)["affinity"])) == (2, 0)


def test_a_mask_longer_than_is_kept_is_cut(w: World) -> None:
    choose(w, 1100, size=160)
    assert rows(w) == [(1110, list(MASK)[:16])]


def test_a_thread_that_chooses_for_another_one(w: World, second: Task) -> None:
    choose(w, 1100, second.pid)
    assert (int(w.row(w.main)["affinity"]), int(w.row(second)["affinity"])) == (0, 1)


def test_a_new_thread_has_its_creators(w: World) -> None:
    choose(w, 1100)
    child = w.create(1200, 0, 105)
    assert int(w.row(child)["affinity"]) == 1


def test_a_call_that_fails_and_one_for_a_stranger_choose_nothing(w: World) -> None:
    choose(w, 1100, result=-22)
    choose(w, 1200, tid=4000)
    assert rows(w) == []
    assert int(w.row(w.main)["affinity"]) == 0


def test_more_calls_than_rows(w: World) -> None:
    kept = len(w.m.arrays["affinities"]) - 2
    w.m.arrays.ctl["affinities"] = kept - 1
    choose(w, 1100)
    assert int(w.row(w.main)["affinity"]) == kept
    choose(w, 1200)
    choose(w, 1300)
    assert int(w.row(w.main)["affinity"]) == kept + 1
    assert int(w.m.arrays["affinities"][-1]["ns"]) == 0
