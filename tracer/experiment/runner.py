"""Runs the trials of an experiment, one at a time, traced or not."""

from __future__ import annotations

import dataclasses
import shlex
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from tracer.analysis.run.document import document
from tracer.analysis.run.summary import summarize
from tracer.capture.command import CommandOptions, run_command, run_command_untraced
from tracer.capture.workload import run_traced, run_untraced
from tracer.errors import Interrupted, TracerError
from tracer.experiment import interventions
from tracer.experiment.condition import Condition
from tracer.experiment.surroundings import Watch
from tracer.experiment.trials import Planned, Runs, Stage, Start, TrialRunner, run_experiment
from tracer.host.installation import installation
from tracer.kernel.calibrate import switch_cost_ns
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording
from tracer.model.spec import Spec
from tracer.model.trial import FAILED, Outcome, Surroundings, Trial
from tracer.progress import Progress
from tracer.units import plain

#: Sections of a report that are not kept for each run.
_LONG = ("threads", "thread_groups")
_NOTHING = Surroundings(1, 1, 0, 0, 0)


def require_success(spec: Spec, status: int | None) -> None:
    """TracerError when a command failed: what it did then cannot be compared. Interrupted when
    Ctrl-C ended it, which reaches the command and not tracer."""
    if status == -signal.SIGINT:
        raise Interrupted(signal.SIGINT)
    if status:
        how = f"killed by signal {-status}" if status < 0 else f"with exit status {status}"
        raise TracerError(
            f"the command {plain(shlex.join(spec.argv))} ended {how}: its runs cannot be compared",
            "run it by itself; its own message, if it had one, is above",
        )


def require_units(result: Mapping[str, Any]) -> None:
    """TracerError when a command's output does not have the count that was looked for."""
    if "no_units" in result:
        raise TracerError(result["no_units"], result["no_units_hint"], exit_code=2)


class Runner:
    """Holds the compiled probes; use as a context manager.

    Parameters
    ----------
    conditions:
        By label.
    probes:
        Whose detail traced trials keep; empty when no trial is traced.
    """

    def __init__(
        self, conditions: Sequence[Condition], probes: Sequence[str], progress: Progress
    ) -> None:
        self._conditions = {condition.label: condition for condition in conditions}
        self._probes = tuple(probes)
        self._progress = progress
        self._engine: Engine | None = None
        self._switch_cost_ns: int | None = None

    def run(self, trial: Trial) -> Outcome:
        """Run it; Interrupted when a signal comes, TracerError when the workload fails."""
        condition = self._conditions[trial.condition]
        watch = Watch()
        with interventions.applied(condition.intervention) as changes:
            spec = interventions.changed(condition.spec(), changes)
            report = None
            if trial.traced:
                recording = self._traced(condition, spec)
                result, report = recording.result, _report(condition, spec, recording)
            elif condition.command:
                result = run_command_untraced(spec, condition.units or None)
                require_success(spec, result["exit_status"])
                require_units(result)
            else:
                result = run_untraced(spec, self._progress)
        return Outcome(trial, result, watch.ended(), report, time.time())

    def _traced(self, condition: Condition, spec: Spec) -> Recording:
        engine = self._compiled()
        if condition.command:
            options = CommandOptions(units=condition.units or None)
            recording = dataclasses.replace(
                run_command(engine, spec, options), switch_cost_ns=self._switch_cost_ns
            )
        else:
            recording = run_traced(engine, spec, True, self._switch_cost_ns, self._progress)
        if recording.stopped_by is not None:
            raise Interrupted(recording.stopped_by)
        if condition.command:
            require_success(spec, recording.exit_status)
            require_units(recording.result)
        return recording

    def why_not(self, condition: Condition) -> str | None:
        """Why this condition cannot be run here, by trying a shortest run; None when it can."""
        smallest = {
            name: n for name, n in (("iters", 1), ("warmups", 0)) if name in condition.values
        }
        try:
            run_untraced(condition.spec(smallest), self._progress)
        except TracerError as error:
            return error.message
        return None

    def runnable(self, conditions: Sequence[Condition]) -> tuple[list[Condition], dict[str, str]]:
        """Those that can be run here, each tried; of the others the reason, by label."""
        runnable, missing = [], {}
        for condition in conditions:
            self._progress.say(f"trying: {condition.label}")
            why = self.why_not(condition)
            if why:
                missing[condition.label] = why
            else:
                runnable.append(condition)
        return runnable, missing

    def _compiled(self) -> Engine:
        """The engine, made for the first traced trial."""
        if self._engine is None:
            self._progress.say("preparing the probes")
            self._engine = Engine(self._probes, say=self._progress.say)
            self._switch_cost_ns = switch_cost_ns(self._engine)
        return self._engine

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.clear()
        if self._engine is not None:
            self._engine.close()
            self._engine = None


def tried(
    conditions: Sequence[Condition], probes: Sequence[str], progress: Progress
) -> tuple[list[Condition], dict[str, str]]:
    """Those that can be run here, each tried; of the others the reason, by label. TracerError where
    none can."""
    with Runner(conditions, probes, progress) as runner:
        runnable, missing = runner.runnable(conditions)
    if not runnable:
        why = next(iter(missing.values()), "every workload is left out")
        raise TracerError(f"nothing can be run here: {why}", installation().to_build())
    return runnable, missing


class Forgiving:
    """Runs trials; a condition that may fail is left out from its first failure on."""

    def __init__(self, runner: TrialRunner, may_fail: Collection[str]) -> None:
        self._runner, self._may_fail = runner, may_fail
        self._failed: dict[str, str] = {}

    def run(self, trial: Trial) -> Outcome:
        """Outcome.result has FAILED, and why, where a condition failed that may; TracerError for
        another one."""
        label = trial.condition
        if label not in self._failed:
            try:
                return self._runner.run(trial)
            except TracerError as error:
                if label not in self._may_fail:
                    raise
                self._failed[label] = error.message
        return Outcome(trial, {FAILED: self._failed[label]}, _NOTHING, at_s=time.time())


def run_planned(
    planned: Planned, progress: Progress, start: Start, stages: Sequence[Stage] = ()
) -> Runs:
    """Run what is planned and not saved yet on this host, as `run_experiment` does; `stages`: its
    trials with what follows them, where something does."""
    experiment = planned.experiment
    with Runner(planned.conditions, experiment.probes, progress) as runner:
        forgiving = Forgiving(runner, planned.may_fail)
        stages = stages or [Stage(planned.trials)]
        done = run_experiment(experiment, stages, forgiving, progress, start)
    return Runs(planned, done.outcomes, done.load, done.interrupted)


def _report(condition: Condition, spec: Spec, recording: Recording) -> dict[str, Any]:
    """The JSON document of a traced run, without its long lists."""
    summary = summarize(
        recording,
        name=condition.workload or spec.argv[0],
        transport="",
        unit=condition.unit,
        kind="command" if condition.command else "workload",
    )
    return {name: part for name, part in document(summary).items() if name not in _LONG}
