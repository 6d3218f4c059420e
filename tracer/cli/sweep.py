"""`tracer sweep W... --over NAME=VALUES`: how the time of a hop grows."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from tracer.cli._shared import json_option, report_to, rounds_option
from tracer.errors import Interrupted, TracerError

if TYPE_CHECKING:
    from tracer.experiment.design import Done
    from tracer.experiment.grid import Cell

_PROBES = ("sched", "syscalls")
_NUMBERS = ("tasks", "tokens", "work", "workers")
_FREE = "free"


@click.command("sweep", context_settings={"max_content_width": 98})
@click.argument("workloads", nargs=-1, required=True, metavar="W...")
@click.option("--over", "overs", multiple=True, required=True, metavar="NAME=VALUES",
              help="What to change, and the values: tasks=10,100,1000; also tokens, work, workers,"
                   " and cpus=0,0-1,free. Repeatable: every combination is run.")  # fmt: skip
@rounds_option("Rounds; each holds every point once, in random order.", default=5, least=2)
@click.option("--cpus", metavar="LIST", help="Pin all of them, as in tracer run.")
@click.option("--untraced", is_flag=True,
              help="No traced runs, no root: the times only, not their parts.")  # fmt: skip
@click.option("--plot", "picture", metavar="FILE", help="Draw it: .png or .svg.")
@json_option
@click.option("--csv", "table_path", metavar="FILE", help="Write the points as CSV to FILE.")
def command(
    workloads: Sequence[str], overs: Sequence[str], rounds: int, cpus: str | None, untraced: bool,
    picture: str | None, path: str | None, table_path: str | None,
) -> int:  # fmt: skip
    """Run workloads over a range of sizes, in interleaved rounds: table, picture, JSON, CSV.

    W is a workload with its options, in quotes where it has some. Points that a limit forbids are
    left out by name. A sweep that was broken off goes on with the same command.
    """
    from tracer.analysis.sweep import crossings, sweep_points
    from tracer.cli._files import OutputFile
    from tracer.cli._shared import stop_if_broken_off
    from tracer.experiment.grid import grid
    from tracer.host.fingerprint import fingerprint
    from tracer.host.user import require_rights
    from tracer.report import sweep as report
    from tracer.report.chart import draw, format_of

    over = _over(overs)
    lines = [*dict.fromkeys(workloads)]
    cells = _cells(lines, over, cpus)
    unit = _unit(cells)
    kind = format_of(picture) if picture is not None else ""
    planned = grid(cells)
    if not planned.cells:
        raise TracerError(f"no point fits: {planned.left_out[0][1]}", exit_code=2)
    if not untraced:
        require_rights()
    with contextlib.ExitStack() as stack:

        def opened(name: str | None) -> OutputFile | None:
            return None if name is None else stack.enter_context(OutputFile(name))

        write = stack.enter_context(report_to(path))
        drawn, table_file = opened(picture), opened(table_path)
        host = fingerprint()
        done = _measure(planned.cells, rounds, untraced, host)
        by_label = {cell.condition.label: (cell.line, cell.point) for cell in planned.cells}
        found = sweep_points(done.outcomes, by_label)
        if not found:
            raise Interrupted(done.interrupted or 2)
        crossed = [
            crossing
            for name in over
            for crossing in crossings(found, list(itertools.combinations(lines, 2)), name)
        ]
        document = report.document(found, crossed, planned.left_out, unit, host)
        blocks = max(len(point.blocks) for point in found)
        write(
            document,
            lambda width: report.render(found, crossed, planned.left_out, unit, blocks, width),
        )
        if table_file is not None:
            table_file.write(report.render_csv(found))
        if drawn is not None:
            where = f"Linux {host['kernel']}, {host['cpu']}"
            drawn.write(draw(report.chart(found, next(iter(over)), unit, where), kind))
    stop_if_broken_off(done.interrupted)
    return 0


def _over(texts: Sequence[str]) -> dict[str, list[int | str]]:
    """The swept values by name; TracerError (exit status 2) when malformed."""
    found: dict[str, list[int | str]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        words = values.split(",")
        if name in found or not (name in _NUMBERS or name == "cpus"):
            why = "is there twice" if name in found else "is nothing to sweep over"
            raise TracerError(f"--over {text}: {name!r} {why}",
                              f"one of {', '.join(_NUMBERS)}, cpus: --over tasks=10,100,1000",
                              exit_code=2)  # fmt: skip
        if name == "cpus":
            found[name] = list(dict.fromkeys(words))
        elif all(re.fullmatch(r"\d{1,9}", word) for word in words):
            found[name] = list(dict.fromkeys(map(int, words)))
        else:
            raise TracerError(f"--over {text}: not numbers with commas between",
                              f"--over {name}=10,100,1000", exit_code=2)  # fmt: skip
    return found


def _cells(
    lines: Sequence[str], over: Mapping[str, Sequence[int | str]], cpus: str | None
) -> list[Cell]:
    """Every line at every point: as if the values stood at the end of the line."""
    import dataclasses

    from tracer.experiment.grid import Cell, label, points
    from tracer.experiment.line import parsed

    found = []
    for line in lines:
        for point in points(over):
            words = [line, *([f"--cpus {cpus}"] if cpus is not None and "cpus" not in over else [])]
            words += [f"--{name} {value}" for name, value in point.items() if value != _FREE]
            name = label(line, point)
            condition = dataclasses.replace(parsed(" ".join(words), name), label=name)
            found.append(Cell(line, point, condition))
    return found


def _unit(cells: Sequence[Cell]) -> str:
    from workloads import available

    units = list(dict.fromkeys(available()[cell.condition.workload].unit for cell in cells))
    if len(units) > 1:
        raise TracerError(
            f"the workloads count in units of one {units[0]} and one {units[1]}: they cannot"
            " share an axis",
            "sweep workloads of the same unit: tracer list",
            exit_code=2,
        )
    return units[0]


def _measure(cells: Sequence[Cell], rounds: int, untraced: bool, host: Mapping[str, str]) -> Done:
    from tracer import probes
    from tracer.experiment.design import Design, run_trials
    from tracer.experiment.runner import Runner
    from tracer.experiment.store import Store
    from tracer.progress import Progress

    conditions = [cell.condition for cell in cells]
    names = [] if untraced else [name for name in _PROBES if name in probes.available()]
    design = Design([c.label for c in conditions], rounds, traced=() if untraced else None)
    plan = {"conditions": [c.plain() for c in conditions], "probes": names, "host": host,
            "rounds": rounds}  # fmt: skip
    progress = Progress()
    with Store("sweep", plan) as store, Runner(conditions, names, progress) as runner:
        done = run_trials(design.trials(), runner, store, progress)
        if done.interrupted is None:
            store.complete()
    return done
