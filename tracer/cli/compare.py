"""`tracer compare A B`: is it faster, and why."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli import _options as options
from tracer.cli._fleet import Fleet
from tracer.cli._output import Outputs, budget_status, outputs, say, stop_if_broken_off
from tracer.cli._types import FileName, WorkloadLine
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.analysis.compare import Comparison
    from tracer.analysis.events.anatomy import Anatomy
    from tracer.analysis.run.budget import Budget
    from tracer.experiment.compare import CompareResult
    from tracer.experiment.fleet.run import HostRuns

_COMMANDS = "tracer.compare.commands"


class _Compare(click.Command):
    """Notes whether there was a `--`: then A and B are commands of the user's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_COMMANDS] = "--" in args
        return super().parse_args(ctx, args)


@click.command(
    "compare",
    cls=_Compare,
    short_help="Compare two workloads, commands, saved reports or recordings.",
    params=[
        click.Argument(["a"], type=WorkloadLine(or_file=True)),
        click.Argument(["b"], type=WorkloadLine(or_file=True)),
        options.rounds_option("Blocks; each holds every run once, in random order.", least=2),
        options.unit_from_option("each did"),
        options.untraced_option("No traced runs: the ratio only, not its reasons."),
        click.Option(
            ["--functions"],
            is_flag=True,
            help="Sample stacks in the traced runs: which functions make the difference.",
        ),
        click.Option(
            ["--folded"],
            type=FileName(),
            metavar="FILE",
            help="Write the functions with their times in A and in B, for difffolded.pl and the"
            " like, to FILE; with --functions, or of saved reports that have places.",
        ),
        *options.start_options(),
        *options.fleet_options(),
        options.json_option(),
        options.html_option(),
        options.budget_option(
            'Limit on a number of B\'s report, "sched.switches.per_unit<=1.05", or on'
            ' "ratio<=1.10" (A/B); exit status 4 when broken. Repeatable.'
        ),
    ],
)
def command(
    a: str,
    b: str,
    rounds: int,
    unit_from: str,
    untraced: bool,
    functions: bool,
    folded: str | None,
    json_path: str | None,
    html_path: str | None,
    budgets: Sequence[Budget],
    on: str | None,
    **begins: Any,
) -> int:
    """Compare two workloads, two commands, two saved reports of tracer run --json, or two
    recordings of tracer run --record.

    A and B are each a workload with its options in quotes, "thread-brigade --cpus 1", the name of a
    saved report, or that of a recording's directory; after `--` each is a command of your own in
    quotes, which is started many times. Runs are saved as they end: after Ctrl-C the same command
    continues.
    """
    from tracer.experiment.compare import compare_live, compare_saved, sides
    from tracer.progress import Progress

    are_commands = click.get_current_context().meta[_COMMANDS]
    if unit_from and not are_commands:
        raise click.UsageError(
            "--unit-from is for commands: tracer compare --unit-from REGEX -- 'COMMAND' 'COMMAND'"
        )
    if untraced and (functions or folded):
        raise click.UsageError("--untraced runs have no functions: leave out one of the two")
    fleet = Fleet.chosen(on, begins, folded=folded)
    if fleet is not None and not are_commands and (_saved(a) or _saved(b)):
        raise click.UsageError("--on runs workloads or commands: saved reports have been run")
    functions = functions or folded is not None
    saved = None if are_commands else _both_saved(a, b)
    if saved is None:
        _require_budgets(budgets, untraced, functions, are_commands and not unit_from)
    if fleet is not None:
        asked = {"sides": [a, b], "commands": are_commands, "unit_from": unit_from}
        more = {"rounds": rounds, "untraced": untraced, "functions": functions}
        judge = partial(_judged_host, budgets)
        return fleet.ask("compare", {**asked, **more}, json_path, html_path, judge)
    with outputs(json_path, html_path=html_path, csv_path=folded) as out:
        if saved is not None:
            result = compare_saved(*saved)
        else:
            begin = options.start(begins["wait_quiet"], begins["fresh"])
            first, second = sides((a, b), are_commands, unit_from)
            result = compare_live(first, second, rounds, untraced, Progress(), begin, functions)
        compared = result.comparison
        if compared is not None:
            _write(out, result, compared, (a, b), None if are_commands else _hops(a, b))
            _write_folded(out, compared, folded)
    stop_if_broken_off(result.interrupted)
    assert compared is not None  # only a broken-off one has none
    return _judged(budgets, result)


def _judged(budgets: Sequence[Budget], result: CompareResult, of: str = "") -> int:
    """The exit status that the budgets ask for; `of`: the host, where there are several."""
    if not budgets or result.comparison is None:
        return 0
    if not result.load.allows_verdict:
        say(f"{of}no budget is judged: the host was busy while this was measured")
        return 3
    return budget_status(budgets, {**result.report_b, "ratio": result.comparison.ratio.median}, of)


def _judged_host(budgets: Sequence[Budget], host: HostRuns) -> int:
    """The same for one host of many."""
    from tracer.experiment.compare import compared

    return 0 if host.runs is None else _judged(budgets, compared(host.runs), f"{host.name}: ")


def _require_budgets(
    budgets: Sequence[Budget], untraced: bool, functions: bool, no_units: bool
) -> None:
    """TracerError (exit status 2) for a budget on what neither B's report nor the ratio has."""
    from tracer.analysis.run.budget_paths import require
    from tracer.experiment.compare import probes_of

    of_report = [budget for budget in budgets if budget.path != "ratio"]
    if of_report and untraced:
        raise TracerError(
            f"--budget {of_report[0].path}: with --untraced B has no report",
            "leave out --untraced, or limit the ratio: --budget 'ratio<=1.10'",
            exit_code=2,
        )
    require(
        of_report,
        probes_of(untraced, functions),
        no_units="count what each does: --unit-from REGEX" if no_units else "",
    )


def _write(
    out: Outputs,
    result: CompareResult,
    compared: Comparison,
    names: tuple[str, str],
    hops: list[tuple[Anatomy, dict[str, Any]]] | None,
) -> None:
    """The report of a comparison, with the hops of two recordings where there are some."""
    from tracer.report import compare as report

    document = report.document(
        compared, names, result.host, result.warnings, result.in_python, result.load
    )
    out.report(
        {**document, **({"hops": [side[1] for side in hops]} if hops else {})},
        lambda width: (
            report.render(compared, names, result.warnings, width, result.load)
            + _hops_text(hops, width)
        ),
    )


def _write_folded(out: Outputs, compared: Comparison, folded: str | None) -> None:
    from tracer.report.compare import folded_functions

    if folded and not compared.functions:
        raise TracerError(
            "there are no functions to compare: not every run had its stacks sampled",
            "save reports with: tracer run --probe stacks --json FILE",
        )
    out.csv(lambda: folded_functions(compared))


def _both_saved(a: str, b: str) -> tuple[Path, Path] | None:
    """The files of two saved reports; None for what is to be run. TracerError (exit status 2) for
    one of each."""
    first, second = _saved(a), _saved(b)
    if first and second:
        return first, second
    if first or second:
        raise TracerError(
            "one side is a saved report and the other a workload: they did not run side by side",
            "compare two saved reports, two recordings or two workload lines",
            exit_code=2,
        )
    return None


def _saved(side: str) -> Path | None:
    """The file of a saved report, also that in the directory of a recording; None for neither."""
    path = Path(side)
    try:
        is_directory, is_file = path.is_dir(), path.is_file()
    except OSError:  # a line can be longer than a name may be
        return None
    if is_directory:
        from tracer.host.recordings import REPORT, read_meta

        read_meta(path)  # refuses another directory
        return path / REPORT
    return path if is_file else None


def _hops(a: str, b: str) -> list[tuple[Anatomy, dict[str, Any]]] | None:
    """The hops of two recordings and their documents; None where one has none, or is none."""
    if not (Path(a).is_dir() and Path(b).is_dir()):
        return None
    from tracer.analysis.events.anatomy import anatomy
    from tracer.analysis.events.hops import hops_of
    from tracer.cli import _recordings as recordings
    from tracer.report import hops as report

    found = []
    for side in (a, b):
        loaded = recordings.load(Path(side))
        taken = anatomy(hops_of(loaded.events, loaded.machine))
        if taken is None:
            return None
        found.append((taken, report.document(taken, loaded.meta, loaded.machine)))
    return found


def _hops_text(hops: list[tuple[Anatomy, dict[str, Any]]] | None, width: int) -> str:
    if hops is None:
        return ""
    from tracer.report.hops_evidence import beside

    return "\n" + "\n".join(beside(hops[0][0], hops[1][0], width)) + "\n"
