"""The trials of an experiment, one after another: each saved as it ends, a broken-off one
continued."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tracer.analysis.quiet import Load, Resumed, block_loads
from tracer.errors import Interrupted
from tracer.experiment.condition import Condition
from tracer.experiment.store import Store
from tracer.experiment.surroundings import look, wait_until_quiet
from tracer.model.trial import HostShare, Outcome, Trial
from tracer.progress import Progress
from tracer.report.load import resumed

#: Saved runs that ended longer before this start are of another hour.
_HOUR_S = 3600


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
class Planned:
    """An experiment on one host before its first run: plain data, so that a process of another host
    can make its runs.

    `conditions`: all that the `trials` name; `missing`: what cannot be run there, and why;
    `about`: what an analysis of the outcomes needs besides, JSON data; `may_fail`: the labels under
    which a failure is a result, and does not end the experiment.
    """

    experiment: Experiment
    conditions: Sequence[Condition]
    trials: Sequence[Trial]
    missing: Mapping[str, str] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    may_fail: Sequence[str] = ()


@dataclass(frozen=True)
class Runs:
    """What was planned on a host, and what was run of it; `load`: what else the host did;
    `interrupted`: the signal that broke it off."""

    planned: Planned
    outcomes: Sequence[Outcome]
    load: Load
    interrupted: int | None = None

    @property
    def host(self) -> Mapping[str, str]:
        """The host's fingerprint."""
        return self.planned.experiment.host

    @property
    def usable(self) -> list[Outcome]:
        """The outcomes that a verdict may rest on."""
        return self.load.usable(self.outcomes)


@dataclass(frozen=True)
class Start:
    """How an experiment begins: after a wait of at most `wait_quiet_s` for a quiet host (None: it
    does not wait), and `fresh`, without the runs that are saved. `say` is called with a message
    for the user."""

    wait_quiet_s: float | None = None
    fresh: bool = False
    say: Callable[[str], None] = lambda _text: None


HERE_AND_NOW = Start()


@dataclass(frozen=True)
class Stage:
    """Trials in their order, and what follows when all of them are saved, before the next stage."""

    trials: Sequence[Trial]
    then: Callable[[Store], None] = lambda _: None


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of an experiment, and what its stages noted, by name; `load`: what else the host
    did; `interrupted`: the signal that broke it off."""

    outcomes: Sequence[Outcome]
    load: Load = field(default_factory=Load)
    interrupted: int | None = None
    notes: Mapping[str, Any] = field(default_factory=dict)


def run_experiment(
    experiment: Experiment,
    stages: Sequence[Stage],
    runner: TrialRunner,
    progress: Progress,
    start: Start = HERE_AND_NOW,
) -> Outcomes:
    """Look at the host, then run the trials that are not saved yet, stage by stage.

    A signal ends the experiment after what was saved, and the next start goes on from there; one
    before the first outcome of a block (numbers from 0) raises Interrupted. TracerError when a
    trial fails or the outcomes cannot be saved, when those saved are more than a day old, and when
    a quiet host was waited for in vain.
    """
    trials = [trial for stage in stages for trial in stage.trials]
    with Store(experiment.kind, experiment.plain(), fresh=start.fresh) as store:
        stopped, began_s = None, time.time()
        ends_s = {o.trial: o.at_s for o in store.outcomes if o.trial in set(trials)}
        taken_over = say_resumed(start, list(ends_s.values()), len(trials), began_s)
        before = None
        try:
            if len(ends_s) < len(trials):
                before = _host_before(start, progress)
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
    old = {trial.block for trial, at_s in ends_s.items() if began_s - at_s > _HOUR_S}
    load = Load(before, block_loads(outcomes, old), taken_over)
    return Outcomes(outcomes, load, stopped, store.notes)


def _host_before(start: Start, progress: Progress) -> HostShare:
    if start.wait_quiet_s is None:
        return look()
    return wait_until_quiet(start.wait_quiet_s, progress)


def say_resumed(start: Start, ends_s: Sequence[float], runs: int, began_s: float) -> Resumed | None:
    """Say how many of `runs` are taken over: those that had ended at these times, s. None, and
    nothing is said: none had."""
    if not ends_s:
        return None
    taken_over = Resumed(
        len(ends_s), runs, max(began_s - max(ends_s), 0.0), max(began_s - min(ends_s), 0.0)
    )
    start.say(f"{resumed(taken_over)}; --fresh starts anew")
    return taken_over


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
