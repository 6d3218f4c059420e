"""The program as a whole, from looks with known shares."""

from __future__ import annotations

import numpy as np
import pytest
from harness.recorded import Hand

from tracer.analysis.run.concurrency import Asleep, concurrent
from tracer.model.concurrency import ALL_ASLEEP, RAN, READY_NONE_RAN, Looks, Seen, Sleep
from tracer.model.states import PART
from tracer.model.syscalls import numbers

READ = numbers("x86_64")["read"]


def looked(*states: int, **more: object) -> Looks:
    return Looks(np.array(states, dtype=np.uint16), **more)  # type: ignore[arg-type]


def test_nobody_looked(hand: Hand) -> None:
    assert concurrent(hand.recording(), {}) is None


def test_shares_sum_to_one_and_means_follow(hand: Hand) -> None:
    states = [ALL_ASLEEP] * 50 + [READY_NONE_RAN] * 10 + [RAN] * 30 + [RAN + 2] * 10
    found = concurrent(hand.recording(looks=looked(*states, threads=400, ready=25)), {})
    assert found is not None
    shares = [found.all_asleep, found.none_ran, *found.ran]
    assert [share.share for share in shares] == [0.5, 0.1, 0.3, 0.0, 0.1]
    assert all(share.error is not None and share.error > 0 for share in shares)
    assert (found.threads, found.ready, found.running) == (4.0, 0.25, 0.6)
    assert (found.looks, found.interval_ns) == (100, 10)


def test_few_looks_have_no_error(hand: Hand) -> None:
    found = concurrent(hand.recording(looks=looked(*[RAN] * 49)), {})
    assert found is not None and not found.is_enough
    assert [share.error for share in (found.all_asleep, *found.ran)] == [None, None]


def test_sleeps_are_summed_by_group_and_call(hand: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tracer.analysis.run.concurrency.name_of", lambda nr: f"call{nr}")
    in_call, outside = PART["syscall:io"], PART["user"]
    asleep = {
        Sleep(1, in_call, READ): Seen(8, 4),
        Sleep(2, in_call, READ): Seen(6, 4),
        Sleep(2, outside, READ): Seen(1, 0),
        Sleep(3, PART["blocked:stopped"], READ): Seen(10, 4),
    }
    states = [ALL_ASLEEP] * 4 + [RAN] * 6
    recording = hand.recording(looks=looked(*states, threads=30, asleep=asleep))
    found = concurrent(recording, {1: "w-*", 2: "w-*", 3: "x"})
    assert found is not None
    assert found.asleep == (
        Asleep("w-*", f"call{READ}", "io", 1.4, 2.0),
        Asleep("x", None, "stopped", 1.0, 1.0),
        Asleep("w-*", None, "user", 0.1, 0.0),
    )
