"""A plan of pairs is plain data: it can be sent to another process and started from there."""

from __future__ import annotations

import pickle
from typing import Any, cast

import workloads
from tracer.analysis.run.observer import Pair
from tracer.experiment.condition import Condition
from tracer.experiment.pairs import PAIR_WARMUPS, Measured, Plan
from tracer.experiment.tracing import Tracing
from tracer.model.trial import Surroundings


def plan(warmups: int = 100) -> Plan:
    options = workloads.available()["thread-brigade"].options
    values = {option.name: option.default for option in options}
    condition = Condition(
        "it", "thread-brigade", {**values, "tasks": 7, "warmups": warmups}, cpus=(1,), as_root=True
    )
    return Plan(condition, rounds=3, tracing=Tracing(("sched",), light=True, top=2), follow=False)


def words(argv: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(argv[1::2], argv[2::2], strict=True))


def test_a_plan_survives_pickling_and_makes_its_specs() -> None:
    copy = pickle.loads(pickle.dumps(plan()))
    assert copy == plan()
    full, short = copy.spec(), copy.spec(12)
    assert full == plan().spec()
    assert (full.cpus, full.as_root, full.controlled) == ((1,), True, True)
    assert words(full.argv)["--iters"] == "10000"
    assert words(full.argv)["--warmups"] == "100"
    assert words(short.argv) == {
        **words(full.argv), "--iters": "12", "--warmups": str(PAIR_WARMUPS)
    }  # fmt: skip
    assert (copy.iterations, copy.rounds, copy.tracing.probes) == (10_000, 3, ("sched",))


def test_a_short_run_warms_up_no_longer_than_the_full_one() -> None:
    assert words(plan(warmups=3).spec(50).argv)["--warmups"] == "3"


def test_pairs_on_a_busy_host_do_not_count_while_two_quiet_ones_are_left() -> None:
    quiet, busy = (Surroundings(1, 1, 10**10, 0, others, cpus=2) for others in (0, 10**10))
    pairs = [Pair(ns, 100.0, 0.0, 0.0) for ns in (110.0, 500.0, 111.0, 112.0)]
    recording = cast("Any", None)
    assert Measured(recording, pairs, [quiet] * 4).quiet_pairs == pairs
    assert Measured(recording, pairs, [quiet, busy, quiet, quiet]).quiet_pairs == [
        pairs[0], pairs[2], pairs[3]
    ]  # fmt: skip
    assert Measured(recording, pairs, [quiet, busy, busy, busy]).quiet_pairs == pairs
