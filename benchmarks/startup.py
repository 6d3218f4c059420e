"""Start-up: the steps before the first event, and tracer's memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from benchmarks.result import ROOT, Options, Result
from tracer import probes
from tracer.errors import TracerError
from tracer.units import duration, size

NAME, ALL = "startup", "startup-all"
#: Run in a fresh process each time, because imports happen once per process. Arguments: cold or
#: warm, probes. What samples the path is loaded in any case, as in a run.
_PROGRAM = """
import sys, time
from contextlib import contextmanager
spent, cpu = {}, {}
@contextmanager
def timed(name):
    start, cpu_start = time.monotonic_ns(), time.process_time_ns()
    yield
    spent[name] = time.monotonic_ns() - start
    cpu[name] = time.process_time_ns() - cpu_start
def wrapped(name, function):
    def call(*arguments):
        with timed(name):
            return function(*arguments)
    return call
with timed("import"):
    import tracer.cli.main, tracer.cli.run, tracer.experiment.one
    from tracer.experiment.tracing import Tracing
    from tracer.kernel import engine as module
tracing = Tracing(probes=tuple(sys.argv[2:])).with_path()
if sys.argv[1] == "cold":
    module.cached = lambda files, macros, depends, compile_: compile_(files, macros)
module.cached = wrapped("programs", module.cached)
module.Btf.load = wrapped("btf", module.Btf.load)
with timed("engine"):
    engine = module.Engine(tracing.probes, sampling=tracing.sampling)
with timed("attach"):
    engine.arrays.reset()
    engine.attach()
with timed("detach"):
    engine.detach()
for times in (spent, cpu):
    times["load"] = times.pop("engine") - times["btf"] - times["programs"]
import json
from pathlib import Path
status = Path("/proc/self/status").read_bytes().decode(errors="replace")
memory = {key: int(status.split(key + ":")[1].split()[0]) * 1024 for key in ("VmRSS", "VmHWM")}
print(json.dumps({"ns": spent, "cpu_ns": cpu, "bytes": memory}))
"""
STEPS = {
    "import": "import tracer",
    "btf": "read BTF",
    "programs": "the programs: compile, or read from the cache",
    "load": "create maps, load all programs (verifier)",
    "attach": "empty the arrays, attach, visit every CPU",
    "detach": "detach",
}
CASES = ("cold", "warm")


def _once(case: str, names: Sequence[str]) -> Mapping[str, Mapping[str, int]]:
    words = [sys.executable, "-c", _PROGRAM, case, *names]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise TracerError(f"start-up failed: {''.join(done.stderr.strip().splitlines()[-1:])}")
    spent: Mapping[str, Mapping[str, int]] = json.loads(done.stdout)
    return spent


def _cells(values: Sequence[float]) -> list[str]:
    return [duration(float(np.median(values))), f"{duration(min(values))}-{duration(max(values))}"]


def _table(name: str, which: str, names: Sequence[str], options: Options) -> Result:
    runs: dict[str, list[Mapping[str, Mapping[str, int]]]] = {case: [] for case in CASES}
    _once("warm", names)  # fills the cache where it is empty
    for number in range(options.rounds):
        options.progress.say(f"start {number + 1} of {options.rounds}")
        for case in CASES:
            runs[case].append(_once(case, names))
    kinds = [("cold", "ns"), ("warm", "ns"), ("warm", "cpu_ns")]
    rows = [
        [text, *(cell for c, ns in kinds for cell in _cells([r[ns][key] for r in runs[c]]))]
        for key, text in STEPS.items()
    ]
    totals = [[sum(run[ns].values()) for run in runs[case]] for case, ns in kinds]
    rows.append(["together", *(cell for values in totals for cell in _cells(values))])
    now, peak = (np.median([r["bytes"][k] for r in runs["warm"]]) for k in ("VmRSS", "VmHWM"))
    below = [f"Memory of tracer's process, warm: {size(now)} resident, {size(peak)} at its peak"]
    note = f"{which}. Median, fastest and slowest of {options.rounds} fresh processes each."
    columns = ["step", *("cold", "fastest-slowest"), *("warm", "fastest-slowest"),
               *("warm, CPU time", "fastest-slowest")]  # fmt: skip
    return Result(name, note, columns, rows, {"runs": runs}, below=below)


def run(options: Options) -> list[Result]:
    """Two tables: the default probes, all probes."""
    return [
        _table(NAME, "The default probes", probes.DEFAULT, options),
        _table(ALL, "All probes", probes.names(), options),
    ]


SECTION: tuple[str, Callable[[Options], list[Result]]] = (NAME, run)
