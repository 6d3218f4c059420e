"""The conditions of a benchmark, run in interleaved blocks as tracer's experiments are.

A machine drifts by more than the differences that are measured here. Two runs of one block lie
seconds apart, so what slows both cancels in their ratio.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tracer.analysis.blocks import Blocks
from tracer.errors import TracerError
from tracer.experiment.design import Design
from tracer.experiment.surroundings import Watch
from tracer.experiment.trials import run_trials
from tracer.model.trial import Outcome, Trial
from tracer.progress import Progress

#: What a run measured: `ns_per_unit` at least; a workload's result has `rusage` and `units` too.
RunResult = Mapping[str, Any]
#: How to make a run of each condition, by label; TracerError when it cannot be made here.
Conditions = Mapping[str, Callable[[], RunResult]]


@dataclass(frozen=True)
class Measured:
    """The runs by condition, and the conditions that could not be run, with the reason."""

    blocks: Blocks
    errors: Mapping[str, str]

    @property
    def labels(self) -> list[str]:
        """The conditions that were run."""
        return self.blocks.labels

    def ns_per_unit(self, label: str) -> float:
        """Median over the blocks."""
        interval = self.blocks.interval(label)
        assert interval is not None
        return interval.median

    def as_json(self) -> dict[str, Any]:
        """Every single run, for statistics of the reader's own."""
        runs = {label: self.blocks.untraced(label).values() for label in self.labels}
        return {
            "ns_per_unit": {
                label: [o.ns_per_unit for o in outcomes] for label, outcomes in runs.items()
            },
            "switches_per_unit": {
                label: [_switches_per_unit(o.result) for o in outcomes]
                for label, outcomes in runs.items()
            },
            "errors": dict(self.errors),
        }


def _switches_per_unit(result: RunResult) -> float | None:
    """Context switches per unit of work; None where the program does not count them."""
    if "rusage" not in result:
        return None
    usage = result["rusage"]
    return float(usage["voluntary"] + usage["involuntary"]) / max(int(result["units"]), 1)


class _Runner:
    """Makes one run at a time, and keeps why a condition could not be run."""

    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self.errors: dict[str, str] = {}

    def run(self, trial: Trial) -> Outcome:
        watch = Watch()
        try:
            result = self._conditions[trial.condition]()
        except TracerError as error:
            self.errors[trial.condition] = error.message
            raise
        return Outcome(trial, result, watch.ended())


class _InMemory:
    """The outcomes so far; a benchmark that is broken off starts anew."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)


def measure(conditions: Conditions, rounds: int, progress: Progress) -> Measured:
    """`rounds` blocks of all conditions. One that fails is left out from then on."""
    runner, saved = _Runner(conditions), _InMemory()
    while True:
        labels = [label for label in conditions if label not in runner.errors]
        trials = Design(labels, rounds, traced=()).trials()
        try:
            run_trials(trials, runner, saved, progress)
        except TracerError:
            continue  # the others go on after the runs that they have
        complete = [o for o in saved.outcomes if o.trial.condition not in runner.errors]
        return Measured(Blocks(complete), runner.errors)
