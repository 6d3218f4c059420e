"""Runs one trial at a time: the only place where an experiment starts a workload."""

from __future__ import annotations

import os
import shlex
import signal
from collections.abc import Sequence
from contextlib import ExitStack

from tracer.analysis.run.document import document
from tracer.analysis.run.summary import summarize
from tracer.capture.command import CommandOptions, run_command, run_command_untraced
from tracer.capture.workload import run_traced, run_untraced
from tracer.errors import Interrupted, TracerError
from tracer.experiment import interventions
from tracer.experiment.condition import Condition
from tracer.experiment.surroundings import surroundings, timed_spin_ns
from tracer.host.load import HostTimes
from tracer.kernel.calibrate import switch_cost_ns
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording
from tracer.model.spec import Spec
from tracer.model.trial import Outcome, Trial
from tracer.progress import Progress
from tracer.units import plain

#: Sections of a report that are not kept for each run.
_LONG = ("threads", "thread_groups")


def require_success(spec: Spec, status: int | None) -> None:
    """TracerError when a command failed: what it did then is nothing to compare. Interrupted when
    Ctrl-C ended it, which reaches the command and not tracer."""
    if status == -signal.SIGINT:
        raise Interrupted(signal.SIGINT)
    if status:
        how = f"killed by signal {-status}" if status < 0 else f"with exit status {status}"
        raise TracerError(
            f"the command {plain(shlex.join(spec.argv))} ended {how}: its runs cannot be compared",
            "run it by itself; its own message, if it had one, is above",
        )


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
        self._cost_ns: int | None = None

    def run(self, trial: Trial) -> Outcome:
        """Run it; Interrupted when a signal comes, TracerError when the workload fails."""
        condition = self._conditions[trial.condition]
        own_before = sum(os.times()[:4])
        before, spin = HostTimes.now(), timed_spin_ns()
        with ExitStack() as stack:
            changes = stack.enter_context(interventions.applied(condition.intervention))
            spec = interventions.changed(condition.spec(), changes)
            report = None
            if trial.traced:
                recording = self._traced(condition, spec)
                if recording.interrupted is not None:
                    raise Interrupted(recording.interrupted)
                kind = "command" if condition.command else "workload"
                summary = summarize(recording, name=condition.workload or spec.argv[0],
                                    transport="", unit=condition.unit, kind=kind)  # fmt: skip
                report = {k: v for k, v in document(summary).items() if k not in _LONG}
                result = recording.result
            elif condition.command:
                result = run_command_untraced(spec)
                require_success(spec, result["exit_status"])
            else:
                result = run_untraced(spec, self._progress)
        spins = spin, timed_spin_ns()
        after = HostTimes.now()
        own = int((sum(os.times()[:4]) - own_before) * 1e9)
        return Outcome(trial, result, surroundings(before, after, spins, own), report)

    def _traced(self, condition: Condition, spec: Spec) -> Recording:
        engine = self._traced_engine()
        if not condition.command:
            return run_traced(engine, spec, True, self._cost_ns, self._progress)
        recording = run_command(engine, spec, CommandOptions(), self._cost_ns)
        if recording.interrupted is None:
            require_success(spec, recording.exit_status)
        return recording

    def cannot(self, condition: Condition) -> str | None:
        """Why this condition cannot be run here, found by a shortest run; None when it can."""
        smallest = {
            name: n for name, n in (("iters", 1), ("warmups", 0)) if name in condition.values
        }
        try:
            run_untraced(condition.spec(smallest), self._progress)
        except TracerError as error:
            return error.message
        return None

    def able(self, conditions: Sequence[Condition], missing: dict[str, str]) -> list[Condition]:
        """Those that can be run here; the others go into `missing`, by label, with the reason."""
        found = []
        for condition in conditions:
            self._progress.say(f"trying: {condition.label}")
            why = self.cannot(condition)
            if why:
                missing[condition.label] = why
            else:
                found.append(condition)
        return found

    def _traced_engine(self) -> Engine:
        if self._engine is None:
            self._progress.say("preparing the probes")
            self._engine = Engine(self._probes)
            self._cost_ns = switch_cost_ns(self._engine)
        return self._engine

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.clear()
        if self._engine is not None:
            self._engine.close()
            self._engine = None
