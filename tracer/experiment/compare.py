"""Two workloads, two commands, or two saved reports against each other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracer.analysis.compare import Comparison, compare, compare_documents
from tracer.analysis.quiet import Load
from tracer.analysis.run.reader import READABLE
from tracer.capture.child import initial_environment
from tracer.errors import TracerError
from tracer.experiment.condition import Condition
from tracer.experiment.design import Design
from tracer.experiment.line import command_condition, condition
from tracer.experiment.programs import programs_of
from tracer.experiment.runner import run_planned
from tracer.experiment.trials import HERE_AND_NOW, Experiment, Planned, Runs, Start
from tracer.host.fingerprint import differences, fingerprint
from tracer.host.requirements import require_host
from tracer.model.trial import Trial
from tracer.progress import Progress

_PROBES = ("sched", "syscalls", "idle")
#: The labels of the two sides.
SIDES = ("A", "B")


@dataclass(frozen=True)
class CompareResult:
    """A comparison (None: broken off before a block had both sides), and the host's fingerprint.

    `report_b` is a traced report of B, empty without one. `warnings` are lines for the reader.
    `in_python` tells whether A and B ran in Python.
    """

    comparison: Comparison | None
    host: Mapping[str, str]
    report_b: Mapping[str, Any]
    warnings: Sequence[str] = ()
    in_python: tuple[bool, bool] = (False, False)
    load: Load = field(default_factory=Load)
    interrupted: int | None = None


def sides(
    texts: Sequence[str], are_commands: bool, unit_from: str = ""
) -> tuple[Condition, Condition]:
    """Two workload lines, or two commands of the user's, labelled `A` and `B`.

    TracerError (exit status 2) for a line that is wrong or does not fit here.
    """
    a, b = (
        command_condition(text, label, unit_from) if are_commands else condition(text, label)
        for text, label in zip(texts, SIDES, strict=True)
    )
    return a, b


def probes_of(untraced: bool, functions: bool) -> tuple[str, ...]:
    """The probes of the traced runs."""
    if untraced:
        return ()
    return (*_PROBES, "stacks") if functions else _PROBES


def plan_compare(
    a: Condition, b: Condition, rounds: int, untraced: bool, functions: bool = False
) -> Planned:
    """Both, labelled `A` and `B`, in `rounds` blocks; with `untraced` never under the probes, with
    `functions` under the one that samples stacks too.

    TracerError when they do not count in the same unit (exit status 2), and without the rights for
    BPF.
    """
    if a.unit != b.unit:
        raise TracerError(
            f"A counts in units of one {a.unit} and B of one {b.unit}: they have no ratio",
            "compare workloads of the same unit: tracer list",
            exit_code=2,
        )
    require_host()
    probes = probes_of(untraced, functions)
    trials = Design(SIDES, rounds, traced=() if untraced else None, twin="A").trials()
    experiment = Experiment("compare", (a, b), rounds, fingerprint(), probes)
    about = {
        "unit": a.unit,
        "in_python": [a.in_python, b.in_python],
        "programs": programs_of((a, b), initial_environment()),
    }
    return Planned(experiment, (a, b), trials, about=about)


def compare_live(
    a: Condition,
    b: Condition,
    rounds: int,
    untraced: bool,
    progress: Progress,
    start: Start = HERE_AND_NOW,
    functions: bool = False,
) -> CompareResult:
    """Run both as `plan_compare` has it.

    TracerError as there, and when a run fails. Interrupted when a signal comes before the first
    run's end.
    """
    planned = plan_compare(a, b, rounds, untraced, functions)
    if a.command:
        start.say(_starts(planned.trials, bool(a.unit_from)))
    return compared(run_planned(planned, progress, start))


def compared(runs: Runs) -> CompareResult:
    """What the runs of a host say."""
    about, usable = runs.planned.about, runs.usable
    traced_b = [o.report for o in usable if o.trial.traced and o.trial.condition == "B"]
    in_a, in_b = about["in_python"]
    return CompareResult(
        compare(usable, "A", "B", about["unit"], judged=runs.load.allows_verdict),
        runs.host,
        (traced_b[-1] if traced_b else None) or {},
        in_python=(in_a, in_b),
        load=runs.load,
        interrupted=runs.interrupted,
    )


def _starts(trials: Sequence[Trial], searched: bool) -> str:
    times = {side: sum(trial.condition == side for trial in trials) for side in SIDES}
    return (
        f"A is started {times['A']} times and B {times['B']} times; what they write to standard"
        f" output is {'only searched for their count' if searched else 'dropped'}"
    )


def compare_saved(a: Path, b: Path) -> CompareResult:
    """Two files of `tracer run --json`; TracerError (exit status 2) for one that is none."""
    first, second = _read(a), _read(b)
    if first == second:
        raise TracerError(
            f"A and B are one and the same report: {a}" + ("" if a == b else f", {b}"),
            "save a report of each run: tracer run WORKLOAD --json A.json, and --json B.json",
            exit_code=2,
        )
    hosts = [document["host"].get("fingerprint", {}) for document in (first, second)]
    different = differences(*hosts)
    warnings = ["Warning: the reports are of different hosts:", *different] if different else []
    return CompareResult(compare_documents(first, second, SIDES), hosts[1], second, warnings)


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise _refused(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise _refused(f"{path} is not a JSON report") from None
    if not isinstance(document, dict) or document.get("schema") not in READABLE:
        raise _refused(f"{path} is not a report of tracer run")
    if document.get("partial"):
        raise _refused(f"{path} is a partial report: how much work was done is not known")
    return document


def _refused(message: str) -> TracerError:
    return TracerError(message, "make one with: tracer run WORKLOAD --json FILE", exit_code=2)
