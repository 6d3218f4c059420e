"""A full traced run of a workload, with short traced and untraced pairs around it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.analysis.quiet import FEWEST_BLOCKS, is_busy
from tracer.analysis.run.observer import Pair
from tracer.capture.workload import run_traced, run_untraced
from tracer.errors import Interrupted
from tracer.experiment.condition import Condition
from tracer.experiment.recorded import recorded
from tracer.experiment.surroundings import Watch
from tracer.experiment.tracing import Tracing
from tracer.host.recorder import Recorder
from tracer.kernel.calibrate import switch_cost_ns
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording
from tracer.model.spec import Spec
from tracer.model.trial import Surroundings
from tracer.progress import Progress

#: A run of a pair is scaled to about this long, and to at least so many iterations.
PAIR_RUN_NS = 1_000_000_000
_FEWEST_ITERATIONS = 10
#: Without pairs, a short run to estimate the time left is made from this many trips on.
_WORTH_ESTIMATING = 200
#: Where the full run is short, pairs are shortened so that all runs together take about this long.
FIRST_ANSWER_NS = 7_000_000_000
_SHORTEST_PAIR_RUN_NS = 200_000_000
#: A pair's run has at most this many warm-ups: it is short.
PAIR_WARMUPS = 20


@dataclass(frozen=True)
class Plan:
    """What to measure: a workload, and how many pairs of short runs go with its full run.

    Plain data: it can be pickled, and its runs started from the copy.
    """

    condition: Condition
    rounds: int
    tracing: Tracing = Tracing()
    follow: bool = True

    @property
    def iterations(self) -> int:
        """Those of the full run."""
        return int(self.condition.values["iters"] or 0)

    def spec(self, iterations: int | None = None) -> Spec:
        """How to start the full run; with `iterations`, a shorter one."""
        if iterations is None:
            return self.condition.spec()
        warmups = min(int(self.condition.values["warmups"] or 0), PAIR_WARMUPS)
        return self.condition.spec({"iters": iterations, "warmups": warmups})


@dataclass(frozen=True)
class Measured:
    """The full run and the pairs; `around` what the host did during each. `interrupted`: the signal
    that came before the last run's end."""

    recording: Recording
    pairs: Sequence[Pair]
    around: Sequence[Surroundings] = ()
    interrupted: int | None = None

    @property
    def quiet_pairs(self) -> list[Pair]:
        """Those that neither other programs nor steal disturbed; all where these are fewer than a
        verdict needs."""
        both = zip(self.pairs, self.around, strict=True)
        quiet = [pair for pair, around in both if not is_busy(around)]
        return quiet if len(quiet) >= FEWEST_BLOCKS else list(self.pairs)


def switches_per_unit(result: Mapping[str, Any]) -> float:
    """Context switches per unit of work; of the whole run where units were not counted."""
    usage = result["rusage"]
    return float(usage["voluntary"] + usage["involuntary"]) / (result.get("units") or 1)


class _Runs:
    """Makes the runs of a plan and updates the estimate of the time left."""

    def __init__(
        self, engine: Engine, plan: Plan, progress: Progress, recorder: Recorder | None
    ) -> None:
        self._engine, self._plan, self._progress = engine, plan, progress
        self._recorder = recorder
        self._trips = 0
        self._done = 0
        self._began_s = 0.0
        #: What the host did during each pair.
        self.around: list[Surroundings] = []

    def expect(self, trips: int, trip_ns: float) -> None:
        """There will be this many trips in all, each about this long."""
        self._trips, self._began_s = trips, time.monotonic()
        self._progress.expect(trips * trip_ns / 1e9)

    def _finished(self, trips: int) -> None:
        self._done += trips
        if not self._trips:
            return
        took_s = time.monotonic() - self._began_s
        self._progress.expect(took_s / self._done * max(self._trips - self._done, 0))

    def trip_ns(self) -> float:
        """How long one trip takes untraced, by a short run."""
        self._progress.say("measuring how long a trip takes")
        plan = self._plan
        short = plan.spec(max(_FEWEST_ITERATIONS, plan.iterations // 20))
        return float(run_untraced(short, self._progress)["mean_ns"])

    def pair(self, number: int, trips: int) -> Pair:
        """Pair `number`, from 0: traced first in those of even numbers."""
        plan = self._plan
        spec = plan.spec(trips)
        self._progress.say(f"traced and untraced pair {number + 1} of {plan.rounds}")

        def traced() -> Mapping[str, Any]:
            recording = run_traced(self._engine, spec, plan.follow, progress=self._progress)
            if recording.stopped_by is not None:
                raise Interrupted(recording.stopped_by)
            return recording.result

        def untraced() -> Mapping[str, Any]:
            return run_untraced(spec, self._progress)

        watch = Watch(spin=False)
        if number % 2 == 0:
            a, b = traced(), untraced()
        else:
            b, a = untraced(), traced()
        self.around.append(watch.ended(spin=False))
        self._finished(2 * trips)
        return Pair(a["ns_per_unit"], b["ns_per_unit"], switches_per_unit(a), switches_per_unit(b))

    def full(self, cost_ns: int | None) -> Recording:
        """The run that is reported."""
        self._progress.say("the full run")
        plan = self._plan
        with recorded(self._engine, self._recorder, plan.spec().argv) as keep:
            recording = run_traced(self._engine, plan.spec(), plan.follow, cost_ns, self._progress)
            recording = keep(recording)
        self._finished(plan.iterations)
        return recording


def _pair_trips(plan: Plan, trip_ns: float) -> int:
    """Iterations of a pair's run, so that all runs together do not take too long."""
    run_ns: float = PAIR_RUN_NS
    left_ns = FIRST_ANSWER_NS - plan.iterations * trip_ns
    if left_ns > 0:
        run_ns = min(max(left_ns / (2 * plan.rounds), _SHORTEST_PAIR_RUN_NS), PAIR_RUN_NS)
    fitting = int(run_ns / max(trip_ns, 1.0))
    return max(_FEWEST_ITERATIONS, min(plan.iterations, fitting))


def measure(plan: Plan, progress: Progress, recorder: Recorder | None = None) -> Measured:
    """Half the pairs, the full run, the other half; order A B B A throughout.

    A signal during the full run or later ends the measurement with what there is by then; one
    before it raises Interrupted. TracerError when the workload fails.
    """
    progress.say("preparing the probes")
    tracing = plan.tracing
    engine = Engine(
        tracing.probes,
        tracing.light,
        sampling=tracing.sampling,
        one_in=tracing.one_in,
        say=progress.say,
    )
    with contextlib.closing(engine):
        try:
            runs = _Runs(engine, plan, progress, recorder)
            return _measured(runs, plan, switch_cost_ns(engine), progress)
        finally:
            progress.clear()


def _measured(runs: _Runs, plan: Plan, cost_ns: int | None, progress: Progress) -> Measured:
    trips = plan.iterations
    if plan.rounds or (progress.is_shown and plan.iterations >= _WORTH_ESTIMATING):
        trip_ns = runs.trip_ns()
        if plan.rounds:
            trips = _pair_trips(plan, trip_ns)
        runs.expect(2 * plan.rounds * trips + plan.iterations, trip_ns)
    before = (plan.rounds + 1) // 2
    pairs = [runs.pair(number, trips) for number in range(before)]
    recording = runs.full(cost_ns)
    if recording.stopped_by is not None:
        return Measured(recording, pairs, runs.around, recording.stopped_by)
    try:
        for number in range(before, plan.rounds):
            pairs.append(runs.pair(number, trips))  # noqa: PERF401 - a signal keeps those made
    except Interrupted as stop:
        return Measured(recording, pairs, runs.around, stop.number)
    return Measured(recording, pairs, runs.around)
