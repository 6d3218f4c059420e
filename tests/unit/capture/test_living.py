"""What the living target shows: the CPUs that it may use."""

from __future__ import annotations

import os

import pytest

from tracer.capture import living


def test_the_cpus_of_all_threads_and_no_more_questions_than_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    masks, asked = {1: {0}, 3: {2, 3}, 4: {0, 1}, 5: {1}}, []

    def getaffinity(tid: int) -> set[int]:
        asked.append(tid)
        if tid not in masks:
            raise ProcessLookupError
        return masks[tid]

    monkeypatch.setattr(os, "sched_getaffinity", getaffinity)
    monkeypatch.setattr(living, "online_cpus", lambda: (0, 1, 2, 3))
    assert living.allowed_cpus([1, 2, 3]) == (0, 2, 3) and asked == [1, 2, 3]
    asked.clear()
    assert living.allowed_cpus([1, 3, 4, 5]) == (0, 1, 2, 3)
    assert asked == [1, 3, 4], "all that are online are known"
