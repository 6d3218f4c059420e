"""States in bins of time, against the same counted nanosecond by nanosecond."""

from __future__ import annotations

import numpy as np
import pytest

from tracer.analysis.events import binned
from tracer.analysis.events.replay import (
    CALL_DTYPE,
    CPU_DTYPE,
    PATH_DTYPE,
    SCHED_DTYPE,
    SEGMENT_DTYPE,
    THREAD_DTYPE,
    Replayed,
)
from tracer.model.states import OWN_PARTS

START, END, THREADS, BINS = 5_000_000_000_000, 5_000_000_001_200, 9, 12
#: Three kinds: the last one is sleep.
KIND_OF = [number % 3 for number in range(len(OWN_PARTS))]


def replayed(segments: list[tuple[int, int, int, int]]) -> Replayed:
    """Of segments of thread, part, start and end in the window; they are the path too."""
    rows = np.zeros(len(segments), SEGMENT_DTYPE)
    path = np.zeros(len(segments), PATH_DTYPE)
    for number, (thread, part, start, end) in enumerate(segments):
        for table in (rows, path):
            table[number]["thread"], table[number]["part"] = thread, part
            table[number]["start_ns"], table[number]["end_ns"] = START + start, START + end
            table[number]["nr"] = -1 if part % 2 else part
    empty = {
        name: np.zeros(0, dtype)
        for name, dtype in (("cpus", CPU_DTYPE), ("calls", CALL_DTYPE), ("sched", SCHED_DTYPE))
    }
    return Replayed(
        START, END, 0, threads=np.zeros(THREADS, THREAD_DTYPE), segments=rows, path=path,
        numbers={}, **empty,
    )  # fmt: skip


@pytest.fixture(params=range(3))
def segments(request: pytest.FixtureRequest) -> list[tuple[int, int, int, int]]:
    """Each thread's states, from somewhere to somewhere; thread 8 was never there."""
    random = np.random.default_rng(request.param)
    found = []
    for thread in range(THREADS - 1):
        at = int(random.integers(0, 400))
        while at < END - START:
            end = min(at + int(random.integers(1, (3, 60, 900)[request.param])), END - START)
            found.append((thread, int(random.integers(0, len(OWN_PARTS))), at, end))
            at = end
    return found


def counted(segments: list[tuple[int, int, int, int]]) -> np.ndarray:
    """By the nanosecond: ns of thread, kind, bin."""
    width = (END - START) // BINS
    times = np.zeros((THREADS, 3, BINS))
    for thread, part, start, end in segments:
        for ns in range(start, end):
            times[thread, KIND_OF[part], ns // width] += 1
    return times


def test_numbers_are_those_counted(segments: list[tuple[int, int, int, int]]) -> None:
    numbers = binned.numbers(replayed(segments), KIND_OF, 3, BINS)
    expected = counted(segments).sum(axis=0) * BINS / (END - START)
    assert numbers == pytest.approx(expected, abs=1e-9)


def test_lanes_show_what_was_done_most(segments: list[tuple[int, int, int, int]]) -> None:
    found = binned.lanes(replayed(segments), KIND_OF, 2, BINS, 100, 0.05)
    times = counted(segments)
    awake = times[:, :2].sum(axis=(1, 2))
    assert sorted(found.rows) == list(range(THREADS - 1)) and found.left_out == 0
    assert list(awake[found.rows]) == sorted(awake[: THREADS - 1], reverse=True)
    for row, cells in zip(found.rows, found.cells, strict=True):
        for number, cell in enumerate(cells):
            whole, own = times[row, :, number].sum(), times[row, :2, number]
            if not whole:
                assert cell == -1
            elif own.sum() < 0.05 * whole:
                assert cell == 2
            else:
                assert own[cell] == own.max()


def test_the_busiest_threads_are_kept() -> None:
    segments = [(thread, 0, 0, 10 * (thread + 1)) for thread in range(5)]
    found = binned.lanes(replayed(segments), KIND_OF, 2, BINS, 2, 0.05)
    assert found.rows.tolist() == [4, 3] and found.left_out == 3


def test_the_path_is_joined_within_bins_and_keeps_its_time() -> None:
    segments = [(0, 0, 0, 40), (1, 0, 40, 50), (0, 0, 50, 90), (0, 1, 90, 700), (2, 2, 700, 1200)]
    pieces = binned.path(replayed(segments), [0, 0, 1, *[1] * (THREADS - 3)], BINS)
    assert [(one.group, one.part, one.nr, one.ns) for one in pieces] == [
        (0, 0, 0, 90),
        (0, 1, -1, 610),
        (1, 2, 2, 500),
    ]
    assert binned.path(replayed([]), [], BINS) == []
