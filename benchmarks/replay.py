"""How long a recording's report and path take, and perf on the same run."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.result import ROOT, Options, Result
from tracer.errors import TracerError
from tracer.host import recordings
from tracer.units import count, size

NAME = "replay"
_ITERATIONS, _QUICK_ITERATIONS, _QUICK_NS = 20_000, 500, 300e6
_EVENTS = (
    *("sched:sched_switch", "sched:sched_waking", "sched:sched_wakeup", "sched:sched_wakeup_new"),
    *("sched:sched_migrate_task", "raw_syscalls:sys_enter", "raw_syscalls:sys_exit"),
)
_TRACER = str(ROOT / ".venv" / "bin" / "tracer")


@dataclass(frozen=True)
class Cost:
    """Of one command: elapsed and CPU seconds, and the most memory that it or a child of it had."""

    elapsed_s: float
    cpu_s: float
    bytes: int


def cost_of(command: Sequence[str]) -> Cost:
    """Run it, its output thrown away. TracerError where it fails."""
    began = time.monotonic()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as process:
        assert process.stderr
        said = process.stderr.read().decode(errors="replace")
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise TracerError(f"{' '.join(command[:3])} failed: {said.strip()[-200:]}")
    elapsed_s = time.monotonic() - began
    return Cost(elapsed_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def run(options: Options) -> list[Result]:
    """The thread brigade, recorded by tracer and by perf at the same time."""
    if shutil.which("perf") is None:
        raise TracerError("perf is not installed", "install it: the package linux-perf")
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    try:
        return [_measured(folder, options)]
    finally:
        shutil.rmtree(folder)


def _measured(folder: Path, options: Options) -> Result:
    directory, data = folder / "recording", folder / "perf.data"
    trips = _QUICK_ITERATIONS if options.run_ns < _QUICK_NS else _ITERATIONS
    options.progress.say(f"{NAME}: recording {trips} trips")
    cost_of(
        [
            *("perf", "record", "-q", "-a", "-m", "4M", "-o", str(data)),
            *(part for event in _EVENTS for part in ("-e", event)),
            *("--", _TRACER, "run", "thread-brigade", "--tasks", "50", "--iters", str(trips)),
            *("--no-baseline", "--quiet", "--record", str(directory)),
        ]
    )
    events = int(recordings.read_meta(directory)["events"])
    commands = {
        "tracer report": [_TRACER, "report", str(directory)],
        "tracer path": [_TRACER, "path", str(directory)],
        "perf sched timehist": ["perf", "sched", "timehist", "-i", str(data)],
        "perf script": ["perf", "script", "-i", str(data)],
    }
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for number in range(max(options.rounds // 4, 1)):
        for name, command in commands.items():
            options.progress.say(f"{NAME}: {name}, {number + 1}")
            costs[name].append(cost_of(command))
    return _result(events, costs, data.stat().st_size)


def _result(events: int, costs: dict[str, list[Cost]], perf_bytes: int) -> Result:
    rows, data = [], {}
    for name, found in costs.items():
        elapsed = float(np.median([cost.elapsed_s for cost in found]))
        cpu = float(np.median([cost.cpu_s for cost in found]))
        most = max(cost.bytes for cost in found)
        rows.append([name, f"{elapsed:.1f}", f"{cpu:.1f}", f"{1e9 * cpu / events:.0f}", size(most)])
        data[name] = {"elapsed_s": elapsed, "cpu_s": cpu, "bytes": most}
    return Result(
        NAME,
        f"One run of the thread brigade, {count(events)} events of tracer's, recorded by tracer and"
        f" by perf ({size(perf_bytes)}) at the same time; medians.",
        ["command", "elapsed, s", "CPU, s", "CPU per event, ns", "most memory of a process"],
        rows,
        {"events": events, "perf_bytes": perf_bytes, "commands": data},
    )


SECTION = NAME, run
