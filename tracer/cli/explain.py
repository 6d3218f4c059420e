"""`tracer explain`: run the experiment, test the theories, say why."""

from __future__ import annotations

import click

from tracer.cli._shared import json_option, report_to, rounds_option

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
@rounds_option("Blocks; each holds every placement and intervention once.")
@click.option("--quick", is_flag=True, help="Under a minute: few blocks, wide intervals.")
@json_option
def pinning(line: str, rounds: int, quick: bool, path: str | None) -> int:
    """Why are threads slower free to move than pinned to one CPU?

    Placements and interventions that switch each suspected mechanism off, block by block; a
    prediction from unpinned runs that is stored before the first pinned one; a verdict on each
    theory. A run that was broken off goes on with the same command.
    """
    from tracer.analysis.pinning.answer import explain
    from tracer.analysis.pinning.evidence import Evidence
    from tracer.analysis.statistics.intervals import ENOUGH_BLOCKS
    from tracer.cli._shared import stop_if_broken_off
    from tracer.experiment import pinning as experiment
    from tracer.experiment.line import UNITS, condition
    from tracer.host.fingerprint import fingerprint
    from tracer.host.user import require_rights
    from tracer.report import pinning as report
    from workloads import available

    base = condition(line, "base", _QUICK_UNITS if quick else UNITS)
    if base.cpus:
        raise click.UsageError("--workload may not have --cpus: placements are the experiment")
    require_rights()
    rounds = min(rounds, _QUICK_ROUNDS) if quick else rounds
    workload = available()[base.workload]
    with report_to(path) as write:
        host = fingerprint()
        found = experiment.run(base, rounds, host)
        evidence = Evidence(found.outcomes, base.workload != "process-brigade", workload.unit)
        said = explain(evidence, found.labels, found.prediction, line, found.missing)
        document = report.document(said, line, workload.unit, rounds, host)
        note = _NOTE if quick or rounds < ENOUGH_BLOCKS else ""
        write(document, lambda width: report.render(said, workload.unit, note, width))
    stop_if_broken_off(found.interrupted)
    return 0


@command.command("async", context_settings={"max_content_width": 98})
@rounds_option("Blocks; each holds every run once.")
@click.option("--quick", is_flag=True, help="Under a minute: few blocks, wide intervals.")
@json_option
def asynchrony(rounds: int, quick: bool, path: str | None) -> int:
    """What do async tasks cost, what do threads, and when does the choice matter?"""
    from tracer.analysis.asynchrony import explain
    from tracer.analysis.statistics.intervals import ENOUGH_BLOCKS
    from tracer.cli._shared import stop_if_broken_off
    from tracer.experiment import asynchrony as experiment
    from tracer.experiment.line import UNITS
    from tracer.host.fingerprint import fingerprint
    from tracer.host.user import require_rights
    from tracer.report import asynchrony as report

    require_rights()
    rounds = min(rounds, _QUICK_ROUNDS) if quick else rounds
    with report_to(path) as write:
        host = fingerprint()
        found = experiment.run(rounds, _QUICK_UNITS if quick else UNITS, host)
        said = explain(found.outcomes, experiment.TOKENS, experiment.STEPS, found.missing)
        document = report.document(said, rounds, host)
        note = _NOTE if rounds < ENOUGH_BLOCKS else ""
        write(document, lambda width: report.render(said, note, width))
    stop_if_broken_off(found.interrupted)
    return 0
