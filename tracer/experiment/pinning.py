"""The runs of `tracer explain pinning`: first unpinned ones, from which the pinned time is
predicted; then every placement and intervention, block by block."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

from tracer.analysis.pinning import conditions as labels
from tracer.analysis.pinning.recorded import CALIBRATION, FIRST, Recorded, prediction
from tracer.analysis.pinning.theories import THEORIES
from tracer.analysis.quiet import BUSY, is_disturbed
from tracer.errors import TracerError
from tracer.experiment import interventions, placements
from tracer.experiment.condition import Condition, with_units
from tracer.experiment.design import Design
from tracer.experiment.runner import Runner, run_planned
from tracer.experiment.store import Store
from tracer.experiment.trials import HERE_AND_NOW, Experiment, Planned, Runs, Stage, Start
from tracer.host.fingerprint import fingerprint
from tracer.host.requirements import require_host
from tracer.model.trial import Outcome, Trial
from tracer.progress import Progress
from workloads import available

_PROBES = ("sched", "syscalls", "idle")
#: The runs that the prediction is made from, and the least units of work of each.
_FIRST_RUNS, _FIRST_UNITS = 5, 40_000
#: The calibration: short runs (about 50 ms) of two tasks of the same workload on one CPU.
_CALIBRATION_RUNS, _CALIBRATION_UNITS, _CALIBRATION_TASKS = 5, 5_000, 2
#: The workload that the others are controls of.
_BASE = "thread-brigade"
#: Label, workload that does the base's work another way, whether pinned.
_CONTROLS = (
    (labels.PROCESSES, "process-brigade", False),
    (labels.PROCESSES_PINNED, "process-brigade", True),
    (labels.MEMORY, "thread-mem-brigade", False),
    (labels.MEMORY_PINNED, "thread-mem-brigade", True),
    (labels.FLOOR, "one-thread-brigade", True),
)
#: Label, intervention, whether pinned.
_INTERVENTIONS = (
    (labels.POLLING, "polling", False),
    (labels.BATCH, "batch", False),
    (labels.PINNED_BATCH, "batch", True),
    (labels.SPINNERS, "spinners", False),
)


def conditions(base: Condition) -> tuple[list[Condition], dict[str, str]]:
    """Every placement, intervention and control that this host allows; of the others the reason,
    by label."""
    missing: dict[str, str] = {}
    testable = [dataclasses.replace(base, label=labels.FREE, cpus=())]
    here = placements.here()
    pinned = next((placement.cpus for placement in here if not placement.why_not), ())
    for placement in here:
        if placement.why_not:
            missing[placement.name] = placement.why_not
        else:
            testable.append(dataclasses.replace(base, label=placement.name, cpus=placement.cpus))
    for label, name, is_pinned in _INTERVENTIONS:
        why = interventions.why_not(name)
        if why:
            missing[label] = why
        else:
            cpus = pinned if is_pinned else ()
            testable.append(dataclasses.replace(base, label=label, cpus=cpus, intervention=name))
    for label, workload, is_pinned in _CONTROLS:
        if base.in_python:
            missing[label] = f"it is native, and {base.workload} runs in Python"
        elif base.workload == _BASE:
            testable.append(_control(base, label, workload, pinned if is_pinned else ()))
        else:
            missing[label] = f"it is a control of {_BASE}, not of {base.workload}"
    return testable, missing


def _control(base: Condition, label: str, workload: str, cpus: tuple[int, ...]) -> Condition:
    """Another workload with the base's values; options that it lacks are left out."""
    options = available()[workload].options
    values = {option.name: base.values.get(option.name, option.default) for option in options}
    return Condition(label, workload, values, cpus, as_root=base.as_root)


def _first_condition(base: Condition) -> Condition:
    """What the prediction is made from: unpinned, and not shorter than a prediction needs."""
    first = dataclasses.replace(base, label=FIRST, cpus=())
    units = base.tasks * int(base.values.get("tokens") or 1) * int(base.values.get("iters") or 1)
    return with_units(first, _FIRST_UNITS) if units < _FIRST_UNITS else first


def _note_theories(store: Store) -> None:
    """What each theory predicts is written down before the first run."""
    store.note("theories", {str(theory.number): theory.predicts for theory in THEORIES})


def _note_prediction(store: Store) -> None:
    """The prediction, from the runs so far; written down before a pinned one of the workload."""
    predicted = prediction(store.outcomes)
    store.note("prediction", dataclasses.asdict(predicted) if predicted else None)


def _calibration(base: Condition, cpus: tuple[int, ...]) -> Condition | None:
    """Two tasks of the workload on one CPU; None where it has no such size."""
    if not {"tasks", "iters"} <= base.values.keys() or not cpus:
        return None
    values = {**base.values, "tasks": _CALIBRATION_TASKS}
    two = dataclasses.replace(base, label=CALIBRATION, cpus=cpus[:1], values=values)
    return with_units(two, _CALIBRATION_UNITS)


def _before(label: str, runs: int, after: int = 0) -> list[Trial]:
    """Traced runs before the blocks, numbered downwards from -1, `after` others."""
    return [Trial(label, True, -1 - after - n) for n in range(runs)]


def plan_pinning(base: Condition, rounds: int, progress: Progress) -> Planned:
    """The runs before the blocks, then the blocks. What can be run is tried here.

    TracerError when only one CPU may be used or a placement that the answer needs cannot be run,
    and without the rights for BPF.
    """
    require_host()
    if len(os.sched_getaffinity(0)) < 2:
        raise TracerError(
            "only one CPU may be used here, so being pinned to one is no change: not testable",
            "allow more CPUs (taskset, cpuset) or use a machine with more",
        )
    host = fingerprint()
    every, missing = conditions(base)
    for condition in every:
        condition.require_built()
    first = _first_condition(base)
    pinned = next((one.cpus for one in every if one.label == labels.PINNED), ())
    two = _calibration(base, pinned)
    with Runner([first, *([two] if two else []), *every], _PROBES, progress) as runner:
        runnable, failed = runner.runnable(every)
        missing |= failed
        for label in (labels.FREE, labels.PINNED):
            if label in missing:
                raise TracerError(missing[label])
        if two is not None and runner.why_not(two) is not None:
            two = None
    more = {
        "first": [_FIRST_RUNS, first.plain()],
        "calibration": [_CALIBRATION_RUNS, two.plain()] if two else None,
    }
    shown = [condition.label for condition in runnable]
    trials = [
        *(_before(CALIBRATION, _CALIBRATION_RUNS, _FIRST_RUNS) if two else []),
        *_before(FIRST, _FIRST_RUNS),
        *Design(shown, rounds).trials(),
    ]
    experiment = Experiment("explain-pinning", runnable, rounds, host, _PROBES, more)
    about = {
        "unit": base.unit,
        "in_python": base.in_python,
        "one_address_space": base.workload != "process-brigade",
        "cpus": len(os.sched_getaffinity(0)),
    }
    every_one = [first, *([two] if two else []), *runnable]
    return Planned(experiment, every_one, trials, missing, about)


def run_pinning(
    base: Condition, rounds: int, progress: Progress, start: Start = HERE_AND_NOW
) -> Runs:
    """Run what `plan_pinning` has and is not saved yet.

    TracerError as there. Interrupted when a signal comes before the first block's first run has
    ended.
    """
    planned = plan_pinning(base, rounds, progress)
    before = [trial for trial in planned.trials if trial.block < 0]
    stages = [
        Stage((), _note_theories),
        Stage(before, _note_prediction),
        Stage([trial for trial in planned.trials if trial.block >= 0]),
    ]
    return run_planned(planned, progress, start, stages)


def recorded(line: str, runs: Runs) -> Recorded:
    """The experiment on the workload `line`, with what its runs gave."""
    planned, outcomes = runs.planned, runs.outcomes
    missing = dict(planned.missing)
    if prediction(outcomes) is None:
        missing["the prediction"] = _why_unpredicted(outcomes)
    experiment = planned.experiment
    return Recorded(
        line=line,
        rounds=experiment.rounds,
        host=experiment.host,
        labels=[condition.label for condition in experiment.conditions],
        missing=missing,
        outcomes=outcomes,
        load=runs.load,
        **planned.about,
    )


def _why_unpredicted(outcomes: Sequence[Outcome]) -> str:
    """Why the runs before the blocks gave no prediction."""
    if any(is_disturbed(outcome) for outcome in outcomes if outcome.trial.block < 0):
        return BUSY
    return "the runs before the others do not give the price of each kind of wake-up"
