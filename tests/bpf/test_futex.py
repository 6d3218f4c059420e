"""Probe futex against strace in the same run, and against programs with known answers."""

import re

import pytest
import straced

from tracer.capture.workload import run_traced
from tracer.model.spec import Spec
from tracer.probes.futex import OPERATIONS, PROBE, WAITS

CALLS = PROBE.calls

SIZE = ("--tasks", "20", "--iters", "40", "--warmups", "5")


def operation(call):
    """The operation's name, as strace writes it, without its flags."""
    if call.name != "futex":
        return call.name
    words = re.search(r"FUTEX_[A-Z0-9_|]+", call.arguments)
    assert words, call
    return words[0].split("|")[0].removeprefix("FUTEX_").removesuffix("_PRIVATE")


def against_strace(engine, tmp_path, program, edges):
    """Run `program` under both; every count equal but for `edges` calls at the window's edges."""
    log = tmp_path / "strace"
    recording = run_traced(engine, Spec(straced.command(log, CALLS, program)))
    seen = [(operation(c), c) for c in straced.window(log) if c.name in CALLS]
    by_name = {op.name: op for op in recording.probes["futex"].operations}
    assert set(by_name) | {name for name, _ in seen} <= set(OPERATIONS)
    for name in OPERATIONS:
        op = by_name.get(name)
        calls = [c for own, c in seen if own == name]
        assert abs((op.calls if op else 0) - len(calls)) <= edges, name
        if op:
            for error, number in (("EAGAIN", op.again), ("ETIMEDOUT", op.timed_out)):
                assert abs(number - sum(c.error == error for c in calls)) <= edges
        if op and name not in WAITS and name != "UNLOCK_PI":
            woke = [c.value for c in calls if c.value >= 0]
            assert abs(op.woke_none - woke.count(0)) <= edges
            assert abs(op.woke_one - woke.count(1)) <= edges
            assert op.woke_none + op.woke_one + op.woke_more + op.failed == op.calls
    return recording.probes["futex"]


@pytest.mark.parametrize("flavor", ["current-thread", "multi-thread"])
def test_async_brigade_is_as_strace_saw_it(engine, release, tmp_path, flavor):
    program = (str(release / "async-brigade"), *SIZE, "--flavor", flavor)
    log = tmp_path / "strace"
    if flavor == "multi-thread":
        assert against_strace(engine, tmp_path, program, edges=3).operations
        return
    recording = run_traced(engine, Spec(straced.command(log, CALLS, program)))
    assert [c for c in straced.window(log) if c.name in CALLS] == []
    assert recording.probes["futex"].operations == ()


def test_std_mutex_is_as_strace_saw_it(engine, planted_program, tmp_path):
    program = (planted_program, "std-mutex", "20000")
    for _ in range(10):  # until the threads meet
        record = against_strace(engine, tmp_path, program, edges=4)
        names = {op.name for op in record.operations}
        if "WAIT_BITSET" in names:
            break
    assert names == {"WAIT_BITSET", "WAKE"}


def test_known_calls_are_as_strace_saw_them(engine, planted_program, tmp_path):
    program = (planted_program, "futex-calls", "30", "4")
    assert len(against_strace(engine, tmp_path, program, edges=0).operations) == 5


def test_known_calls(planted):
    recording = planted("futex-calls", "200", "10")
    record = recording.probes["futex"]
    by_name = {op.name: op for op in record.operations}
    assert set(by_name) == {"WAIT", "WAKE", "CMP_REQUEUE", "LOCK_PI", "UNLOCK_PI"}
    wait, wake, requeue = by_name["WAIT"], by_name["WAKE"], by_name["CMP_REQUEUE"]
    assert (wait.calls, wait.again, wait.timed_out) == (200 + 10 + 8, 200, 10)
    assert wait.slept == wait.asleep.count == wait.to_run.count == 18
    assert (wait.interrupted, wait.failed) == (0, 0)
    assert (wake.woke_none, wake.woke_one, wake.woke_more, wake.woken) == (200, 0, 1, 7)
    assert (requeue.calls, requeue.woke_more, requeue.woken) == (1, 1, 8)
    assert (by_name["LOCK_PI"].calls, by_name["LOCK_PI"].slept) == (201, 1)
    assert by_name["UNLOCK_PI"].calls == 202
    for op in by_name.values():
        assert op.asleep.sum_ns <= 10 * recording.window_ns
    # ten sleeps of 1 ms each, and what the waiters slept of the window
    assert wait.asleep.sum_ns >= 10_000_000


def test_addresses_of_known_calls(planted):
    record = planted("futex-calls", "200", "10").probes["futex"]
    assert sum(at.waits + at.wakes for at in record.places) == sum(
        op.calls for op in record.operations
    )
    assert record.other_places == record.unplaced == 0
    alone, free, first, lock, second = record.places
    assert (alone.waits, alone.slept, alone.wakes, alone.woken) == (210, 10, 200, 0)
    assert (free.waits, free.slept, free.wakes) == (200, 0, 200)
    assert (first.waits, first.slept, first.wakes, first.woken) == (8, 8, 1, 8)
    assert (lock.waits, lock.slept, lock.wakes) == (1, 1, 2)
    assert (second.waits, second.wakes, second.woken) == (0, 1, 7)
    assert alone.where and alone.where.startswith("main stack + ")
    assert free.where and free.where.startswith("main stack + ")
    for at in (first, lock, second):
        assert at.where and at.where.startswith("heap + ")
    assert (first.waiters, first.wakers) == ((("waiter", 8),), (("planted", 1),))
    assert lock.waiters == (("pi", 1),)


def test_a_contended_std_mutex_has_one_address(planted):
    for _ in range(5):  # four threads on two CPUs nearly always meet
        record = planted("std-mutex", "30000").probes["futex"]
        if len(record.operations) == 2:
            break
    busiest = record.places[0]
    assert busiest.waiters == (("worker-*", busiest.waits),)
    assert busiest.wakers == (("worker-*", busiest.wakes),)
    waits = next(op for op in record.operations if op.name == "WAIT_BITSET")
    wakes = next(op for op in record.operations if op.name == "WAKE")
    assert waits.timed_out == waits.interrupted == waits.failed == 0
    # one that is woken before it has gone to sleep returns without having slept
    assert waits.slept <= waits.calls - waits.again == wakes.woken
