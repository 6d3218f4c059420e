"""The runs of `tracer brigades`: every brigade in every placement, round by round."""

from __future__ import annotations

import os
from collections.abc import Mapping

from tracer.analysis.answers import answers
from tracer.analysis.brigades import PINNED, Brigades, Contestant, brigades
from tracer.errors import TracerError
from tracer.experiment.brigade_sizes import contestants
from tracer.experiment.condition import Condition
from tracer.experiment.design import Design
from tracer.experiment.line import WorkloadLine, parse_line
from tracer.experiment.runner import run_planned, tried
from tracer.experiment.store import Store
from tracer.experiment.trials import HERE_AND_NOW, Experiment, Planned, Runs, Stage, Start
from tracer.host.fingerprint import fingerprint
from tracer.host.requirements import require_host
from tracer.progress import Progress

_PROBES = ("sched", "syscalls")

#: Label -> workload line. Each runs free to move and pinned.
BRIGADES = {
    "thread-brigade": "thread-brigade",
    "async-brigade": "async-brigade",
    "async-brigade current-thread": "async-brigade --flavor current-thread",
    "one-thread-brigade": "one-thread-brigade",
    "thread-mem-brigade": "thread-mem-brigade",
    "async-mem-brigade": "async-mem-brigade",
    "uring-brigade": "uring-brigade",
}
MORE = {
    "process-brigade": "process-brigade",
    "async-mem-brigade multi-thread": "async-mem-brigade --flavor multi-thread",
    "uring-brigade chain": "uring-brigade --mode chain",
    "uring-brigade per-thread": "uring-brigade --mode per-thread",
}
#: Free to move only: the polling thread of io_uring needs a CPU of its own (pinned to one with the
#: workload it takes 1 ms per hop here).
FREE = {
    "uring-brigade sqpoll": "uring-brigade --sqpoll",
}
#: Free to move only: what creation costs does not depend on the placement.
CREATION = {
    "thread-creation": "thread-creation --warmups 2",
    "async-creation": "async-creation --warmups 2",
}
#: An iteration of a creation creates many tasks: so many units for one iteration, 4 at least.
_UNITS_PER_CREATION, _FEWEST_CREATIONS = 2500, 4


def _lines(everything: bool, units: int) -> dict[str, WorkloadLine]:
    """Label -> what is run under it."""
    placed = {**BRIGADES, **(MORE if everything else {})}
    free = {label: parse_line(text) for label, text in placed.items()}
    cpu = max(os.sched_getaffinity(0))
    pinned = {f"{label}{PINNED}": line.pinned((cpu,)) for label, line in free.items()}
    if everything:
        pinned |= {label: parse_line(text) for label, text in FREE.items()}
    iterations = max(units // _UNITS_PER_CREATION, _FEWEST_CREATIONS)
    creation = {
        label: parse_line(text).with_values({"iters": iterations})
        for label, text in CREATION.items()
    }
    return {**free, **pinned, **creation}


def _conditions(
    everything: bool, units: int, in_python: bool
) -> tuple[list[Condition], dict[str, str]]:
    """What exists and fits into this system's limits, and why the others do not.

    TracerError when a native program is not built.
    """
    fitting: list[Condition] = []
    missing: dict[str, str] = {}
    for label, line in _lines(everything, units).items():
        if not in_python:
            line.condition(label, units).require_built()
        try:
            condition = (line.in_python() if in_python else line).condition(label, units)
            condition.require_built()
            condition.require_fit()
        except TracerError as error:
            missing[label] = error.message
        else:
            fitting.append(condition)
    return fitting, missing


def plan_brigades(
    rounds: int, everything: bool, units: int, progress: Progress, *, in_python: bool = False
) -> Planned:
    """The rounds; `in_python`: the twins in Python, of those that have one. A workload that fails
    at its first try, which is made here, is left out by name.

    TracerError when a program is not built or nothing can be run, and without the rights for BPF.
    """
    require_host()
    host = fingerprint()
    fitting, missing = _conditions(everything, units, in_python)
    runnable, failed = tried(fitting, _PROBES, progress)
    about = {"units": {c.label: c.unit for c in runnable}, "in_python": in_python}
    experiment = Experiment("brigades", runnable, rounds, host, _PROBES)
    trials = Design([c.label for c in runnable], rounds).trials()
    return Planned(experiment, runnable, trials, missing | failed, about)


def run_brigades(
    rounds: int,
    everything: bool,
    units: int,
    progress: Progress,
    start: Start = HERE_AND_NOW,
    *,
    in_python: bool = False,
) -> tuple[Runs, Mapping[str, Contestant]]:
    """Run the rounds of `plan_brigades` that are not saved yet, then measure memory and sizes of
    `threads` and `async`, which are empty when a signal broke the runs off. A workload that fails
    later than at its first try ends the experiment.

    TracerError as there. Interrupted when a signal comes before the first run's end.
    """
    planned = plan_brigades(rounds, everything, units, progress, in_python=in_python)
    sizes: dict[str, Contestant] = {}

    def measure_sizes(_store: Store) -> None:
        sizes.update(contestants(progress, in_python=in_python))

    return run_planned(planned, progress, start, [Stage(planned.trials, measure_sizes)]), sizes


def result_of(runs: Runs, sizes: Mapping[str, Contestant]) -> Brigades:
    """What the runs of a host say, with its `sizes`."""
    planned, judged = runs.planned, runs.load.allows_verdict
    units, in_python = planned.about["units"], planned.about["in_python"]
    return brigades(
        runs.usable, units, planned.missing, answers, sizes, in_python=in_python, judged=judged
    )
