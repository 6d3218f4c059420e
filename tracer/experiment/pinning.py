"""The runs of `tracer explain pinning`: first unpinned ones, from which the pinned time is
predicted; then every placement and intervention, block by block."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer import probes
from tracer.analysis.pinning.conditions import (
    BATCH,
    FLOOR,
    FREE,
    MEMORY,
    MEMORY_PINNED,
    PINNED,
    PINNED_BATCH,
    POLLING,
    PROCESSES,
    PROCESSES_PINNED,
    SPINNERS,
)
from tracer.analysis.pinning.prediction import Prediction, predict
from tracer.analysis.pinning.theories import THEORIES
from tracer.errors import Interrupted, TracerError
from tracer.experiment import interventions, placements
from tracer.experiment.condition import Condition, with_units
from tracer.experiment.design import Design, run_trials
from tracer.experiment.runner import Runner
from tracer.experiment.store import Store
from tracer.model.trial import Outcome, Trial
from tracer.progress import Progress

_PROBES = ("sched", "syscalls", "idle")
_FIRST_RUNS, _FIRST_UNITS = 5, 40_000
_FIRST = "unpinned, before the others"
#: Workloads that do the base's work another way; options that they lack are left out.
_OTHERS = (
    (PROCESSES, "process-brigade", False),
    (PROCESSES_PINNED, "process-brigade", True),
    (MEMORY, "thread-mem-brigade", False),
    (MEMORY_PINNED, "thread-mem-brigade", True),
    (FLOOR, "one-thread-brigade", True),
)


@dataclass(frozen=True)
class PinningRuns:
    """Outcomes, labels in the order to show, what could not be run, the stored prediction."""

    outcomes: Sequence[Outcome]
    labels: Sequence[str]
    missing: Mapping[str, str]
    prediction: Prediction | None
    interrupted: int | None = None


def conditions(base: Condition) -> tuple[list[Condition], dict[str, str]]:
    """Every placement and intervention that this host has, and why the others are missing."""
    from workloads import available

    missing: dict[str, str] = {}
    found = [dataclasses.replace(base, label=FREE, cpus=())]
    pinned: tuple[int, ...] = ()
    for rung in placements.here():
        if rung.why_not:
            missing[rung.name] = rung.why_not
            continue
        pinned = pinned or rung.cpus
        label = PINNED if rung.name == "one CPU" else rung.name
        found.append(dataclasses.replace(base, label=label, cpus=rung.cpus))
    for label, name, cpus in (
        (POLLING, "polling", ()),
        (BATCH, "batch", ()),
        (PINNED_BATCH, "batch", pinned),
        (SPINNERS, "spinners", ()),
    ):
        why = interventions.why_not(name)
        if why:
            missing[label] = why
        else:
            found.append(dataclasses.replace(base, label=label, cpus=cpus, intervention=name))
    for label, workload, on_one in _OTHERS:
        if base.workload != "thread-brigade":
            missing[label] = f"it is a control of thread-brigade, not of {base.workload}"
            continue
        known = {option.name: option.default for option in available()[workload].options}
        values = {name: base.values.get(name, value) for name, value in known.items()}
        found.append(Condition(label, workload, values, pinned if on_one else (),
                               as_root=base.as_root))  # fmt: skip
    return found, missing


def run(base: Condition, rounds: int, host: Mapping[str, str]) -> PinningRuns:
    """Run what is not saved yet. Interrupted before the first block: raises Interrupted."""
    if len(os.sched_getaffinity(0)) < 2:
        raise TracerError(
            "only one CPU may be used here, so being pinned to one is no change: not testable",
            "allow more CPUs (taskset, cpuset) or use a machine with more",
            exit_code=1,
        )
    wanted, missing = conditions(base)
    units = int(base.values.get("tasks") or 1) * int(base.values.get("tokens") or 1)
    units *= int(base.values.get("iters") or 1)
    first_base = dataclasses.replace(base, label=_FIRST, cpus=())
    if units < _FIRST_UNITS:  # short runs vary too much to predict from
        first_base = with_units(first_base, _FIRST_UNITS)
    names = [name for name in _PROBES if name in probes.available()]
    progress = Progress()
    with Runner([first_base, *wanted], names, progress) as runner:
        able = runner.able(wanted, missing)
        for label in (FREE, PINNED):
            if label in missing:
                raise TracerError(missing[label])
        plan = {
            "conditions": [c.plain() for c in able],
            "host": dict(host),
            "rounds": rounds,
            "first": [_FIRST_RUNS, first_base.plain()],
        }
        first = [Trial(_FIRST, True, -1 - n) for n in range(_FIRST_RUNS)]
        rest = Design([c.label for c in able], rounds).trials()
        with Store("explain-pinning", plan) as store:
            store.note("theories", {str(t.number): t.predicts for t in THEORIES})
            done = run_trials(first, runner, store, progress)
            if done.interrupted is None:
                made = predict([o.report for o in done.outcomes if o.report is not None])
                store.note("prediction", dataclasses.asdict(made) if made else None)
                done = run_trials(rest, runner, store, progress)
            prediction = store.notes.get("prediction")
            if done.interrupted is None:
                store.complete()
    if done.interrupted is not None and not any(o.trial.block >= 0 for o in done.outcomes):
        raise Interrupted(done.interrupted)
    return PinningRuns(
        done.outcomes,
        [c.label for c in able],
        missing,
        Prediction(**prediction) if prediction else None,
        done.interrupted,
    )
