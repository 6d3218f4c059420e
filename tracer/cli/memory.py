"""`tracer memory W...`: what a task takes, in the program and in the kernel."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

import click

from tracer.cli import _options as options
from tracer.cli._output import outputs, stop_if_broken_off
from tracer.cli._types import WorkloadLine
from tracer.errors import TracerError


@click.command(
    "memory",
    short_help="Measure what a task takes: user, kernel and virtual memory.",
    params=[
        click.Argument(["workloads"], type=WorkloadLine(), nargs=-1, required=True, metavar="W..."),
        click.Option(
            ["--tasks"],
            default="1000:10000:500",
            show_default=True,
            metavar="FROM:TO:STEP",
            help="The sizes.",
        ),
        options.rounds_option("Runs of each size.", default=1),
        *options.start_options(),
        options.plot_option("Draw the memory with the fitted lines"),
        options.json_option(),
        options.html_option(),
    ],
)
def command(
    workloads: Sequence[str],
    tasks: str,
    rounds: int,
    wait_quiet: float | None,
    fresh: bool,
    plot_path: str | None,
    json_path: str | None,
    html_path: str | None,
) -> int:
    """Measure what a task takes: user, kernel and virtual memory, by a line through many sizes.

    W is a workload with its options, in quotes where it has some. Works without root. Runs are
    saved as they end: after Ctrl-C the same command continues.
    """
    from tracer.experiment.line import parse_line
    from tracer.experiment.memory import measure_memory
    from tracer.progress import Progress
    from tracer.report import memory as report
    from tracer.report.chart import draw

    sizes = _sizes(tasks)
    lines = [parse_line(text) for text in dict.fromkeys(workloads)]
    with outputs(json_path, html_path=html_path, plot_path=plot_path) as out:
        runs = measure_memory(lines, sizes, rounds, Progress(), options.start(wait_quiet, fresh))
        stop_if_broken_off(runs.interrupted)
        out.report(
            report.document(runs.memories, runs.left_out, runs.host, runs.load),
            partial(report.render, runs.memories, runs.left_out, load=runs.load),
        )
        chart = report.chart(runs.memories, f"Linux {runs.host['kernel']}, {runs.host['cpu']}")
        out.plot(partial(draw, chart))
    return 0


def _sizes(text: str) -> list[int]:
    """The sizes of `FROM:TO:STEP`; TracerError (exit status 2) when malformed or too few."""
    from tracer.analysis.statistics.regression import ENOUGH_POINTS

    match = re.fullmatch(r"(\d{1,9}):(\d{1,9}):(\d{1,9})", text)
    if match and int(match[1]) >= 1 and int(match[3]) >= 1:
        sizes = list(range(int(match[1]), int(match[2]) + 1, int(match[3])))
        if len(sizes) >= ENOUGH_POINTS:
            return sizes
    raise TracerError(
        f"--tasks {text!r} does not name {ENOUGH_POINTS} sizes or more",
        "write FROM:TO:STEP, as in 1000:10000:500",
        exit_code=2,
    )
