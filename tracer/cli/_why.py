"""`tracer explain [why] -- COMMAND`: what would help a program of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from tracer.cli import _options as options
from tracer.cli._fleet import Fleet
from tracer.cli._output import outputs, stop_if_broken_off
from tracer.cli._types import CommandWord


def words_of_why(args: list[str], known: Sequence[str]) -> list[str]:
    """The words after `tracer explain`, with `why` first where a command follows `--` and no
    question is named."""
    if "--" not in args or args[0] in known:
        return args
    before, after = args[: args.index("--")], args[args.index("--") :]
    return ["why", *(word for word in before if word != "why"), *after]


class _Why(click.Command):
    """What it starts stands after `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        is_help = bool({"-h", "--help"} & set(args))
        if "--" not in args and not is_help:
            raise click.UsageError("the command goes after `--`: tracer explain -- COMMAND", ctx)
        return super().parse_args(ctx, args)


@click.command(
    "why",
    cls=_Why,
    short_help="Why does a command spend its time, and what would help?",
    params=[
        options.unit_from_option(),
        options.units_option("Units of work that every run does."),
        options.rounds_option("Blocks; each holds every change once."),
        click.Option(["--quick"], is_flag=True, help="4 blocks: nothing is more than seen once."),
        options.as_root_option(),
        *options.start_options(),
        *options.fleet_options(),
        options.json_option(),
        options.html_option(),
        click.Argument(["argv"], nargs=-1, type=CommandWord(), metavar="-- COMMAND [ARG]..."),
    ],
    context_settings={"allow_interspersed_args": False},
)
def command(
    unit_from: str,
    units: int | None,
    rounds: int,
    quick: bool,
    as_root: bool,
    json_path: str | None,
    html_path: str | None,
    argv: tuple[str, ...],
    on: str | None,
    **begins: Any,
) -> int:
    """Why does a command spend its time switching or waiting, and what would help?

    It is started once traced, then many times untraced: as it is, and under each change that can do
    no harm (one CPU, half of them, one last-level cache, batch policy, CPUs that do not sleep, and
    the number of workers of Go, Java, Node and tokio), in interleaved blocks. Its standard
    input is empty, and its standard output is dropped. Runs are saved as they end: after Ctrl-C the
    same command continues.
    """
    from tracer.experiment.condition import Condition
    from tracer.experiment.design import QUICK_ROUNDS
    from tracer.experiment.why import answered, run_why
    from tracer.progress import Progress
    from tracer.report import why as report

    if not argv:
        raise click.UsageError("after `--` the command is missing: tracer explain -- COMMAND")
    if unit_from and units:
        raise click.UsageError("--units and --unit-from contradict each other: give one")
    rounds = min(rounds, QUICK_ROUNDS) if quick else rounds
    more: dict[str, Any] = {"as_root": as_root, "unit_from": unit_from, "units": units or 0}
    fleet = Fleet.chosen(on, begins)
    if fleet is not None:
        asked = {"command": argv, "rounds": rounds, **more}
        return fleet.ask("explain-why", asked, json_path, html_path)
    base = Condition("", "", command=argv, **more)
    with outputs(json_path, html_path=html_path) as out:
        start = options.start(begins["wait_quiet"], begins["fresh"])
        runs = run_why(base, rounds, Progress(), start)
        load, answer = runs.load, answered(runs)
        out.report(
            report.document(
                answer,
                argv,
                base.unit,
                rounds,
                len(runs.planned.trials),
                runs.outcomes,
                runs.host,
                load,
            ),
            lambda width: report.render(answer, base.unit, width, load),
        )
    stop_if_broken_off(runs.interrupted)
    return 0
