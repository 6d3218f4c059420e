"""What tracing costs, on the real kernel: timed by it, calibrated, and told as a range."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tracer import probes
from tracer.analysis.run.document import document
from tracer.analysis.run.summary import Summary
from tracer.capture.attach import AttachRequest
from tracer.experiment.one import trace_command, trace_processes
from tracer.experiment.tracing import Tracing
from tracer.kernel.bpf import count_run_times
from tracer.kernel.engine import Engine
from tracer.kernel.event_cost import calibration
from tracer.kernel.samples import Sampler
from tracer.model.cost import CALLS
from tracer.model.spec import Spec

CALLS_FOR_S = (
    "import os, time\nend = time.monotonic() + {}\nwhile time.monotonic() < end: os.getppid()"
)


def makes_calls(seconds: float) -> tuple[str, ...]:
    return (sys.executable, "-c", CALLS_FOR_S.format(seconds))


def check(summary: Summary) -> None:
    estimate = summary.estimate
    assert estimate is not None
    assert 0 < estimate.low <= estimate.high
    assert estimate.high < 20, "the calls are made from Python, which takes longer than tracing"
    shown = document(summary)["observer"]["estimate"]
    assert (shown["low"], shown["high"]) == (estimate.low, estimate.high)
    assert 5 <= shown["event_cost_ns"] < 10_000


def test_the_kernel_times_programs_only_while_it_is_asked_to(engine: Engine) -> None:
    """Every call of this thread runs an empty program on entry and one on return."""

    def runs_of(calls: int) -> int:
        before = engine.run_times()
        for _ in range(calls):
            os.getppid()
        after = engine.run_times()
        spent = [after[f"empty_{name}"] - before[f"empty_{name}"] for name in CALLS]
        assert all(time.ns >= 0 for time in spent)
        assert all(time.ns > 0 for time in spent if time.runs)
        return min(time.runs for time in spent)

    with engine.only(CALLS, "empty_"):
        statistics = count_run_times()
        try:
            assert runs_of(1000) >= 1000
        finally:
            os.close(statistics)
        assert runs_of(1000) == 0


def test_each_kind_of_event_has_a_cost(engine: Engine) -> None:
    allowed = os.sched_getaffinity(0)
    costs = calibration(engine)
    assert os.sched_getaffinity(0) == allowed
    assert costs.clock_ns is not None and 1 < costs.clock_ns < 5_000
    assert costs.call is not None
    for cost in (costs.call, costs.switch):
        assert 0 < cost.floor_ns < cost.whole_ns < 50_000
        assert cost.bystander_ns is not None and cost.bystander_ns >= 0
    with pytest.raises(ChildProcessError):  # the partner of the switches is gone
        os.waitpid(-1, os.WNOHANG)


def test_a_run_is_timed_in_samples() -> None:
    summary = trace_command(Spec(makes_calls(1.0)), tracing=Tracing(probes.DEFAULT))
    check(summary)
    assert summary.estimate is not None and summary.estimate.samples >= 2


def test_a_short_run_is_calibrated_only() -> None:
    summary = trace_command(Spec(("true",)))
    check(summary)
    assert summary.estimate is not None and summary.estimate.samples == 0


def test_with_light_it_is_that_of_switches() -> None:
    program = "import time\nfor _ in range(3000): time.sleep(1e-5)"
    spec = Spec((sys.executable, "-c", program))
    summary = trace_command(spec, tracing=Tracing(light=True))
    check(summary)
    assert summary.estimate is not None and summary.estimate.events >= 3000


def test_each_window_of_an_attachment_has_a_range() -> None:
    with subprocess.Popen(makes_calls(30)) as target:
        try:
            request = AttachRequest(pids=(target.pid,), duration_s=0.9, interval_s=0.3)
            summaries = list(trace_processes(request))
        finally:
            target.kill()
    assert len(summaries) >= 3
    for summary in summaries:
        check(summary)
    samples = [s.estimate.samples for s in summaries if s.estimate]
    assert samples == sorted(samples) and samples[-1] >= 2


def test_no_sample_of_a_time_without_a_window(engine: Engine) -> None:
    engine.arrays.reset()
    with Sampler(engine) as sampler:
        time.sleep(0.4)
    assert sampler.samples == ()


def test_without_the_right_to_time_programs_it_is_calibrated() -> None:
    """CAP_BPF and CAP_PERFMON are enough to trace; to time programs takes CAP_SYS_ADMIN."""
    done = subprocess.run(
        ["setpriv", "--bounding-set", "-sys_admin", sys.executable, "-m", "tracer", "run", "--",
         *makes_calls(0.5)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    if "BPF" in done.stderr and "Observer effect" not in done.stderr:
        pytest.skip(f"CAP_BPF is not enough on this kernel: {done.stderr.splitlines()[0]}")
    text = " ".join(done.stderr.split())
    assert "more CPU time than untraced" in text and "calibrated on this host" in text, text
