"""Probe sched against the ledger of threads, the kernel's CPU time, and a planted spinner."""

import contextlib
import os
import subprocess
import sys

from conftest import RELEASE, engine_with

from tracer.analysis.run import ledger
from tracer.capture.workload import run_traced
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording
from tracer.model.spec import Spec

engine = engine_with(("sched", "syscalls", "idle"))

PROGRAM = str(RELEASE / "thread-brigade")
IO = ("syscall:io", "syscall:poll", "syscall:io_uring")


def run(engine: Engine, *, tasks: int = 100, pinned: bool = False) -> Recording:
    """20,000 hops."""
    iters = 20_000 // tasks
    cpus = (min(os.sched_getaffinity(0)),) if pinned else ()
    words = (PROGRAM, "--tasks", str(tasks), "--iters", str(iters), "--warmups", "2")
    return run_traced(engine, Spec(words, cpus))


def test_stays_hold_the_threads_own_times(engine):
    """All but stays that have not ended when the window does or whose beginning was not seen."""
    recording = run(engine)
    record, own = recording.probes["sched"], ledger.threads(recording).parts
    for found, wanted in (
        (sum(record.ran_io_ns.values()), sum(own[part] for part in IO)),
        (sum(record.ran_user_ns.values()), own["user"]),
    ):
        print(found, wanted)
        assert 0.95 * wanted <= found <= wanted
    for kind, ran in record.ran.items():
        assert record.ran_io_ns[kind] + record.ran_user_ns[kind] <= ran.sum_ns


def test_stays_by_sleep_are_those_after_crossings(engine):
    recording = run(engine)
    sleeps, ran = recording.probes["idle"].sleeps, recording.probes["sched"].ran["cross_cpu_idle"]
    assert sum(octave.stays for octave in sleeps) <= ran.count
    assert sum(octave.ran_ns for octave in sleeps) <= ran.sum_ns
    for octave in sleeps:
        assert octave.stays <= octave.delivery.count
        assert octave.ran_io_ns + octave.ran_user_ns <= octave.ran_ns


@contextlib.contextmanager
def spinning(cpu: int):
    """Another program that always wants this CPU."""
    code = f"import os\nos.sched_setaffinity(0, {{{cpu}}})\nprint(flush=True)\nwhile True: pass"
    spinner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert spinner.stdout and spinner.stdout.read(1) == b"\n"
        yield
    finally:
        spinner.kill()
        spinner.wait()


def test_a_run_queue_has_the_tasks_of_other_programs_too(engine):
    """One byte between two threads on one CPU: beside a spinner there is always a second task that
    can run, which the count of the target's own threads does not know."""
    with spinning(min(os.sched_getaffinity(0))):
        recording = run(engine, tasks=2, pinned=True)
    record = recording.probes["sched"]
    own, queue = (
        {n: here + away for n, (here, away) in rows.items()}
        for rows in (record.placed, record.placed_by_queue)
    )
    print(own, queue)
    assert sum(own.values()) == sum(queue.values()) > 10_000
    assert queue[1] <= 0.01 * sum(queue.values())
    assert own[1] > 0.2 * sum(own.values())
