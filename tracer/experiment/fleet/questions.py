"""An experiment's question as plain data, which each host plans for itself: its CPUs, its limits
and what it can run are its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tracer.experiment.asynchrony import plan_async
from tracer.experiment.brigades import plan_brigades
from tracer.experiment.compare import plan_compare, sides
from tracer.experiment.condition import Condition
from tracer.experiment.line import condition, parse_line
from tracer.experiment.pinning import plan_pinning
from tracer.experiment.sweep import plan_sweep
from tracer.experiment.trials import Experiment, Planned
from tracer.experiment.why import plan_why
from tracer.model.trial import Trial
from tracer.progress import Progress


@dataclass(frozen=True)
class Question:
    """What is asked of every host. `kind`: `compare`, `sweep`, `brigades`, `explain-pinning`,
    `explain-async` or `explain-why`; `asked`: what the command line says, JSON data."""

    kind: str
    asked: Mapping[str, Any]


def plan(question: Question, progress: Progress) -> Planned:
    """The experiment on this host; TracerError where it cannot be made here."""
    return _PLANS[question.kind](question.asked, progress)


def _compare(asked: Mapping[str, Any], _progress: Progress) -> Planned:
    a, b = sides(asked["sides"], asked["commands"], asked["unit_from"])
    return plan_compare(a, b, asked["rounds"], asked["untraced"], asked["functions"])


def _sweep(asked: Mapping[str, Any], _progress: Progress) -> Planned:
    lines = [parse_line(text) for text in asked["lines"]]
    if asked["cpus"] and "cpus" not in asked["ranges"]:
        lines = [line.pinned(tuple(asked["cpus"])) for line in lines]
    return plan_sweep(lines, asked["ranges"], asked["rounds"], asked["untraced"])


def _brigades(asked: Mapping[str, Any], progress: Progress) -> Planned:
    return plan_brigades(
        asked["rounds"],
        asked["everything"],
        asked["units"],
        progress,
        in_python=asked["in_python"],
    )


def _pinning(asked: Mapping[str, Any], progress: Progress) -> Planned:
    base = condition(asked["line"], "base", asked["units"])
    return plan_pinning(base, asked["rounds"], progress)


def _asynchrony(asked: Mapping[str, Any], progress: Progress) -> Planned:
    return plan_async(asked["rounds"], asked["units"], progress, in_python=asked["in_python"])


def _why(asked: Mapping[str, Any], _progress: Progress) -> Planned:
    more = {name: asked[name] for name in ("as_root", "unit_from", "units")}
    return plan_why(Condition("", "", command=tuple(asked["command"]), **more), asked["rounds"])


_PLANS: Mapping[str, Callable[[Mapping[str, Any], Progress], Planned]] = {
    "compare": _compare,
    "sweep": _sweep,
    "brigades": _brigades,
    "explain-pinning": _pinning,
    "explain-async": _asynchrony,
    "explain-why": _why,
}


def planned_data(planned: Planned) -> dict[str, Any]:
    """As JSON data."""
    experiment = planned.experiment
    labels = [condition.label for condition in experiment.conditions]
    return {
        "experiment": {**experiment.plain(), "kind": experiment.kind, "conditions": labels},
        "conditions": [condition.plain() for condition in planned.conditions],
        "trials": [asdict(trial) for trial in planned.trials],
        "missing": dict(planned.missing),
        "about": dict(planned.about),
        "may_fail": list(planned.may_fail),
    }


def planned_from(data: Mapping[str, Any]) -> Planned:
    """From what `planned_data` gave."""
    conditions = [Condition.from_plain(one) for one in data["conditions"]]
    by_label = {one.label: one for one in conditions}
    own = dict(data["experiment"])
    known = {name: own.pop(name) for name in ("kind", "rounds", "host", "probes")}
    labels = own.pop("conditions")
    experiment = Experiment(conditions=[by_label[n] for n in labels], more=own, **known)
    trials = [Trial(**one) for one in data["trials"]]
    return Planned(experiment, conditions, trials, data["missing"], data["about"], data["may_fail"])
