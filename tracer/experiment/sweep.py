"""Workload lines over a range of sizes, in interleaved rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis.sweep import Crossing, SweepPoint, every_crossing, sweep_points
from tracer.errors import TracerError
from tracer.experiment.design import Design
from tracer.experiment.grid import Grid, GridCell, grid, label, points
from tracer.experiment.line import WorkloadLine
from tracer.experiment.runner import run_planned
from tracer.experiment.trials import HERE_AND_NOW, Experiment, Planned, Runs, Start
from tracer.host.cpus import parse_cpus
from tracer.host.fingerprint import fingerprint
from tracer.host.requirements import require_host
from tracer.progress import Progress

_PROBES = ("sched", "syscalls")
#: What can be swept over beside `cpus`.
NUMBERS = ("tasks", "tokens", "work", "workers")
#: The value of `cpus` that pins nothing.
FREE = "free"

#: Swept values by name: numbers, and CPU lists as text.
Ranges = Mapping[str, Sequence[int | str]]


@dataclass(frozen=True)
class Swept:
    """The points that were measured, and where the order of the workloads changes; `left_out`: the
    points that a limit forbids, and why."""

    points: Sequence[SweepPoint]
    crossings: Sequence[Crossing]
    left_out: Sequence[tuple[str, str]]
    unit: str


def cells(lines: Sequence[WorkloadLine], ranges: Ranges) -> list[GridCell]:
    """Every line at every point, as if the values stood at the end of the line.

    TracerError (exit status 2) for a value that a workload does not take.
    """
    return [
        GridCell(line.text, point, _at(line, point).condition(label(line.text, point)))
        for line in lines
        for point in points(ranges)
    ]


def _at(line: WorkloadLine, point: Mapping[str, int | str]) -> WorkloadLine:
    cpus = str(point.get("cpus", FREE))
    if cpus != FREE:
        line = line.pinned(parse_cpus(cpus))
    return line.with_values({name: value for name, value in point.items() if name != "cpus"})


def _fitting(lines: Sequence[WorkloadLine], ranges: Ranges) -> Grid:
    fitting = grid(cells(lines, ranges))
    if not fitting.cells:
        raise TracerError(f"no point fits: {fitting.left_out[0][1]}", exit_code=2)
    for cell in fitting.cells:
        cell.condition.require_built()
    return fitting


def _unit(lines: Sequence[WorkloadLine]) -> str:
    units = list(dict.fromkeys(line.workload.unit for line in lines))
    if len(units) > 1:
        raise TracerError(
            f"the workloads count in units of one {units[0]} and one {units[1]}: they cannot"
            " share an axis",
            "sweep workloads of the same unit: tracer list",
            exit_code=2,
        )
    return units[0]


def plan_sweep(
    lines: Sequence[WorkloadLine], ranges: Ranges, rounds: int, untraced: bool
) -> Planned:
    """Every line at every point once per round; with `untraced` never under the probes, which needs
    no rights.

    TracerError (exit status 2) for what cannot be swept together or does not fit, when a program
    is not built, and without the rights for BPF.
    """
    unit = _unit(lines)
    fitting = _fitting(lines, ranges)
    if not untraced:
        require_host()
    conditions = [cell.condition for cell in fitting.cells]
    probes = () if untraced else _PROBES
    design = Design([c.label for c in conditions], rounds, traced=() if untraced else None)
    about = {
        "unit": unit,
        "cells": {cell.condition.label: [cell.line, dict(cell.point)] for cell in fitting.cells},
        "left_out": [list(pair) for pair in fitting.left_out],
        "in_python": [condition.label for condition in conditions if condition.in_python],
    }
    experiment = Experiment("sweep", conditions, rounds, fingerprint(), probes)
    return Planned(experiment, conditions, design.trials(), about=about)


def sweep(
    lines: Sequence[WorkloadLine],
    ranges: Ranges,
    rounds: int,
    untraced: bool,
    progress: Progress,
    start: Start = HERE_AND_NOW,
) -> Runs:
    """Run what `plan_sweep` has.

    TracerError as there, and when a run fails. Interrupted when a signal comes before the first
    run's end.
    """
    return run_planned(plan_sweep(lines, ranges, rounds, untraced), progress, start)


def swept(runs: Runs, lines: Sequence[str], names: Sequence[str]) -> Swept:
    """What the runs of a host say of these lines over the values called `names`."""
    about, load = runs.planned.about, runs.load
    cells = {label: (line, point) for label, (line, point) in about["cells"].items()}
    points = sweep_points(runs.outcomes, cells, frozenset(about["in_python"]), load.left_out)
    crossings = every_crossing(points, lines, names, judged=load.allows_verdict)
    left_out = [(cell, reason) for cell, reason in about["left_out"]]
    return Swept(points, crossings, left_out, about["unit"])
