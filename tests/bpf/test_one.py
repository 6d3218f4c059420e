"""One measurement from Python, without the command line: what comes back, and what is said."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import tracer.kernel.engine as engine_module
from tracer.analysis.run.summary import Summary
from tracer.capture.attach import AttachRequest
from tracer.capture.command import CommandOptions
from tracer.errors import TracerError
from tracer.experiment.line import condition
from tracer.experiment.one import trace_command, trace_processes, trace_workload
from tracer.experiment.tracing import Tracing
from tracer.kernel.engine import Engine
from tracer.model.spec import Spec

CPU = max(os.sched_getaffinity(0))


def calls(summary: Summary) -> dict[str, int]:
    return {call.name: call.times.count for call in summary.syscalls or ()}


def unexpected(messages: list[str]) -> list[str]:
    """Without what other programs on this host, or a fresh clone, may cause."""
    return [text for text in messages if not text.startswith(("busy host: ", "compiling "))]


def test_a_workload() -> None:
    messages: list[str] = []
    brigade = condition(f"thread-brigade --tasks 20 --iters 50 --warmups 5 --cpus {CPU}", "A")
    done = trace_workload(brigade, Tracing(top=2), rounds=1, say=messages.append)
    summary = done.summary
    assert done.interrupted is None and not unexpected(messages)
    assert (summary.units, summary.unit, summary.target.cpus) == (20 * 50, "hop", (CPU,))
    assert calls(summary)["recvfrom"] == 21 * 50
    assert len(summary.top) == 2
    assert summary.observer is not None and summary.observer.pairs == 1


def test_a_command_and_its_second_start(capfd: pytest.CaptureFixture[str]) -> None:
    messages: list[str] = []
    spec = Spec(("sh", "-c", "echo started; kill -0 $$"))
    summary = trace_command(spec, CommandOptions(units=4), Tracing(("sched",)), say=messages.append)
    assert (summary.exit_status, summary.units, summary.syscalls) == (0, 4, None)
    assert summary.observer is None and summary.estimate is not None
    assert capfd.readouterr().out == "started\n"
    summary = trace_command(spec, baseline=True, say=messages.append)
    assert summary.observer is not None and summary.observer.pairs == 1
    assert capfd.readouterr().out == "started\nstarted\n"
    assert all("standard input is a pipe" in text for text in unexpected(messages))


def test_processes_that_run_already() -> None:
    messages: list[str] = []
    target = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    try:
        request = AttachRequest(pids=(target.pid,), duration_s=0.5, interval_s=0.2)
        summaries = list(trace_processes(request, say=messages.append))
        assert len(summaries) == 3
        assert [s.target.processes[0].pid for s in summaries] == [target.pid] * 3
        assert any("attached to 1 thread of 1 process;" in text for text in messages)
        assert target.poll() is None, "it is left running"
    finally:
        target.kill()
        target.wait()
    with pytest.raises(TracerError, match="there is no process"):
        trace_processes(AttachRequest(pids=(target.pid,)))


def test_probes_compiled_for_the_first_time_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    Engine(("sched",)).close()
    Engine(("sched",), say=said.append).close()
    assert said == []
    monkeypatch.setattr(engine_module, "cached", lambda files, macros, _depends, compile_: compile_(
        files, macros
    ))  # fmt: skip
    Engine(("sched",), say=said.append).close()
    assert said == ["compiling the probes, the first time that these are used together"]
