"""The CPUs that threads were allowed at the start and the end, and who chose fewer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from harness.machine import Machine
from harness.recorded import END, START, Hand

from tracer.analysis.run.allowed import Allowed, allowed, not_allowed_ns
from tracer.model.recording import AFFINITY_DTYPE, Edges


@pytest.fixture
def hand(machine: Machine) -> Hand:
    """Three threads on a host of 130 CPUs."""
    made = Hand(machine, cpus=130)
    for slot in (1, 2, 3):
        made.thread(slot, "BLOCKED", START)
    return made


def calls(*made: tuple[int, set[int]]) -> Any:
    """Calls of sched_setaffinity from row 1 on: when, and for which CPUs."""
    rows = np.zeros(len(made) + 2, AFFINITY_DTYPE)
    for row, (ns, cpus) in zip(rows[1:], made, strict=False):
        row["ns"] = ns
        for cpu in cpus:
            row["mask"][cpu // 64] |= np.uint64(1 << cpu % 64)
    return rows


EVERY = tuple(range(130))
START_ALL = Edges(allowed_start=EVERY)


def test_no_thread_chose_any(hand: Hand) -> None:
    assert allowed(hand.recording(edges=START_ALL)) == Allowed(EVERY, EVERY, 3)
    assert allowed(hand.recording()).start == EVERY, "what is not known is the host's"
    edges = Edges(allowed_start=(0, 1))
    assert allowed(hand.recording(edges=edges)).end == (0, 1)


def test_threads_that_narrowed_and_one_that_did_not(hand: Hand) -> None:
    hand.threads["affinity"][[1, 2]] = 1, 2
    made = calls((START + 30, {127}), (START + 20, {64, 129}))
    found = allowed(hand.recording(edges=START_ALL, affinities=made))
    assert found == Allowed(EVERY, EVERY, 3, 2, (64, 127, 129), 20)


def test_where_all_narrowed_the_end_is_less(hand: Hand) -> None:
    hand.threads["affinity"][[1, 2, 3]] = 1
    made = calls((START - 5, {3, 1000}))
    found = allowed(hand.recording(edges=START_ALL, affinities=made))
    assert found == Allowed(EVERY, (3,), 3, 3, (3,), 0)


def test_a_call_that_took_nothing_away_narrowed_nothing(hand: Hand) -> None:
    hand.threads["affinity"][[1, 2]] = 1
    made = calls((START + 5, {*EVERY, 500}))
    found = allowed(hand.recording(edges=START_ALL, affinities=made))
    assert (found.narrowed, found.narrowed_ns, found.end) == (0, None, EVERY)
    hand.threads["affinity"][[1, 2, 3]] = 1
    wider = allowed(hand.recording(edges=Edges(allowed_start=(0,)), affinities=made))
    assert (wider.narrowed, wider.end) == (0, EVERY)


def test_the_living_are_asked_at_the_end(hand: Hand) -> None:
    """Another process can have changed them (taskset -p)."""
    edges = Edges(allowed_start=EVERY, allowed_end=(5,))
    assert allowed(hand.recording(edges=edges)).end == (5,)
    assert allowed(hand.recording(edges=edges, light=True)) == Allowed(EVERY, (5,), 3)


def test_it_is_unknown_where_calls_were_not_seen(hand: Hand) -> None:
    assert allowed(hand.recording(edges=START_ALL, light=True)) == Allowed(EVERY, (), 3)
    made = calls((START + 5, {1}))
    hand.threads["affinity"][1] = len(made) - 1
    found = allowed(hand.recording(edges=START_ALL, affinities=made))
    assert (found.end, found.narrowed_ns) == ((), None)


def test_threads_of_an_earlier_window_do_not_count(hand: Hand) -> None:
    hand.threads["affinity"][1] = 1
    hand.threads["birth_ns"][1] = END + 1
    found = allowed(hand.recording(edges=START_ALL, affinities=calls((START, {1}))))
    assert (found.threads, found.narrowed) == (2, 0)


# ---- waits while a CPU was idle that they were not allowed ----


def idle(hand: Hand, **ns: int) -> None:
    """CPUs that were idle for so long, and ran the target for the rest of the window."""
    hand.cpus["slot"] = 1
    for name, value in ns.items():
        hand.cpus["idle_ns"][int(name.removeprefix("cpu"))] = value


BEHIND = {"own": 500, "other": 200, "throttled": 90, "held": 90}


def test_waits_and_idle_time_overlap_by_what_they_exceed_the_window(hand: Hand) -> None:
    """The window has 1000 ns."""
    idle(hand, cpu0=1000, cpu1=600, cpu2=700)
    assert not_allowed_ns(hand.recording(edges=START_ALL), BEHIND) == 0, "all were allowed"
    edges = Edges(allowed_start=(0,), allowed_end=(0,))
    assert not_allowed_ns(hand.recording(edges=edges), BEHIND) == 400
    later = Edges(allowed_start=(0,), allowed_end=(0, 2))
    assert not_allowed_ns(hand.recording(edges=later), BEHIND) == 300
    calm = {**BEHIND, "own": 0}
    assert not_allowed_ns(hand.recording(edges=edges), calm) == 0


def test_until_the_last_of_them_chose_fewer_cpus_all_were_allowed(hand: Hand) -> None:
    idle(hand, cpu0=1000, cpu1=600, cpu2=900)
    made = calls((START + 20, {0}), (START + 50, {1}))
    hand.threads["affinity"][[1, 2, 3]] = 1, 2, 2
    assert not_allowed_ns(hand.recording(edges=START_ALL, affinities=made), BEHIND) == 550
    hand.threads["affinity"][3] = 0
    assert not_allowed_ns(hand.recording(edges=START_ALL, affinities=made), BEHIND) == 0
