"""The runs of `tracer explain async`: threads and async on one CPU, with and without I/O, with
more bytes in flight, and with work at each hop."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis import asynchrony as labels
from tracer.errors import TracerError
from tracer.experiment.condition import Condition
from tracer.experiment.design import Design
from tracer.experiment.line import parse_line
from tracer.experiment.runner import Runner
from tracer.experiment.trials import Experiment, Stage, run_experiment
from tracer.host.fingerprint import fingerprint
from tracer.host.user import require_rights
from tracer.model.trial import Outcome
from tracer.progress import Progress

TOKENS = (1, 4, 16)
STEPS = (0, 1_000, 10_000, 100_000)
_PROBES = ("sched", "syscalls")
#: From so many steps at each hop on, a run has at most so many units.
_HEAVY_STEPS, _FEW_UNITS = 10_000, 5_000
_LINES = {
    labels.THREADS: "thread-brigade",
    labels.ASYNC: "async-brigade --flavor current-thread",
    labels.FLOOR: "one-thread-brigade",
    labels.MEM_THREADS: "thread-mem-brigade",
    labels.MEM_ASYNC: "async-mem-brigade",
}


@dataclass(frozen=True)
class AsyncRuns:
    """Outcomes, and what could not be run."""

    outcomes: Sequence[Outcome]
    missing: Mapping[str, str]
    host: Mapping[str, str]
    interrupted: int | None = None


def conditions(units: int) -> list[Condition]:
    """Every run, on one CPU; TracerError (exit status 2) for one that does not fit here."""
    cpu = max(os.sched_getaffinity(0))
    lines = {label: parse_line(text).pinned((cpu,)) for label, text in _LINES.items()}
    runs = [line.condition(label, units) for label, line in lines.items()]
    for base in (labels.THREADS, labels.ASYNC):
        for tokens in TOKENS:
            more = lines[base].with_values({"tokens": tokens})
            runs.append(more.condition(labels.with_tokens(base, tokens), units))
        for steps in STEPS:
            more = lines[base].with_values({"work": steps})
            few = min(units, _FEW_UNITS) if steps >= _HEAVY_STEPS else units
            runs.append(more.condition(labels.with_work(base, steps), few))
    for condition in runs:
        condition.require_fit()
    return runs


def run_async(rounds: int, units: int, progress: Progress) -> AsyncRuns:
    """Run what is not saved yet.

    TracerError when nothing can be run, and without the rights for BPF. Interrupted when a signal
    comes before the first run's end.
    """
    require_rights()
    host = fingerprint()
    every = conditions(units)
    with Runner(every, _PROBES, progress) as runner:
        runnable, missing = runner.runnable(every)
        if not runnable:
            raise TracerError(
                f"nothing can be run here: {next(iter(missing.values()))}", "make setup"
            )
        traced = (labels.THREADS, labels.ASYNC, labels.FLOOR)
        trials = Design([c.label for c in runnable], rounds, traced).trials()
        experiment = Experiment("explain-async", runnable, rounds, host, _PROBES)
        done = run_experiment(experiment, [Stage(trials)], runner, progress)
    return AsyncRuns(done.outcomes, missing, host, done.interrupted)
