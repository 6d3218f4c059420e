"""`tracer explain`: run the experiment, test the theories, say why."""

from __future__ import annotations

import contextlib

import click

_QUICK_ROUNDS, _QUICK_UNITS = 4, 10_000
_NOTE = "Few blocks: the intervals are wide, and nothing here is a firm claim."


@click.group("explain")
def command() -> None:
    """Run an experiment, test the theories about it, and say why."""


@command.command("pinning", context_settings={"max_content_width": 98})
@click.option(
    "--workload",
    "line",
    default="thread-brigade",
    show_default=True,
    metavar="LINE",
    help="What to explain: a workload with its options, in quotes.",
)
@click.option(
    "--rounds",
    type=click.IntRange(1, 1000),
    default=12,
    show_default=True,
    metavar="N",
    help="Blocks; each holds every placement and intervention once.",
)
@click.option("--quick", is_flag=True, help="Under a minute: few blocks, wide intervals.")
@click.option(
    "--json",
    "path",
    metavar="FILE",
    help="Write everything as JSON to FILE; `-`: to standard output, alone.",
)
def pinning(line: str, rounds: int, quick: bool, path: str | None) -> int:
    """Why are threads slower free to move than pinned to one CPU?

    Placements and interventions that switch each suspected mechanism off, block by block; a
    prediction from unpinned runs that is stored before the first pinned one; a verdict on each
    theory. A run that was broken off goes on with the same command.
    """
    from tracer.analysis.evidence import Evidence
    from tracer.analysis.pinning import explain
    from tracer.analysis.statistics import ENOUGH_BLOCKS
    from tracer.cli._shared import report_width, require_rights, stop_if_broken_off
    from tracer.experiment import pinning as experiment
    from tracer.fingerprint import fingerprint
    from tracer.lines import UNITS, condition
    from tracer.output import OutputFile
    from tracer.report import explain as report
    from tracer.report.compare import render_json
    from workloads import available

    base = condition(line, "base", _QUICK_UNITS if quick else UNITS)
    if base.cpus:
        raise click.UsageError("--workload may not have --cpus: placements are the experiment")
    require_rights()
    rounds = min(rounds, _QUICK_ROUNDS) if quick else rounds
    workload = available()[base.workload]
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(OutputFile(path)) if path and path != "-" else None
        host = fingerprint()
        found = experiment.run(base, rounds, host)
        evidence = Evidence(found.outcomes, base.workload != "process-brigade", workload.unit)
        said = explain(evidence, found.labels, found.prediction, line, found.missing)
        document = report.document(said, line, workload.unit, rounds, host)
        note = _NOTE if quick or rounds < ENOUGH_BLOCKS else ""
        if path == "-":
            click.echo(render_json(document), nl=False)
        else:
            click.echo(report.render(said, workload.unit, note, report_width()), nl=False)
        if file is not None:
            file.write(render_json(document))
    stop_if_broken_off(found.interrupted)
    return 0


@command.command("async", context_settings={"max_content_width": 98})
@click.option(
    "--rounds",
    type=click.IntRange(1, 1000),
    default=12,
    show_default=True,
    metavar="N",
    help="Blocks; each holds every run once.",
)
@click.option("--quick", is_flag=True, help="Under a minute: few blocks, wide intervals.")
@click.option(
    "--json",
    "path",
    metavar="FILE",
    help="Write everything as JSON to FILE; `-`: to standard output, alone.",
)
def asynchrony(rounds: int, quick: bool, path: str | None) -> int:
    """What do async tasks cost, what do threads, and when does the choice matter?"""
    from tracer.analysis.asynchrony import explain
    from tracer.analysis.statistics import ENOUGH_BLOCKS
    from tracer.cli._shared import report_width, require_rights, stop_if_broken_off
    from tracer.experiment import asynchrony as experiment
    from tracer.fingerprint import fingerprint
    from tracer.lines import UNITS
    from tracer.output import OutputFile
    from tracer.report import asynchrony as report
    from tracer.report.compare import render_json

    require_rights()
    rounds = min(rounds, _QUICK_ROUNDS) if quick else rounds
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(OutputFile(path)) if path and path != "-" else None
        host = fingerprint()
        found = experiment.run(rounds, _QUICK_UNITS if quick else UNITS, host)
        said = explain(found.outcomes, experiment.TOKENS, experiment.STEPS, found.missing)
        document = report.document(said, rounds, host)
        if path == "-":
            click.echo(render_json(document), nl=False)
        else:
            note = _NOTE if rounds < ENOUGH_BLOCKS else ""
            click.echo(report.render(said, note, report_width()), nl=False)
        if file is not None:
            file.write(render_json(document))
    stop_if_broken_off(found.interrupted)
    return 0
