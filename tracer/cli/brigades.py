"""`tracer brigades`: the whole experiment in one table, with its questions answered."""

from __future__ import annotations

import contextlib

import click

from tracer.cli._shared import json_option, report_to, rounds_option


@click.command("brigades", context_settings={"max_content_width": 98})
@rounds_option("Rounds; each holds every brigade, unpinned and pinned, in random order.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="More variants: processes, every mode of io_uring, channels with workers.",
)
@click.option("--quick", is_flag=True, help="Under a minute: shorter runs, few rounds.")
@json_option
@click.option("--plot", metavar="FILE", help="Draw the hop times with their parts (PNG or SVG).")
def command(
    rounds: int, everything: bool, quick: bool, path: str | None, plot: str | None
) -> int:  # fmt: skip
    """Run every brigade, unpinned and pinned, and lay this machine beside the original.

    Rounds are saved as they end; one that was broken off goes on with the same command.
    """
    from tracer.analysis.answers import answers
    from tracer.analysis.brigades import brigades
    from tracer.cli._files import OutputFile
    from tracer.cli._shared import stop_if_broken_off
    from tracer.experiment.brigades import QUICK_ROUNDS, QUICK_UNITS, suite
    from tracer.experiment.line import UNITS
    from tracer.host.fingerprint import fingerprint
    from tracer.host.user import require_rights
    from tracer.report import brigades as report
    from tracer.report import brigades_chart, chart

    require_rights()
    if quick:
        rounds = min(rounds, QUICK_ROUNDS)
    with contextlib.ExitStack() as stack:
        write = stack.enter_context(report_to(path))
        form = chart.format_of(plot) if plot else ""
        drawing = stack.enter_context(OutputFile(plot)) if plot else None
        host = fingerprint()
        found = suite(rounds, everything, QUICK_UNITS if quick else UNITS, host)
        result = brigades(found.outcomes, found.units, found.missing, answers, found.sizes)
        document = report.document(result, rounds, host)
        write(document, lambda width: report.render(result, rounds, width))
        if drawing is not None:
            drawing.write(brigades_chart.draw(result.rows, form))
    stop_if_broken_off(found.interrupted)
    return 0
