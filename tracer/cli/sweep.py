"""`tracer sweep W... --over NAME=VALUES`: how the time of a hop grows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tracer.cli import _options as options
from tracer.cli._fleet import Fleet
from tracer.cli._output import Outputs, outputs, stop_if_broken_off
from tracer.cli._types import WorkloadLine
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.experiment.trials import Runs


@click.command(
    "sweep",
    short_help="Run workloads over a range of sizes: table, picture, CSV.",
    params=[
        click.Argument(["workloads"], type=WorkloadLine(), nargs=-1, required=True, metavar="W..."),
        click.Option(
            ["--over"],
            multiple=True,
            required=True,
            metavar="NAME=VALUES",
            help="What to change, and the values: tasks=10,100,1000; also tokens, work, workers,"
            " and cpus=0,0-1,free. Repeatable: every combination is run.",
        ),
        options.rounds_option(
            "Rounds; each holds every point once, in random order.", default=5, least=2
        ),
        options.cpus_option("Pin all of them, as in tracer run."),
        options.untraced_option("No traced runs, no root: the times only, not their parts."),
        *options.start_options(),
        *options.fleet_options(),
        options.plot_option("Draw it"),
        options.json_option(),
        options.html_option(),
        options.csv_option("Write the points as CSV to FILE."),
    ],
)
def command(
    workloads: Sequence[str],
    over: Sequence[str],
    rounds: int,
    cpus: tuple[int, ...] | None,
    untraced: bool,
    plot_path: str | None,
    json_path: str | None,
    html_path: str | None,
    csv_path: str | None,
    on: str | None,
    **begins: Any,
) -> int:
    """Run workloads over a range of sizes, in interleaved rounds: table, picture, JSON, CSV.

    W is a workload with its options, in quotes where it has some. Points that a limit forbids are
    left out by name. Runs are saved as they end: after Ctrl-C the same command continues.
    """
    from tracer.experiment.line import parse_line
    from tracer.experiment.sweep import sweep
    from tracer.progress import Progress

    ranges = _ranges(over)
    fleet = Fleet.chosen(on, begins, plot=plot_path, csv=csv_path)
    if fleet is not None:
        asked = {"lines": list(dict.fromkeys(workloads)), "ranges": ranges, "rounds": rounds}
        more = {"untraced": untraced, "cpus": list(cpus or ())}
        return fleet.ask("sweep", {**asked, **more}, json_path, html_path)
    lines = [parse_line(text) for text in dict.fromkeys(workloads)]
    if cpus is not None and "cpus" not in ranges:
        lines = [line.pinned(cpus) for line in lines]
    with outputs(json_path, html_path=html_path, plot_path=plot_path, csv_path=csv_path) as out:
        begin = options.start(begins["wait_quiet"], begins["fresh"])
        runs = sweep(lines, ranges, rounds, untraced, Progress(), begin)
        _write(out, runs, [line.text for line in lines], list(ranges))
    stop_if_broken_off(runs.interrupted)
    return 0


def _write(out: Outputs, runs: Runs, lines: Sequence[str], names: Sequence[str]) -> None:
    """Report, table and picture of the points measured so far, if there are any."""
    from tracer.experiment.sweep import swept
    from tracer.report import sweep as report
    from tracer.report.chart import draw

    found, host, load = swept(runs, lines, names), runs.host, runs.load
    points, crossings, left_out, unit = found.points, found.crossings, found.left_out, found.unit
    if not points:
        return
    rounds = max(len(point.blocks) for point in points)
    out.report(
        report.document(points, crossings, left_out, unit, host, load),
        partial(report.render, points, crossings, left_out, unit, rounds, load=load),
    )
    out.csv(partial(report.render_csv, points))
    where = f"Linux {host['kernel']}, {host['cpu']}"
    out.plot(partial(draw, report.chart(points, names[0], unit, where)))


def _ranges(texts: Sequence[str]) -> dict[str, list[int | str]]:
    """The swept values by name; TracerError (exit status 2) when malformed."""
    from tracer.experiment.sweep import NUMBERS

    ranges: dict[str, list[int | str]] = {}
    for text in texts:
        name, _, values = text.partition("=")
        words = values.split(",")
        if name in ranges or not (name in NUMBERS or name == "cpus"):
            why = "is given twice" if name in ranges else "cannot be swept over"
            raise TracerError(
                f"--over {text}: {name!r} {why}",
                f"one of {', '.join(NUMBERS)}, cpus: --over tasks=10,100,1000",
                exit_code=2,
            )
        if name == "cpus":
            ranges[name] = list(dict.fromkeys(words))
        elif all(re.fullmatch(r"\d{1,9}", word) for word in words):
            ranges[name] = list(dict.fromkeys(map(int, words)))
        else:
            raise TracerError(
                f"--over {text}: not numbers with commas between",
                f"--over {name}=10,100,1000",
                exit_code=2,
            )
    return ranges
