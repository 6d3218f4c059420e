"""`tracer memory W...`: what a task takes, in the program and in the kernel."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from tracer.cli._shared import json_option, report_to, rounds_option
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.experiment.grid import Cell
    from tracer.model.trial import Outcome

_FLOOR = "one-thread-brigade"
#: Each task has then run, and its stack is as deep as it gets.
_WARMUPS = 2


@click.command("memory", context_settings={"max_content_width": 98})
@click.argument("workloads", nargs=-1, required=True, metavar="W...")
@click.option("--tasks", default="1000:10000:500", show_default=True, metavar="FROM:TO:STEP",
              help="The sizes.")  # fmt: skip
@rounds_option("Runs of each size.", default=1)
@click.option("--plot", "picture", metavar="FILE",
              help="Draw the memory with the fitted lines: .png or .svg.")  # fmt: skip
@json_option
def command(
    workloads: Sequence[str], tasks: str, rounds: int, picture: str | None, path: str | None
) -> int:
    """Measure what a task takes: user, kernel and virtual memory, by a line through many sizes.

    W is a workload with its options, in quotes where it has some. Works without root. A run that
    was broken off goes on with the same command.
    """
    from tracer.analysis.memory import Memory, memory
    from tracer.cli._files import OutputFile
    from tracer.experiment.grid import grid
    from tracer.host.fingerprint import fingerprint
    from tracer.report import memory as report
    from tracer.report.chart import draw, format_of

    sizes = _sizes(tasks)
    lines = [*dict.fromkeys(workloads)]
    floors = {line: floor for line in lines if (floor := _floor(line)) is not None}
    planned = grid(_cells([*dict.fromkeys([*lines, *floors.values()])], sizes))
    kind = format_of(picture) if picture is not None else ""
    with contextlib.ExitStack() as stack:
        drawn = stack.enter_context(OutputFile(picture)) if picture is not None else None
        write = stack.enter_context(report_to(path))
        _require_enough(lines, planned.cells, planned.left_out, rounds)
        host = fingerprint()
        outcomes = _measure(planned.cells, rounds, host)
        by_line = {
            line: [o for cell in planned.cells if cell.line == line for o in
                   outcomes.get(cell.condition.label, ())]
            for line in (*lines, *floors.values())
        }  # fmt: skip
        joints: dict[str, Memory] = {}
        for floor in dict.fromkeys(floors.values()):
            if len(by_line[floor]) >= _points():
                joints[floor] = memory(floor, by_line[floor])
        found = [memory(line, by_line[line], joints.get(floors.get(line, ""))) for line in lines]
        left_out = [(cell, why) for cell, why in planned.left_out if cell.startswith(tuple(lines))]
        document = report.document(found, left_out, host)
        write(document, lambda width: report.render(found, left_out, width))
        if drawn is not None:
            drawn.write(draw(report.chart(found, f"Linux {host['kernel']}, {host['cpu']}"), kind))
    return 0


def _points() -> int:
    from tracer.analysis.statistics.regression import ENOUGH_POINTS

    return ENOUGH_POINTS


def _sizes(text: str) -> list[int]:
    """The sizes of `FROM:TO:STEP`; TracerError (exit status 2) when malformed or too few."""
    match = re.fullmatch(r"(\d{1,9}):(\d{1,9}):(\d{1,9})", text)
    if match and int(match[1]) >= 1 and int(match[3]) >= 1:
        sizes = list(range(int(match[1]), int(match[2]) + 1, int(match[3])))
        if len(sizes) >= _points():
            return sizes
    raise TracerError(
        f"--tasks {text!r} does not name {_points()} sizes or more",
        "write FROM:TO:STEP, as in 1000:10000:500",
        exit_code=2,
    )


def _floor(line: str) -> str | None:
    """The line of the same joints without tasks; None where there are no joints."""
    from tracer.experiment.line import parsed

    condition = parsed(line, line)
    transport = condition.values.get("transport")
    if transport is None or condition.workload == _FLOOR:
        return None
    return _FLOOR if transport == "socketpair" else f"{_FLOOR} --transport {transport}"


def _cells(lines: Sequence[str], sizes: Sequence[int]) -> list[Cell]:
    from tracer.experiment.grid import Cell, label
    from tracer.experiment.line import parsed

    found = []
    for line in lines:
        condition = parsed(line, line)
        if not {"tasks", "iters", "warmups"} <= condition.values.keys():
            raise TracerError(f"{condition.workload} has no number of tasks to change", exit_code=2)
        for size in sizes:
            values = {**condition.values, "tasks": size, "iters": 1, "warmups": _WARMUPS}
            name = label(line, {"tasks": size})
            changed = dataclasses.replace(condition, label=name, values=values)
            found.append(Cell(line, {"tasks": size}, changed))
    return found


def _require_enough(
    lines: Sequence[str], cells: Sequence[Cell], left_out: Sequence[tuple[str, str]], rounds: int
) -> None:
    for line in lines:
        if sum(cell.line == line for cell in cells) * rounds < _points():
            reason = next((why for cell, why in left_out if cell.startswith(line)), "")
            raise TracerError(
                f"{line}: fewer than {_points()} of these sizes fit: {reason}",
                "smaller sizes: --tasks 100:1000:100", exit_code=2,
            )  # fmt: skip


def _measure(cells: Sequence[Cell], rounds: int, host: dict[str, str]) -> dict[str, list[Outcome]]:
    """The outcomes by label of the condition."""
    from tracer.cli._shared import stop_if_broken_off
    from tracer.experiment.design import Design, run_trials
    from tracer.experiment.holder import Holder
    from tracer.experiment.store import Store
    from tracer.progress import Progress

    conditions = [cell.condition for cell in cells]
    design = Design([c.label for c in conditions], rounds, traced=())
    plan = {"conditions": [c.plain() for c in conditions], "host": host, "rounds": rounds}
    progress = Progress()
    with Store("memory", plan) as store:
        done = run_trials(design.trials(), Holder(conditions, progress), store, progress)
        stop_if_broken_off(done.interrupted)
        store.complete()
    found: dict[str, list[Outcome]] = {}
    for outcome in done.outcomes:
        found.setdefault(outcome.trial.condition, []).append(outcome)
    return found
