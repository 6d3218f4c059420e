"""Start-up: what a user waits for before the first event, step by step, and tracer's memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import numpy as np

from benchmarks.result import ROOT, Options, Result
from tracer.errors import TracerError
from tracer.units import duration, size

NAME = "startup"
#: In a fresh process each time: imports are paid once per process.
_PROGRAM = """
import time
at = [time.monotonic_ns()]
def lap(): at.append(time.monotonic_ns())
import tracer.cli.run, tracer.measure; lap()
from tracer.kernel.bcc import import_bcc; import_bcc(); lap()
from tracer.kernel.btf import Btf; Btf.load(); lap()
from tracer import probes
from tracer.kernel.engine import Engine
engine = Engine(tuple(probes.available())); lap()
engine.reset(); engine.attach(); lap()
engine.detach(); lap()
import json, resource
from pathlib import Path
status = Path("/proc/self/status").read_text()
peak = int(status.split("VmHWM:")[1].split()[0]) * 1024
now = int(status.split("VmRSS:")[1].split()[0]) * 1024
print(json.dumps({"ns": [b - a for a, b in zip(at, at[1:])], "peak": peak, "now": now}))
"""
STEPS = (
    "import tracer",
    "import bcc",
    "read BTF",
    "compile and load all probes (BTF again)",
    "empty the arrays, attach",
    "detach",
)


def _once() -> tuple[list[int], int, int]:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], capture_output=True, text=True, cwd=ROOT
    )
    if done.returncode:
        raise TracerError(f"start-up failed: {done.stderr.strip().splitlines()[-1:]}")
    found = json.loads(done.stdout)
    return found["ns"], found["peak"], found["now"]


def run(options: Options) -> list[Result]:
    """One table."""
    runs = []
    for number in range(options.rounds):
        options.progress(f"start {number + 1} of {options.rounds}")
        runs.append(_once())
    times = np.array([ns for ns, _peak, _now in runs])
    totals = times.sum(axis=1)
    rows = [
        [step, *(duration(float(f(times[:, i]))) for f in (np.median, np.min, np.max))]
        for i, step in enumerate(STEPS)
    ]
    rows.append(["together", *(duration(float(f(totals))) for f in (np.median, np.min, np.max))])
    peak, now = (float(np.median([r[i] for r in runs])) for i in (1, 2))
    below = [f"Memory of tracer's process: {size(now)} resident, {size(peak)} at its peak"]
    note = f"Median, minimum and maximum of {options.rounds} fresh processes."
    data = {"steps": STEPS, "ns": times.tolist(), "peak_bytes": peak, "resident_bytes": now}
    return [Result(NAME, note, ["step", "median", "fastest", "slowest"], rows, data, below=below)]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
