"""Probe epoll against strace in the same run, and against programs with known answers."""

import time

import pytest
import straced
from quiet import wait_until_idle

from tracer import probes
from tracer.analysis.run import ledger
from tracer.capture.workload import run_traced
from tracer.model.section import Scale
from tracer.model.spec import Spec
from tracer.probes.epoll import CALLS as WAITS
from tracer.probes.epoll import PROBE

CALLS = PROBE.calls

SIZE = ("--tasks", "20", "--iters", "40", "--warmups", "5")


def against_strace(engine, tmp_path, program, edges):
    """Run `program` under both; every count equal but for `edges` calls at the window's edges."""
    log = tmp_path / "strace"
    recording = run_traced(engine, Spec(straced.command(log, CALLS, program)))
    seen = straced.window(log)
    record = recording.probes["epoll"]
    by_name = {call.name: call for call in record.calls}
    for name in WAITS:
        call = by_name.get(name)
        assert abs((call.calls if call else 0) - straced.count(seen, name)) <= edges, name
        if call:
            events = [c.value for c in seen if c.name == name and c.value > 0]
            assert abs(call.ready.count - len(events)) <= edges
            assert abs(call.events - sum(events)) <= 2 * edges
    receives = [c for c in seen if c.name in CALLS and c.name not in WAITS]
    assert abs(record.receives - len(receives)) <= edges
    again = sum(c.error == "EAGAIN" for c in receives)
    assert abs(record.again - again) <= edges
    assert again > 0 and record.events > 0
    return record


def test_async_brigade_of_one_thread_is_as_strace_saw_it(engine, release, tmp_path):
    program = (str(release / "async-brigade"), *SIZE, "--flavor", "current-thread")
    against_strace(engine, tmp_path, program, edges=0)


def test_async_brigade_of_workers_is_as_strace_saw_it(engine, release, tmp_path):
    program = (str(release / "async-brigade"), *SIZE, "--flavor", "multi-thread", "--workers", "2")
    against_strace(engine, tmp_path, program, edges=3)


def test_known_polls_are_as_strace_saw_them(engine, planted_program, tmp_path):
    record = against_strace(engine, tmp_path, (planted_program, "busy-poll", "50", "3", "7"), 0)
    (call,) = record.calls
    assert (call.name, call.calls, call.empty) == ("epoll_wait", 60, 50)


def test_busy_polling_is_recognised_with_its_numbers(planted):
    deadline_s = time.monotonic() + 20
    while True:
        wait_until_idle(deadline_s, least=0.5)
        recording = planted("busy-poll", "300000", "5", "100")
        parts = ledger.wall(recording).parts
        off_cpu = (parts["preempted"] + parts["wakeup:queued"]) / recording.window_ns
        if off_cpu < 0.1 or time.monotonic() > deadline_s:
            break
    (call,) = recording.probes["epoll"].calls
    assert (call.name, call.calls) == ("epoll_wait", 300_105)
    assert (call.empty, call.timed_out, call.ready.count, call.events) == (300_000, 5, 100, 100)
    assert (call.interrupted, call.failed) == (0, 0)
    assert call.blocked.count == 5
    assert recording.probes["epoll"].again == 100
    scale = Scale("run", 1, recording.window_ns)
    (section,) = (s for name, s in probes.sections(recording.probes, scale) if name == "epoll")
    assert section.data["busy_polling"] is (call.empty_ns > 0.1 * recording.window_ns)
    assert "100.0 % of the calls (300k, epoll_wait)" in str(section.blocks[0])
    if off_cpu > 0.5:
        pytest.skip(f"this host had no CPU for it in {off_cpu:.0%} of the window")
    assert section.data["busy_polling"] is True
    assert str(section.blocks[0]).startswith("Busy polling: ")


def test_a_program_that_waits_is_no_busy_poller(brigade):
    recording = brigade("async-brigade", *SIZE, "--flavor", "multi-thread")
    assert not recording.probes["epoll"].is_mostly_empty


def test_signals_end_a_wait(planted):
    recording = planted("spurious", "60", "10", "20")
    (call,) = (c for c in recording.probes["epoll"].calls if c.name == "epoll_wait")
    assert call.interrupted >= 3
    assert call.calls == call.interrupted + 1
    assert call.for_nothing == 0
