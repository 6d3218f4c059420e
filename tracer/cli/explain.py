"""`tracer explain`: run the experiment, test the theories, say why."""

from __future__ import annotations

from functools import partial

import click

from tracer.cli import _options as options
from tracer.cli._output import outputs, stop_if_broken_off
from tracer.cli._why import command as why
from tracer.cli._why import words_of_why

_FEW_BLOCKS = "Few blocks: the intervals are wide, and nothing here is a firm claim."


class _Questions(click.Group):
    """Without the name of a question it is `why`, of the command after `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, words_of_why(args, self.list_commands(ctx)))


@click.group(
    "explain",
    cls=_Questions,
    subcommand_metavar="QUESTION [OPTIONS] | [why] [OPTIONS] -- COMMAND",
    short_help="Run an experiment, test the theories about it, say why.",
)
def command() -> None:
    """Run an experiment, test the theories about it, and say why."""


command.add_command(why)


@command.command(
    "pinning",
    short_help="Why are threads slower free to move than pinned?",
    params=[
        click.Option(
            ["--workload", "line"],
            default="thread-brigade",
            show_default=True,
            metavar="LINE",
            help="What to explain: a workload with its options, in quotes.",
        ),
        options.rounds_option("Blocks; each holds every placement and intervention once."),
        options.quick_option(),
        *options.start_options(),
        options.plot_option("Draw the time by number of CPUs"),
        options.json_option(),
    ],
)
def pinning(
    line: str,
    rounds: int,
    quick: bool,
    wait_quiet: float | None,
    fresh: bool,
    plot_path: str | None,
    json_path: str | None,
) -> int:
    """Why are threads slower free to move than pinned to one CPU?

    Placements and interventions that switch each suspected mechanism off, block by block; a
    prediction from unpinned runs that is stored before the first pinned one; a verdict on each
    theory. Runs are saved as they end: after Ctrl-C the same command continues.
    """
    from tracer.analysis.pinning.answer import explain
    from tracer.analysis.pinning.evidence import Evidence
    from tracer.experiment.line import condition
    from tracer.experiment.pinning import run_pinning
    from tracer.progress import Progress
    from tracer.report import pinning as report
    from tracer.report.chart import draw
    from tracer.report.pinning_cpus import chart

    rounds, units = options.effort(rounds, quick)
    base = condition(line, "base", units)
    if base.cpus:
        raise click.UsageError("--workload may not have --cpus: placements are the experiment")
    with outputs(json_path, plot_path=plot_path) as out:
        runs = run_pinning(base, rounds, Progress(), options.start(wait_quiet, fresh))
        load = runs.load
        evidence = Evidence(
            load.usable(runs.outcomes), base.workload != "process-brigade", base.unit, runs.host
        )
        answer = explain(
            evidence,
            runs.labels,
            runs.prediction,
            line,
            runs.missing,
            judged=load.allows_verdict,
            cpus=runs.cpus,
        )
        note = _note(min(rounds, answer.blocks))
        out.report(
            report.document(
                answer, line, base.unit, rounds, runs.host, in_python=base.in_python, load=load
            ),
            lambda width: report.render(answer, base.unit, note, width, load),
        )
        where = f"Linux {runs.host['kernel']}, {runs.host['cpu']}"
        out.plot(partial(draw, chart(answer.rungs, line, base.unit, answer.blocks, where)))
    stop_if_broken_off(runs.interrupted)
    return 0


@command.command(
    "async",
    short_help="What do async tasks cost, what do threads, and when?",
    params=[
        options.rounds_option("Blocks; each holds every run once."),
        options.quick_option(),
        options.runtime_option(),
        *options.start_options(),
        options.json_option(),
    ],
)
def asynchrony(
    rounds: int,
    quick: bool,
    in_python: bool,
    wait_quiet: float | None,
    fresh: bool,
    json_path: str | None,
) -> int:
    """What do async tasks cost, what do threads, and when does the choice matter?

    Runs are saved as they end: after Ctrl-C the same command continues.
    """
    from tracer.analysis.asynchrony import explain
    from tracer.experiment.asynchrony import TOKENS, run_async
    from tracer.progress import Progress
    from tracer.report import asynchrony as report

    rounds, units = options.effort(rounds, quick)
    with outputs(json_path) as out:
        runs = run_async(
            rounds,
            units,
            Progress(),
            options.start(wait_quiet, fresh),
            in_python=in_python,
        )
        load = runs.load
        answer = explain(
            load.usable(runs.outcomes),
            TOKENS,
            runs.steps,
            runs.missing,
            in_python=in_python,
            judged=load.allows_verdict,
        )
        note = _note(min(rounds, answer.blocks))
        out.report(
            report.document(answer, rounds, runs.host, load),
            lambda width: report.render(answer, note, width, load),
        )
    stop_if_broken_off(runs.interrupted)
    return 0


def _note(rounds: int) -> str:
    """What a report of so few blocks says first; empty when there are enough."""
    from tracer.analysis.statistics.intervals import ENOUGH_BLOCKS

    return "" if rounds >= ENOUGH_BLOCKS else _FEW_BLOCKS
