"""The runs of `tracer explain async`: threads and async on one CPU, with and without I/O, with
more bytes in flight, and with work at each hop."""

from __future__ import annotations

import os

from tracer.analysis import asynchrony as labels
from tracer.errors import TracerError
from tracer.experiment.condition import Condition
from tracer.experiment.design import Design
from tracer.experiment.line import WorkloadLine, parse_line
from tracer.experiment.runner import run_planned, tried
from tracer.experiment.trials import HERE_AND_NOW, Experiment, Planned, Runs, Start
from tracer.host.fingerprint import fingerprint
from tracer.host.requirements import require_host
from tracer.progress import Progress

TOKENS = (1, 4, 16)
STEPS = (0, 1_000, 10_000, 100_000)
#: A step takes some hundred times as long in Python.
STEPS_IN_PYTHON = (0, 10, 100, 1_000)
_PROBES = ("sched", "syscalls")
#: From so many steps at each hop on, a run has at most so many units.
_HEAVY_STEPS, _HEAVY_STEPS_IN_PYTHON, _FEW_UNITS = 10_000, 100, 5_000
_LINES = {
    labels.THREADS: "thread-brigade",
    labels.ASYNC: "async-brigade --flavor current-thread",
    labels.FLOOR: "one-thread-brigade",
    labels.MEM_THREADS: "thread-mem-brigade",
    labels.MEM_ASYNC: "async-mem-brigade",
}


def _lines(in_python: bool) -> tuple[dict[str, WorkloadLine], dict[str, str]]:
    """The brigades by label; of those that do not exist in Python the reason."""
    cpu = max(os.sched_getaffinity(0))
    lines, missing = {}, {}
    for label, text in _LINES.items():
        if not in_python:
            lines[label] = parse_line(text).pinned((cpu,))
            continue
        try:  # asyncio has one thread, so --flavor current-thread is all it can be
            lines[label] = parse_line(text.split()[0]).in_python().pinned((cpu,))
        except TracerError as error:
            missing[label] = error.message
    return lines, missing


def conditions(units: int, in_python: bool = False) -> tuple[list[Condition], dict[str, str]]:
    """Every run, on one CPU, and why the others are not there.

    TracerError (exit status 2) for one that does not fit here, and for one that is not built.
    """
    lines, missing = _lines(in_python)
    heavy = _HEAVY_STEPS_IN_PYTHON if in_python else _HEAVY_STEPS
    runs = [line.condition(label, units) for label, line in lines.items()]
    for base in (labels.THREADS, labels.ASYNC):
        for tokens in TOKENS:
            more = lines[base].with_values({"tokens": tokens})
            runs.append(more.condition(labels.with_tokens(base, tokens), units))
        for steps in STEPS_IN_PYTHON if in_python else STEPS:
            more = lines[base].with_values({"work": steps})
            few = min(units, _FEW_UNITS) if steps >= heavy else units
            runs.append(more.condition(labels.with_work(base, steps), few))
    for condition in runs:
        condition.require_built()
        condition.require_fit()
    return runs, missing


def plan_async(rounds: int, units: int, progress: Progress, *, in_python: bool = False) -> Planned:
    """Every run in each block; `in_python`: the twins in Python, of what has one. What can be run
    is tried here.

    TracerError when a program is not built or nothing can be run, and without the rights for BPF.
    """
    require_host()
    host = fingerprint()
    every, missing = conditions(units, in_python)
    runnable, failed = tried(every, _PROBES, progress)
    traced = (labels.THREADS, labels.ASYNC, labels.FLOOR)
    trials = Design([c.label for c in runnable], rounds, traced).trials()
    experiment = Experiment("explain-async", runnable, rounds, host, _PROBES)
    return Planned(experiment, runnable, trials, missing | failed, {"in_python": in_python})


def run_async(
    rounds: int,
    units: int,
    progress: Progress,
    start: Start = HERE_AND_NOW,
    *,
    in_python: bool = False,
) -> Runs:
    """Run what `plan_async` has and is not saved yet.

    TracerError as there. Interrupted when a signal comes before the first run's end.
    """
    planned = plan_async(rounds, units, progress, in_python=in_python)
    return run_planned(planned, progress, start)


def explained(runs: Runs) -> labels.AsyncExplanation:
    """What the runs of a host say."""
    in_python = runs.planned.about["in_python"]
    steps, missing = STEPS_IN_PYTHON if in_python else STEPS, runs.planned.missing
    judged = runs.load.allows_verdict
    return labels.explain(runs.usable, TOKENS, steps, missing, in_python=in_python, judged=judged)
