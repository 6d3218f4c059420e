"""`tracer brigades`: the whole experiment in one table, with its questions answered."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

from tracer.cli import _options as options
from tracer.cli._fleet import Fleet
from tracer.cli._output import outputs, stop_if_broken_off


@click.command(
    "brigades",
    short_help="Run every brigade, unpinned and pinned, in one table.",
    params=[
        options.rounds_option(
            "Rounds; each holds every brigade, unpinned and pinned, in random order."
        ),
        click.Option(
            ["--all", "everything"],
            is_flag=True,
            help="More variants: processes, every mode of io_uring, channels with workers.",
        ),
        options.quick_option(),
        options.runtime_option(),
        *options.start_options(),
        *options.fleet_options(),
        options.json_option(),
        options.html_option(),
        options.plot_option("Draw the hop times with their parts"),
    ],
)
def command(
    rounds: int,
    everything: bool,
    quick: bool,
    in_python: bool,
    json_path: str | None,
    html_path: str | None,
    plot_path: str | None,
    on: str | None,
    **begins: Any,
) -> int:
    """Run every brigade, unpinned and pinned, and compare this machine with the original.

    With `--runtime python` nothing is set beside the published figures: they are of native
    programs.

    Rounds are saved as they end: after Ctrl-C the same command continues.
    """
    from tracer.experiment.brigades import result_of, run_brigades
    from tracer.progress import Progress
    from tracer.report import brigades as report
    from tracer.report import brigades_chart

    rounds, units = options.effort(rounds, quick)
    fleet = Fleet.chosen(on, begins, plot=plot_path)
    if fleet is not None:
        asked = {"rounds": rounds, "everything": everything, "units": units}
        return fleet.ask("brigades", {**asked, "in_python": in_python}, json_path, html_path)
    with outputs(json_path, html_path=html_path, plot_path=plot_path) as out:
        start = options.start(begins["wait_quiet"], begins["fresh"])
        runs, sizes = run_brigades(
            rounds, everything, units, Progress(), start, in_python=in_python
        )
        load, result = runs.load, result_of(runs, sizes)
        out.report(
            report.document(result, rounds, runs.host, load),
            lambda width: report.render(result, rounds, width, load),
        )
        out.plot(partial(brigades_chart.draw, result.rows, rounds - len(load.left_out)))
    stop_if_broken_off(runs.interrupted)
    return 0
