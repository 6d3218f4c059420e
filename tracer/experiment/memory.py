"""What a task takes: runs of many sizes, held at their full size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracer.analysis.memory import Memory, memory
from tracer.analysis.quiet import Load
from tracer.analysis.statistics.regression import ENOUGH_POINTS
from tracer.errors import TracerError
from tracer.experiment.design import Design
from tracer.experiment.grid import Grid, GridCell, grid, label
from tracer.experiment.holder import Holder
from tracer.experiment.line import WorkloadLine, parse_line
from tracer.experiment.trials import HERE_AND_NOW, Experiment, Stage, Start, run_experiment
from tracer.host.fingerprint import fingerprint
from tracer.model.trial import Outcome
from tracer.progress import Progress

#: The workload with a brigade's joints and no task.
_JOINTS = "one-thread-brigade"
#: Each task has then run, and its stack is as deep as it gets.
_WARMUPS = 2


@dataclass(frozen=True)
class MemoryRuns:
    """Memory of each line, none when a signal broke it off; `left_out`: sizes that a limit
    forbids, and why."""

    memories: Sequence[Memory]
    left_out: Sequence[tuple[str, str]]
    host: Mapping[str, str]
    load: Load
    interrupted: int | None = None


def joints_of(line: WorkloadLine) -> WorkloadLine | None:
    """The line of the same joints without tasks, a native program; None where there are no joints
    and for a workload in Python."""
    transport = line.all_values.get("transport")
    if transport is None or line.workload.name == _JOINTS or line.is_in_python:
        return None
    if transport == "socketpair":
        return parse_line(_JOINTS)
    return parse_line(f"{_JOINTS} --transport {transport}")


def cells(lines: Sequence[WorkloadLine], sizes: Sequence[int]) -> list[GridCell]:
    """Every line at every size, one iteration each; TracerError (exit status 2) for a workload
    without a number of tasks."""
    sized_cells = []
    for line in lines:
        names = {option.name for option in line.workload.options}
        if not {"tasks", "iters", "warmups"} <= names:
            raise TracerError(f"{line.workload.name} has no number of tasks to change", exit_code=2)
        for size in sizes:
            point: dict[str, int | str] = {"tasks": size}
            sized = line.with_values({"tasks": size, "iters": 1, "warmups": _WARMUPS})
            condition = sized.condition(label(line.text, point))
            sized_cells.append(GridCell(line.text, point, condition))
    return sized_cells


def _require_enough(lines: Sequence[WorkloadLine], planned: Grid, rounds: int) -> None:
    for line in lines:
        if sum(cell.line == line.text for cell in planned.cells) * rounds < ENOUGH_POINTS:
            reasons = (why for cell, why in planned.left_out if cell.startswith(f"{line.text}, "))
            raise TracerError(
                f"{line.text}: fewer than {ENOUGH_POINTS} of these sizes fit: {next(reasons, '')}",
                "smaller sizes: --tasks 100:1000:100",
                exit_code=2,
            )


def measure_memory(
    lines: Sequence[WorkloadLine],
    sizes: Sequence[int],
    rounds: int,
    progress: Progress,
    start: Start = HERE_AND_NOW,
) -> MemoryRuns:
    """Run every line at every size once per round, and its joints alone. Needs no rights.

    TracerError (exit status 2) when too few sizes fit, and when a program is not built or a run
    fails. Interrupted when a
    signal comes before the first run's end.
    """
    joints = {line.text: alone for line in lines if (alone := joints_of(line)) is not None}
    every = list({line.text: line for line in (*lines, *joints.values())}.values())
    planned = grid(cells(every, sizes))
    _require_enough(lines, planned, rounds)
    conditions = [cell.condition for cell in planned.cells]
    for condition in conditions:
        condition.require_built()
    design = Design([c.label for c in conditions], rounds, traced=())
    experiment = Experiment("memory", conditions, rounds, fingerprint())
    holder = Holder(conditions, progress)
    done = run_experiment(experiment, [Stage(design.trials())], holder, progress, start)
    asked_for = tuple(f"{line.text}, " for line in lines)
    left_out = [(cell, why) for cell, why in planned.left_out if cell.startswith(asked_for)]
    if done.interrupted is not None:
        return MemoryRuns((), left_out, experiment.host, done.load, done.interrupted)
    outcomes = _by_line(planned.cells, done.load.usable(done.outcomes))
    joints_memory = {
        text: memory(alone.text, outcomes[alone.text])
        for text, alone in joints.items()
        if len(outcomes.get(alone.text, ())) >= ENOUGH_POINTS
    }
    memories = [
        memory(
            line.text,
            outcomes[line.text],
            joints_memory.get(line.text),
            in_python=line.is_in_python,
        )
        for line in lines
    ]
    return MemoryRuns(memories, left_out, experiment.host, done.load)


def _by_line(cells_: Sequence[GridCell], outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """Line -> its outcomes, size by size."""
    by_line: dict[str, list[Outcome]] = {}
    for cell in cells_:
        own = [o for o in outcomes if o.trial.condition == cell.condition.label]
        by_line.setdefault(cell.line, []).extend(own)
    return by_line
