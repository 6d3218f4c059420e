"""`tracer explain`: run the experiment, test the theories, say why."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli import _options as options
from tracer.cli._fleet import Fleet, tell_saved
from tracer.cli._output import Outputs, outputs, stop_if_broken_off
from tracer.cli._types import FileName
from tracer.cli._why import command as why
from tracer.cli._why import words_of_why
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.analysis.pinning.answer import Explanation
    from tracer.analysis.pinning.recorded import Recorded

_FEW_BLOCKS = "Few blocks: the intervals are wide, and nothing here is a firm claim."


class _Questions(click.Group):
    """Without the name of a question it is `why`, of the command after `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = self.list_commands(ctx)
        return super().parse_args(ctx, words_of_why(_each_from(args, known), known))


def _each_from(args: list[str], known: Sequence[str]) -> list[str]:
    """`--from` before every file that follows it: `--from *.json` names several."""
    if "--from" not in args:
        return args
    at = args.index("--from") + 1
    files = list(itertools.takewhile(lambda w: not w.startswith("-") and w not in known, args[at:]))
    named = [word for file in files for word in ("--from", file)]
    return [*args[: at - 1], *named, *args[at + len(files) :]] if files else args


@click.group(
    "explain",
    cls=_Questions,
    subcommand_metavar="QUESTION [OPTIONS] | [why] [OPTIONS] -- COMMAND",
    short_help="Run an experiment, test the theories about it, say why.",
    invoke_without_command=True,
    params=[
        click.Option(
            ["--from", "saved"],
            multiple=True,
            metavar="FILE...|DIR",
            type=FileName(),
            help="Give the answer again from the JSON report of an earlier `explain pinning`,"
            " or say what the hops of a recording show (`tracer run --record DIR`); of any"
            " machine, without rights. Of several reports: which machines, grouped by what they"
            " are.",
        ),
        options.json_option(),
        options.html_option(),
    ],
)
@click.pass_context
def command(
    ctx: click.Context, saved: tuple[str, ...], json_path: str | None, html_path: str | None
) -> int:
    """Run an experiment, test the theories about it, and say why."""
    if ctx.invoked_subcommand is not None:
        given = "--json" if json_path is not None else "--html" if html_path is not None else ""
        if saved or given:
            question = ctx.invoked_subcommand
            raise click.UsageError(
                f"{given} stands after {question}"
                if not saved
                else f"--from runs nothing, so it stands without {question}"
            )
        return 0
    if not saved:
        click.echo(ctx.get_help())
        return 0
    with outputs(json_path, html_path=html_path) as out:
        if len(saved) > 1:
            names = [Path(file).stem if file.endswith(".json") else file for file in saved]
            same = len(set(names)) < len(names)  # of files in different directories
            recorded = [_recorded(file) for file in saved]
            tell_saved(list(zip(saved if same else names, recorded, strict=True)), out)
        elif Path(saved[0]).is_dir():
            _tell_recording(Path(saved[0]), out)
        else:
            _tell(_recorded(saved[0]), out)
    return 0


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
        *options.fleet_options(),
        options.plot_option("Draw the time by number of CPUs"),
        options.json_option(),
        options.html_option(),
    ],
)
def pinning(
    line: str,
    rounds: int,
    quick: bool,
    plot_path: str | None,
    json_path: str | None,
    html_path: str | None,
    on: str | None,
    **begins: Any,
) -> int:
    """Why are threads slower free to move than pinned to one CPU?

    Placements and interventions that switch each suspected mechanism off, block by block; a
    prediction from unpinned runs that is stored before the first pinned one; a verdict on each
    theory. Runs are saved as they end: after Ctrl-C the same command continues.
    """
    from tracer.experiment.line import condition, parse_line
    from tracer.experiment.pinning import recorded, run_pinning
    from tracer.progress import Progress
    from tracer.report.chart import draw
    from tracer.report.pinning_cpus import chart

    rounds, units = options.effort(rounds, quick)
    if parse_line(line).cpus:
        raise click.UsageError("--workload may not have --cpus: placements are the experiment")
    fleet = Fleet.chosen(on, begins, plot=plot_path)
    if fleet is not None:
        asked = {"line": line, "rounds": rounds, "units": units}
        return fleet.ask("explain-pinning", asked, json_path, html_path)
    base = condition(line, "base", units)
    with outputs(json_path, html_path=html_path, plot_path=plot_path) as out:
        start = options.start(begins["wait_quiet"], begins["fresh"])
        runs = run_pinning(base, rounds, Progress(), start)
        made = recorded(line, runs)
        answer = _tell(made, out)
        where = f"Linux {made.host['kernel']}, {made.host['cpu']}"
        out.plot(partial(draw, chart(answer.rungs, line, base.unit, answer.blocks, where)))
    stop_if_broken_off(runs.interrupted)
    return 0


def _tell(recorded: Recorded, out: Outputs) -> Explanation:
    """Write the explanation of a recorded experiment on pinning, and return it."""
    from tracer.report import pinning as report

    answer, load = recorded.explained(), recorded.load
    note = _note(min(recorded.rounds, answer.blocks))
    out.report(
        report.document_of(recorded, answer),
        lambda width: report.render(answer, recorded.unit, note, width, load),
    )
    return answer


def _tell_recording(directory: Path, out: Outputs) -> None:
    """Write what the hops of a recording say."""
    from tracer.analysis.events.evidence import evidence
    from tracer.cli import _recordings as recordings
    from tracer.report import hops, hops_evidence

    loaded = recordings.load(directory)
    found = recordings.hops_of(loaded)
    anatomy = hops.document(recordings.anatomy_of(found), loaded.meta, loaded.machine)
    said = evidence(found)
    out.report(
        hops_evidence.document(said, anatomy), partial(hops_evidence.render, said, loaded.name)
    )


def _recorded(path: str) -> Recorded:
    """The experiment in the JSON report of an explanation; TracerError (exit status 2) where the
    file is none, is of another schema, or holds no runs."""
    from tracer.analysis.pinning.recorded import Recorded
    from tracer.report.pinning import SCHEMA

    again = "make one: sudo tracer explain pinning --json FILE"
    try:
        data = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise TracerError(f"cannot read {path}: {error.strerror}", again, exit_code=2) from None
    except ValueError:
        raise TracerError(f"{path} is not a JSON report", again, exit_code=2) from None
    schema = data.get("schema") if isinstance(data, dict) else None
    if schema != SCHEMA:
        raise TracerError(
            f"{path} is of the schema {schema}; the answer is given again from {SCHEMA}, which"
            " keeps the runs",
            f"run the experiment again with this version; {again}",
            exit_code=2,
        )
    if data.get("question") != "pinning" or "trials" not in data:
        raise TracerError(f"{path} keeps no runs of `explain pinning`", again, exit_code=2)
    try:
        return Recorded.from_document(data)
    except (KeyError, TypeError, ValueError) as error:
        raise TracerError(
            f"{path} is incomplete: {type(error).__name__} {error}", again, exit_code=2
        ) from None


@command.command(
    "async",
    short_help="What do async tasks cost, what do threads, and when?",
    params=[
        options.rounds_option("Blocks; each holds every run once."),
        options.quick_option(),
        options.runtime_option(),
        *options.start_options(),
        *options.fleet_options(),
        options.json_option(),
        options.html_option(),
    ],
)
def asynchrony(
    rounds: int,
    quick: bool,
    in_python: bool,
    json_path: str | None,
    html_path: str | None,
    on: str | None,
    **begins: Any,
) -> int:
    """What do async tasks cost, what do threads, and when does the choice matter?

    Runs are saved as they end: after Ctrl-C the same command continues.
    """
    from tracer.experiment.asynchrony import explained, run_async
    from tracer.progress import Progress
    from tracer.report import asynchrony as report

    rounds, units = options.effort(rounds, quick)
    fleet = Fleet.chosen(on, begins)
    if fleet is not None:
        asked = {"rounds": rounds, "units": units, "in_python": in_python}
        return fleet.ask("explain-async", asked, json_path, html_path)
    with outputs(json_path, html_path=html_path) as out:
        start = options.start(begins["wait_quiet"], begins["fresh"])
        runs = run_async(rounds, units, Progress(), start, in_python=in_python)
        load, answer = runs.load, explained(runs)
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
