"""The runs of `tracer explain async`: threads and async on one CPU, with and without I/O, with
more bytes in flight, and with work at each hop."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis import asynchrony as a
from tracer.errors import Interrupted, TracerError
from tracer.experiment.condition import Condition
from tracer.experiment.design import Design, run_trials
from tracer.experiment.line import condition
from tracer.experiment.runner import Runner
from tracer.experiment.store import Store
from tracer.model.trial import Outcome
from tracer.progress import Progress

TOKENS = (1, 4, 16)
STEPS = (0, 1_000, 10_000, 100_000)
_PROBES = ("sched", "syscalls")
_FEW_UNITS = 5_000  # of the runs with the most work


@dataclass(frozen=True)
class AsyncRuns:
    """Outcomes, and what could not be run."""

    outcomes: Sequence[Outcome]
    missing: Mapping[str, str]
    interrupted: int | None = None


def _lines() -> dict[str, str]:
    lines = {
        a.THREADS: "thread-brigade",
        a.ASYNC: "async-brigade --flavor current-thread",
        a.FLOOR: "one-thread-brigade",
        a.MEM_THREADS: "thread-mem-brigade",
        a.MEM_ASYNC: "async-mem-brigade",
    }
    for base in (a.THREADS, a.ASYNC):
        for tokens in TOKENS:
            lines[a.with_tokens(base, tokens)] = f"{lines[base]} --tokens {tokens}"
        for steps in STEPS:
            lines[a.with_work(base, steps)] = f"{lines[base]} --work {steps}"
    return lines


def run(rounds: int, units: int, host: Mapping[str, str]) -> AsyncRuns:
    """Run what is not saved yet. Interrupted before the first run: raises Interrupted."""
    cpu = max(os.sched_getaffinity(0))
    wanted: list[Condition] = []
    for label, line in _lines().items():
        heavy = int(line.rsplit("--work ", 1)[1]) >= 10_000 if "--work" in line else False
        wanted.append(
            condition(f"{line} --cpus {cpu}", label, min(units, _FEW_UNITS) if heavy else units)
        )
    progress = Progress()
    missing: dict[str, str] = {}
    with Runner(wanted, _PROBES, progress) as runner:
        able = runner.able(wanted, missing)
        if not able:
            raise TracerError(f"nothing can be run here: {next(iter(missing.values()))}",
                              "make setup")  # fmt: skip
        plan = {"conditions": [c.plain() for c in able], "host": dict(host), "rounds": rounds}
        design = Design([c.label for c in able], rounds, traced=(a.THREADS, a.ASYNC, a.FLOOR))
        with Store("explain-async", plan) as store:
            done = run_trials(design.trials(), runner, store, progress)
            if done.interrupted is None:
                store.complete()
    if done.interrupted is not None and not done.outcomes:
        raise Interrupted(done.interrupted)
    return AsyncRuns(done.outcomes, missing, done.interrupted)
