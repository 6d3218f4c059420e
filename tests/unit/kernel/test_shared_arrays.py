"""Copies of the programs' arrays: equal to what was there, and no larger than what is in use."""

from __future__ import annotations

import ctypes
import mmap

import numpy as np
import pytest
from harness.machine import WholeArrays

from tracer.kernel.arrays import SharedArrays, copy_rows, zeros

ROW = np.dtype([("key", "u8"), ("count", "u8"), ("more", "u8", 23)])
THREAD = np.dtype([("tid", "u4"), ("epoch", "u4"), ("own", "u8", 99)])
CTL = np.dtype([("next_slot", "u8"), ("epoch", "u4"), ("pad", "u4")])
CPU = np.dtype([("events", "u8"), ("number", "u8")])


def resident_kib(array: np.ndarray) -> int:
    """How much memory its pages take (mincore(2))."""
    at, page = array.__array_interface__["data"][0], mmap.PAGESIZE
    assert at % page == 0, "the array is no mapping of its own"
    pages = (ctypes.c_ubyte * -(-array.nbytes // page))()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(array.nbytes), pages) == 0
    return sum(one & 1 for one in pages) * page // 1024


def arrays(rows: int = 65536, threads: int = 16384) -> SharedArrays:
    return SharedArrays(
        WholeArrays(
            ctl=np.zeros(1, CTL),
            cpus=np.zeros(2, CPU),
            threads=np.zeros(threads, THREAD),
            places=np.zeros(rows, ROW),
            sample_groups=np.zeros(1, ROW),
        ),
        light=False,
        machine="x86_64",
    )


@pytest.mark.parametrize("used", [(), (0,), (65535,), (7, 8, 1000, 40000, 65535)])
def test_a_copy_has_every_row_and_no_memory_for_the_others(used: tuple[int, ...]) -> None:
    live = arrays()
    for row in used:
        live["places"][row] = (row + 1, 5, np.arange(23))
    found = live.snapshot()["places"]
    assert resident_kib(found) <= 8 * (len(used) + 1)
    assert (found == live["places"]).all()
    live["places"]["count"] = 9
    assert found["count"].sum() == 5 * len(used), "a copy, not a view"


def test_the_wanted_threads_alone_are_copied() -> None:
    live = arrays()
    live.ctl["next_slot"] = 5000
    live["threads"]["tid"] = np.arange(16384)
    live["threads"]["epoch"][100:1400:2] = 1
    found = live.snapshot(lambda threads: threads["epoch"] == 1)["threads"]
    assert len(found) == 5000
    assert resident_kib(found) <= 1400 * THREAD.itemsize / 1024 + 4
    assert np.flatnonzero(found["tid"]).tolist() == list(range(100, 1400, 2))
    assert (found["tid"][100:1400:2] == np.arange(100, 1400, 2)).all()


def test_copied_rows_are_those_and_no_others() -> None:
    source = np.zeros(3000, THREAD)
    source["tid"] = np.arange(3000)
    found, rows = zeros(3000, THREAD), np.arange(1, 3000, 2)
    copy_rows(found, source, rows)
    assert (found["tid"][rows] == rows).all() and not found["tid"][::2].any()
    assert len(zeros(0, THREAD)) == 0
