"""The runs of `tracer brigades`: every brigade in every placement, round by round."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tracer.analysis.brigades import Contestant
from tracer.errors import Interrupted, TracerError
from tracer.experiment.brigade_sizes import contestants
from tracer.experiment.condition import Condition
from tracer.experiment.design import Design, run_trials
from tracer.experiment.line import condition
from tracer.experiment.runner import Runner
from tracer.experiment.store import Store
from tracer.model.trial import Outcome
from tracer.progress import Progress
from workloads import available

QUICK_ROUNDS = 4
QUICK_UNITS = 10_000
_PROBES = ("sched", "syscalls")

#: Label -> workload line. Each runs free to move and pinned.
BRIGADES = {
    "thread-brigade": "thread-brigade",
    "async-brigade": "async-brigade",
    "async-brigade current-thread": "async-brigade --flavor current-thread",
    "one-thread-brigade": "one-thread-brigade",
    "thread-mem-brigade": "thread-mem-brigade",
    "async-mem-brigade": "async-mem-brigade",
    "uring-brigade": "uring-brigade",
}
MORE = {
    "process-brigade": "process-brigade",
    "async-mem-brigade multi-thread": "async-mem-brigade --flavor multi-thread",
    "uring-brigade chain": "uring-brigade --mode chain",
    "uring-brigade per-thread": "uring-brigade --mode per-thread",
}
#: Free to move only: the polling thread of io_uring needs a CPU of its own (pinned to one with the
#: workload it takes 1 ms per hop here), and what creation asks does not depend on the placement.
FREE = {
    "uring-brigade sqpoll": "uring-brigade --sqpoll",
}
CREATION = {
    "thread-creation": "thread-creation --warmups 2 --iters {iters}",
    "async-creation": "async-creation --warmups 2 --iters {iters}",
}


@dataclass(frozen=True)
class Suite:
    """Outcomes; each label's unit of work; the labels that were left out, with the reason."""

    outcomes: Sequence[Outcome]
    units: Mapping[str, str]
    missing: Mapping[str, str]
    interrupted: int | None = None
    sizes: Mapping[str, Contestant] = field(default_factory=dict)


def _conditions(everything: bool, units: int) -> tuple[list[Condition], dict[str, str]]:
    """What can be run here, and what cannot and why."""
    cpu = max(os.sched_getaffinity(0))
    lines = {**BRIGADES, **(MORE if everything else {})}
    found: list[Condition] = []
    missing: dict[str, str] = {}
    wanted = list(lines.items())
    wanted += [(f"{label} pinned", f"{line} --cpus {cpu}") for label, line in lines.items()]
    iters = max(units // 2500, 4)
    wanted += list(FREE.items()) if everything else []
    wanted += [(label, line.format(iters=iters)) for label, line in CREATION.items()]
    for label, line in wanted:
        able = _able(line, label, units)
        if isinstance(able, Condition):
            found.append(able)
        else:
            missing[label] = able
    return found, missing


def _able(line: str, label: str, units: int) -> Condition | str:
    """The condition, or why this system cannot run it."""
    try:
        return condition(line, label, units)
    except TracerError as error:
        return error.message


def suite(rounds: int, everything: bool, units: int, host: Mapping[str, str]) -> Suite:
    """Run the rounds that are not saved yet. A workload that fails at its first try is left out
    by name; one that fails later ends the suite."""
    conditions, missing = _conditions(everything, units)
    progress = Progress()
    with Runner(conditions, _PROBES, progress) as runner:
        able = runner.able(conditions, missing)
        if not able:
            raise TracerError(f"no brigade can be run here: {next(iter(missing.values()))}",
                              "make setup")  # fmt: skip
        plan = {"conditions": [c.plain() for c in able], "host": dict(host), "rounds": rounds}
        sizes: dict[str, Contestant] = {}
        design = Design([c.label for c in able], rounds)
        with Store("brigades", plan) as store:
            done = run_trials(design.trials(), runner, store, progress)
            if done.interrupted is None:
                sizes = contestants(progress)
                store.complete()
    if done.interrupted is not None and not done.outcomes:
        raise Interrupted(done.interrupted)
    labels = {c.label: available()[c.workload].unit for c in able}
    return Suite(done.outcomes, labels, missing, done.interrupted, sizes)
