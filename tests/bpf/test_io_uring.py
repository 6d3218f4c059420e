"""Probe io_uring against a program that knows what it submitted, and the kernel's own names."""

import pytest
from conftest import RELEASE, engine_with

from tracer.analysis.run import counts, ledger
from tracer.analysis.run.summary import summarize
from tracer.capture.workload import run_traced
from tracer.kernel.btf import Btf
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording
from tracer.model.spec import Spec
from tracer.probes import io_uring
from tracer.probes.io_uring import UringRecord
from tracer.report.run import text

PROBES = ("io_uring", "sched", "syscalls")
PROGRAM = str(RELEASE / "examples" / "uring-ops")
NOPS, PAIRS, WRITES, TIMEOUTS, FULL = 1001, 500, 100, 20, 30
#: Completions that fit into the program's small ring.
PLACES = 4


engine = engine_with(PROBES)


def run(engine: Engine) -> Recording:
    words = (str(n) for n in (NOPS, PAIRS, WRITES, TIMEOUTS, FULL))
    return run_traced(engine, Spec((PROGRAM, *words)))


def ways(**known: int) -> dict[str, int]:
    return dict.fromkeys(io_uring.WAYS, 0) | known


@pytest.mark.vm
def test_every_operation_is_counted_once_and_where_it_belongs(engine):
    recording = run(engine)
    record: UringRecord = recording.probes["io_uring"]
    assert counts.losses(recording) == dict.fromkeys(counts.losses(recording), 0)
    by_name = {op.name: op for op in record.operations}
    assert {name: op.submitted for name, op in by_name.items()} == {
        "nop": NOPS + PLACES + FULL,
        "recv": PAIRS,
        "send": PAIRS,
        "write": WRITES,
        "timeout": TIMEOUTS,
    }
    assert {name: op.completed for name, op in by_name.items()} == {
        "nop": ways(inline=NOPS + PLACES),
        "recv": ways(poll=PAIRS),
        "send": ways(inline=PAIRS),
        "write": ways(worker=WRITES),
        "timeout": ways(later=TIMEOUTS),
    }
    assert {name for name, op in by_name.items() if op.failed} == {"timeout"}
    assert all(op.times.count == sum(op.completed.values()) for op in by_name.values())
    assert record.overflows == FULL
    assert record.untracked == record.more == 0
    assert record.task_items >= PAIRS + TIMEOUTS


@pytest.mark.vm
def test_calls_are_those_of_the_program_and_of_the_probe_syscalls(engine):
    recording = run(engine)
    record: UringRecord = recording.probes["io_uring"]
    enters = -(-NOPS // 8) + 2 * PAIRS + WRITES + TIMEOUTS + PLACES + FULL
    assert record.enters == enters
    assert record.submitted_by_enters == sum(op.submitted for op in record.operations)
    calls = {call.name: call.times.count for call in recording.probes["syscalls"]}
    assert calls["io_uring_enter"] == enters
    assert ledger.wall(recording).is_closed


def test_a_timeouts_latency_is_at_least_its_length(engine):
    record: UringRecord = run(engine).probes["io_uring"]
    (timeout,) = (op for op in record.operations if op.name == "timeout")
    assert timeout.times.sum_ns >= TIMEOUTS * 1_000_000


def test_a_program_without_a_ring(engine):
    size = ("--tasks", "20", "--iters", "20", "--warmups", "5")
    record = run_traced(engine, Spec((str(RELEASE / "thread-brigade"), *size))).probes["io_uring"]
    assert record.operations == []
    assert record.completed == 0


def test_light_counts_the_operations_without_the_calls():
    engine = Engine(PROBES, light=True)
    try:
        recording = run(engine)
    finally:
        engine.close()
    record: UringRecord = recording.probes["io_uring"]
    assert record.enters is None
    done = {op.name: sum(op.completed.values()) for op in record.operations}
    # the end of the window is seen some time after it
    assert {name: done[name] for name in ("recv", "send", "write", "timeout")} == {
        "recv": PAIRS, "send": PAIRS, "write": WRITES, "timeout": TIMEOUTS,
    }  # fmt: skip


@pytest.mark.vm
def test_names_are_the_kernels(engine):
    btf = Btf.load()
    last = btf.enum_value("io_uring_op", "IORING_OP_LAST")
    assert last is not None
    for number, name in enumerate(io_uring.OPERATIONS[:last]):
        assert btf.enum_value("io_uring_op", f"IORING_OP_{name.upper()}") == number
    assert btf.enum_value("io_uring_op", "IORING_OP_RECV") == io_uring.OPERATIONS.index("recv")


@pytest.mark.vm
def test_tracepoints_that_a_kernel_lacks_are_named_and_the_rest_works(monkeypatch):
    gone = {"io_uring_task_work_run", "io_uring_cqring_wait"}
    known = Btf.load().tracepoints()
    monkeypatch.setattr(Btf, "tracepoints", lambda self: known - gone)
    engine = Engine(PROBES)
    try:
        assert gone <= set(engine.unavailable)
        recording = run(engine)
    finally:
        engine.close()
    record: UringRecord = recording.probes["io_uring"]
    assert {op.name: sum(op.completed.values()) for op in record.operations}["recv"] == PAIRS
    assert record.task_runs is record.waits is None
    summary = summarize(recording, name="uring-ops", transport="", unit="run")
    named = ", ".join(t for t in io_uring.PROBE.tracepoints if t in gone)
    assert f"Not on this kernel: {named}" in " ".join(text.render(summary).split())
