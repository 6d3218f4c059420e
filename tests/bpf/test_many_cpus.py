"""CPUs beyond a number share their statistics: no count is lost where two write at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracer.capture.workload import run_traced
from tracer.kernel import settings
from tracer.kernel.engine import Engine
from tracer.model.spec import Spec


def test_counts_of_cpus_that_share_their_statistics(
    monkeypatch: pytest.MonkeyPatch, release: Path
) -> None:
    monkeypatch.setattr(settings, "_STAT_CPUS", 1)
    tasks, trips, warmups = 20, 2000, 2
    sizes = ("--tasks", str(tasks), "--iters", str(trips), "--warmups", str(warmups))
    engine = Engine(("futex", "sched", "syscalls"))
    try:
        assert len(engine.arrays["sched_cpus"]) == 1 < len(engine.arrays["cpus"])
        recording = run_traced(engine, Spec((str(release / "thread-brigade"), *sizes)))
    finally:
        engine.close()
    calls = {call.name: call for call in recording.probes["syscalls"]}
    assert calls["sendto"].times.count == calls["sendto"].bytes == (tasks + 1) * trips
    assert calls["recvfrom"].bytes == (tasks + 1) * trips
    usage, record = recording.result["rusage"], recording.probes["sched"]
    switches = usage["voluntary"] + usage["involuntary"]
    assert abs(record.slice.count - switches) <= 2 * tasks  # threads that begin or end outside
