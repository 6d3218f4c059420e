"""The one executor: the full traced run with short traced and untraced pairs around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.analysis.observer import Pair
from tracer.kernel.calibrate import switch_cost_ns
from tracer.kernel.engine import Engine
from tracer.recording import Recording
from tracer.session import run_traced, run_untraced
from tracer.target import Spec

#: A run of a pair is scaled to about this long, and to at least so many iterations.
PAIR_RUN_NS = 1_000_000_000
_FEWEST_ITERATIONS = 10
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


def _switches(result: Mapping[str, Any]) -> float:
    usage = result["rusage"]
    return float(usage["voluntary"] + usage["involuntary"]) / max(int(result["units"]), 1)


def _pair(engine: Engine, spec: Spec, follow: bool, traced_first: bool) -> Pair:
    def traced() -> Mapping[str, Any]:
        return run_traced(engine, spec, follow).result

    def untraced() -> Mapping[str, Any]:
        return run_untraced(spec)

    if traced_first:
        a, b = traced(), untraced()
    else:
        b, a = untraced(), traced()
    return Pair(a["ns_per_unit"], b["ns_per_unit"], _switches(a), _switches(b))


def _pair_run_ns(plan: Plan, trip_ns: float) -> float:
    left_ns = FIRST_ANSWER_NS - plan.iterations * trip_ns
    if left_ns <= 0:
        return PAIR_RUN_NS
    return min(max(left_ns / (2 * plan.rounds), _SHORTEST_PAIR_RUN_NS), PAIR_RUN_NS)


def measure(plan: Plan, progress: Callable[[str], None]) -> tuple[Recording, list[Pair]]:
    """Half the pairs, the full run, the other half; order A B B A throughout."""
    progress("compiling the probes")
    engine = Engine(plan.probes, plan.light)
    try:
        cost = switch_cost_ns(engine)
        pairs: list[Pair] = []
        spec = plan.spec
        if plan.rounds:
            progress("measuring how long a trip takes")
            first = plan.scaled(max(_FEWEST_ITERATIONS, plan.iterations // 20))
            trip_ns = float(run_untraced(first)["mean_ns"])
            fitting = int(_pair_run_ns(plan, trip_ns) / max(trip_ns, 1.0))
            spec = plan.scaled(max(_FEWEST_ITERATIONS, min(plan.iterations, fitting)))
        before = (plan.rounds + 1) // 2
        for number in range(before):
            progress(f"traced and untraced pair {number + 1} of {plan.rounds}")
            pairs.append(_pair(engine, spec, plan.follow, traced_first=number % 2 == 0))
        progress("the full run")
        recording = run_traced(engine, plan.spec, plan.follow, cost)
        for number in range(before, plan.rounds):
            progress(f"traced and untraced pair {number + 1} of {plan.rounds}")
            pairs.append(_pair(engine, spec, plan.follow, traced_first=number % 2 == 0))
        return recording, pairs
    finally:
        engine.close()
