"""The trials of an experiment, one after another: each saved as it ends, a broken-off one
continued."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tracer.errors import Interrupted
from tracer.experiment.condition import Condition
from tracer.experiment.store import Store
from tracer.model.trial import Outcome, Trial
from tracer.progress import Progress


class TrialRunner(Protocol):
    """What runs one trial at a time."""

    def run(self, trial: Trial) -> Outcome: ...


class Saved(Protocol):
    """Where outcomes are kept as they come."""

    outcomes: list[Outcome]

    def add(self, outcome: Outcome) -> None: ...


@dataclass(frozen=True)
class Experiment:
    """Everything that decides what is measured; saved trials of another one do not count.

    `kind` is the command, for the saved file's name; `host` the fingerprint of this machine;
    `more` further settings as JSON data.
    """

    kind: str
    conditions: Sequence[Condition]
    rounds: int
    host: Mapping[str, str]
    probes: Sequence[str] = ()
    more: Mapping[str, Any] | None = None

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "conditions": [condition.plain() for condition in self.conditions],
            "rounds": self.rounds,
            "host": dict(self.host),
            "probes": list(self.probes),
            **(self.more or {}),
        }


@dataclass(frozen=True)
class Stage:
    """Trials in their order, and what follows when all of them are saved, before the next stage."""

    trials: Sequence[Trial]
    then: Callable[[Store], None] = lambda _: None


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of an experiment, and what its stages noted, by name; `interrupted`: the signal
    that broke it off."""

    outcomes: Sequence[Outcome]
    interrupted: int | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


def run_experiment(
    experiment: Experiment, stages: Sequence[Stage], runner: TrialRunner, progress: Progress
) -> Outcomes:
    """Run the trials that are not saved yet, stage by stage.

    A signal ends the experiment after what was saved, and the next start goes on from there; one
    before the first outcome of a block (numbers from 0) raises Interrupted. TracerError when a
    trial fails or the outcomes cannot be saved.
    """
    trials = [trial for stage in stages for trial in stage.trials]
    with Store(experiment.kind, experiment.plain()) as store:
        stopped = None
        try:
            for stage in stages:
                run_trials(stage.trials, runner, store, progress)
                stage.then(store)
            store.complete()
        except Interrupted as stop:
            stopped = stop.number
        saved = {outcome.trial: outcome for outcome in store.outcomes}
    outcomes = [saved[trial] for trial in trials if trial in saved]
    if stopped is not None and not any(outcome.trial.block >= 0 for outcome in outcomes):
        raise Interrupted(stopped)
    return Outcomes(outcomes, stopped, store.notes)


def run_trials(
    trials: Sequence[Trial], runner: TrialRunner, store: Saved, progress: Progress
) -> None:
    """Run those that are not saved yet. Interrupted when a signal comes."""
    saved = {outcome.trial for outcome in store.outcomes}
    left = [trial for trial in trials if trial not in saved]
    if left and len(left) < len(trials):
        progress.say(f"continuing after {len(trials) - len(left)} saved runs")
    began_s, blocks = time.monotonic(), max((trial.block for trial in trials), default=0) + 1
    try:
        for number, trial in enumerate(left):
            if number:
                spent_s = time.monotonic() - began_s
                progress.expect(spent_s / number * (len(left) - number))
            kind = ", traced" if trial.traced else ""
            progress.say(f"block {trial.block + 1} of {blocks}: {trial.condition}{kind}")
            store.add(runner.run(trial))
    finally:
        progress.clear()
