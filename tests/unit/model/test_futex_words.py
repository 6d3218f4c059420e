"""Rows of futex words by the groups of their threads."""

from __future__ import annotations

import numpy as np

from tracer.model.futex_words import each_group, groups_of, threads_of
from tracer.model.threads import SLOT_BITS

ROW = np.dtype([("key", "u8"), ("birth_ns", "u8"), ("comm", "u1", 16), ("waits", "u8")])


def rows_of(*threads: tuple[int, int, bytes, int]) -> np.ndarray:
    """Rows at one address: slot, birth, name and waits of each thread."""
    rows = np.zeros(len(threads), ROW)
    for row, (slot, birth_ns, name, waits) in zip(rows, threads, strict=True):
        row["key"], row["birth_ns"], row["waits"] = 7 << SLOT_BITS | slot, birth_ns, waits
        row["comm"][: len(name)] = list(name)
    return rows


def test_a_thread_that_ended_and_one_that_began_later_have_the_names_in_their_rows() -> None:
    threads = np.zeros(3, [("birth_ns", "u8")])
    threads["birth_ns"] = [0, 50, 60]
    rows = rows_of((1, 50, b"main", 2), (2, 40, b"old-1", 3), (9, 70, b"new-2", 4))
    groups = {1: "server", 2: "worker"}
    arrays = {"threads": threads}
    assert each_group(rows, arrays, groups) == ["server", "old-*", "new-*"]
    assert groups_of(rows, "waits", arrays, groups) == (("new-*", 4), ("old-*", 3), ("server", 2))
    assert threads_of(rows) == [(50, 1), (40, 2), (70, 9)]
