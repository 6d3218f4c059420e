"""The one executor: the full traced run with short traced and untraced pairs around it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.analysis.run.observer import Pair
from tracer.capture.workload import run_traced, run_untraced
from tracer.errors import Interrupted
from tracer.kernel.calibrate import switch_cost_ns
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording
from tracer.model.spec import Spec
from tracer.progress import Progress

#: A run of a pair is scaled to about this long, and to at least so many iterations.
PAIR_RUN_NS = 1_000_000_000
_FEWEST_ITERATIONS = 10
#: Without pairs, an estimate of the time left is worth a short run from so many trips on.
_WORTH_ESTIMATING = 200
#: When the full run is short a first answer matters more: all the runs together about so long.
FIRST_ANSWER_NS = 7_000_000_000
_SHORTEST_PAIR_RUN_NS = 200_000_000
#: Fewer than a full run's: a pair's run is short, and 10 of them warm up.
PAIR_WARMUPS = 20


@dataclass(frozen=True)
class Plan:
    """What to measure; plain data but for `scaled`, which makes the spec of a shorter run."""

    spec: Spec
    scaled: Callable[[int], Spec]
    iterations: int
    probes: Sequence[str]
    light: bool
    follow: bool
    rounds: int


@dataclass(frozen=True)
class Measured:
    """The full run and the pairs; `interrupted`: the signal that ended it all too early."""

    recording: Recording
    pairs: Sequence[Pair]
    interrupted: int | None = None


def _switches(result: Mapping[str, Any]) -> float:
    usage = result["rusage"]
    return float(usage["voluntary"] + usage["involuntary"]) / max(int(result["units"]), 1)


class _Runs:
    """Makes the runs of a plan and tells the progress how long the rest will take."""

    def __init__(self, engine: Engine, plan: Plan, progress: Progress) -> None:
        self._engine, self._plan, self._progress = engine, plan, progress
        self._trips = 0
        self._done = 0
        self._began_s = 0.0

    def expect(self, trips: int, trip_ns: float) -> None:
        """From now on: so many trips in all, each about so long."""
        self._trips, self._began_s = trips, time.monotonic()
        self._progress.expect(trips * trip_ns / 1e9)

    def _finished(self, trips: int) -> None:
        self._done += trips
        if not self._trips:
            return
        took_s = time.monotonic() - self._began_s
        self._progress.expect(took_s / self._done * max(self._trips - self._done, 0))

    def pair(self, number: int, spec: Spec, trips: int) -> Pair:
        self._progress.say(f"traced and untraced pair {number + 1} of {self._plan.rounds}")

        def traced() -> Mapping[str, Any]:
            recording = run_traced(self._engine, spec, self._plan.follow, progress=self._progress)
            if recording.interrupted is not None:
                raise Interrupted(recording.interrupted)
            return recording.result

        def untraced() -> Mapping[str, Any]:
            return run_untraced(spec, self._progress)

        if number % 2 == 0:
            a, b = traced(), untraced()
        else:
            b, a = untraced(), traced()
        self._finished(2 * trips)
        return Pair(a["ns_per_unit"], b["ns_per_unit"], _switches(a), _switches(b))

    def full(self, cost_ns: int | None) -> Recording:
        self._progress.say("the full run")
        plan = self._plan
        recording = run_traced(self._engine, plan.spec, plan.follow, cost_ns, self._progress)
        self._finished(plan.iterations)
        return recording


def _pair_run_ns(plan: Plan, trip_ns: float) -> float:
    left_ns = FIRST_ANSWER_NS - plan.iterations * trip_ns
    if left_ns <= 0:
        return PAIR_RUN_NS
    return min(max(left_ns / (2 * plan.rounds), _SHORTEST_PAIR_RUN_NS), PAIR_RUN_NS)


def measure(plan: Plan, progress: Progress) -> Measured:
    """Half the pairs, the full run, the other half; order A B B A throughout.

    A signal during the full run or later gives what there is by then; one before it raises
    Interrupted.
    """
    progress.say("preparing the probes")
    engine = Engine(plan.probes, plan.light)
    try:
        cost = switch_cost_ns(engine)
        runs = _Runs(engine, plan, progress)
        pairs: list[Pair] = []
        spec, trips = plan.spec, plan.iterations
        if plan.rounds or (progress.is_shown and plan.iterations >= _WORTH_ESTIMATING):
            progress.say("measuring how long a trip takes")
            first = plan.scaled(max(_FEWEST_ITERATIONS, plan.iterations // 20))
            trip_ns = float(run_untraced(first, progress)["mean_ns"])
            if plan.rounds:
                fitting = int(_pair_run_ns(plan, trip_ns) / max(trip_ns, 1.0))
                trips = max(_FEWEST_ITERATIONS, min(plan.iterations, fitting))
                spec = plan.scaled(trips)
            runs.expect(2 * plan.rounds * trips + plan.iterations, trip_ns)
        before = (plan.rounds + 1) // 2
        pairs += [runs.pair(number, spec, trips) for number in range(before)]
        recording = runs.full(cost)
        if recording.interrupted is not None:
            return Measured(recording, pairs, recording.interrupted)
        try:
            for number in range(before, plan.rounds):
                pairs.append(runs.pair(number, spec, trips))
        except Interrupted as stop:
            return Measured(recording, pairs, stop.number)
        return Measured(recording, pairs)
    finally:
        engine.close()
        progress.clear()
