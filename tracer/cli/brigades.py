"""`tracer brigades`: the whole experiment in one table, with its questions answered."""

from __future__ import annotations

import contextlib

import click


@click.command("brigades", context_settings={"max_content_width": 98})
@click.option(
    "--rounds",
    type=click.IntRange(1, 1000),
    default=12,
    show_default=True,
    metavar="N",
    help="Rounds; each holds every brigade, unpinned and pinned, in random order.",
)
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="More variants: processes, every mode of io_uring, channels with workers.",
)
@click.option("--quick", is_flag=True, help="Under a minute: shorter runs, few rounds.")
@click.option(
    "--json",
    "path",
    metavar="FILE",
    help="Write the results as JSON to FILE; `-`: to standard output, alone.",
)
@click.option("--plot", metavar="FILE", help="Draw the hop times with their parts (PNG or SVG).")
def command(
    rounds: int, everything: bool, quick: bool, path: str | None, plot: str | None
) -> int:  # fmt: skip
    """Run every brigade, unpinned and pinned, and lay this machine beside the original.

    Rounds are saved as they end; one that was broken off goes on with the same command.
    """
    from tracer.analysis.answers import answers
    from tracer.analysis.brigades import brigades
    from tracer.cli._shared import report_width, require_rights, stop_if_broken_off
    from tracer.experiment.suite import QUICK_ROUNDS, QUICK_UNITS, suite
    from tracer.fingerprint import fingerprint
    from tracer.lines import UNITS
    from tracer.output import OutputFile
    from tracer.report import bars, picture
    from tracer.report import brigades as report
    from tracer.report.compare import render_json

    require_rights()
    if quick:
        rounds = min(rounds, QUICK_ROUNDS)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(OutputFile(path)) if path not in (None, "-") and path else None
        form = picture.format_of(plot) if plot else ""
        drawing = stack.enter_context(OutputFile(plot)) if plot else None
        host = fingerprint()
        found = suite(rounds, everything, QUICK_UNITS if quick else UNITS, host)
        result = brigades(found.outcomes, found.units, found.missing, answers, found.sizes)
        document = report.document(result, rounds, host)
        if path == "-":
            click.echo(render_json(document), nl=False)
        else:
            click.echo(report.render(result, rounds, report_width()), nl=False)
        if drawing is not None:
            drawing.write(bars.draw(result.rows, form))
        if file is not None:
            file.write(render_json(document))
    stop_if_broken_off(found.interrupted)
    return 0
