"""`tracer compare A B`: is it faster, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._shared import json_option, report_to, rounds_option
from tracer.errors import Interrupted, TracerError

if TYPE_CHECKING:
    from tracer.analysis.compare import Comparison

_COMMANDS = "tracer.compare.commands"
_PROBES = ("sched", "syscalls", "idle")


class _Compare(click.Command):
    """Knows whether there was a `--`: then A and B are commands of the user's."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_COMMANDS] = "--" in args
        return super().parse_args(ctx, args)


@click.command("compare", cls=_Compare, context_settings={"max_content_width": 98})
@click.pass_context
@click.argument("a")
@click.argument("b")
@rounds_option("Blocks; each holds every run once, in random order.", least=2)
@click.option("--untraced", is_flag=True, help="No traced runs: the ratio only, not its reasons.")
@json_option
@click.option("--budget", "budgets", multiple=True, metavar="LIMIT",
              help='Limit on a number of B\'s report, "sched.switches.per_unit<=1.05", or on'
                   ' "ratio<=1.10" (A/B); exit status 4 when broken. Repeatable.')  # fmt: skip
def command(
    context: click.Context,
    a: str,
    b: str,
    rounds: int,
    untraced: bool,
    path: str | None,
    budgets: Sequence[str],
) -> int:
    """Compare two workloads, two commands, or two saved reports of tracer run --json.

    A and B are each a workload with its options in quotes, "thread-brigade --cpus 1", or the
    name of a saved report; after `--` each is a command of your own in quotes, which is started
    many times. A run that was broken off goes on with the same command.
    """
    from tracer.analysis.run.budget import parse
    from tracer.cli._shared import budget_status, stop_if_broken_off
    from tracer.report import compare as report

    limits = [parse(text) for text in budgets]
    commands = bool(context.meta[_COMMANDS])
    saved = [not commands and Path(side).is_file() for side in (a, b)]
    if any(saved) and not all(saved):
        raise TracerError(
            "one side is a saved report and the other a workload: they did not run side by side",
            "compare two saved reports or two workload lines",
            exit_code=2,
        )
    with report_to(path) as write:
        found = _saved(a, b) if all(saved) else _live(a, b, rounds, untraced, commands)
        document = report.document(found.comparison, (a, b), found.host, found.warnings)
        write(
            document,
            lambda width: report.render(found.comparison, (a, b), found.warnings, width),
        )
    stop_if_broken_off(found.interrupted)
    return budget_status(limits, {**found.report_b, "ratio": found.comparison.ratio.median})


@dataclass(frozen=True)
class _Found:
    """A comparison, this host, and one report of B for budgets."""

    comparison: Comparison
    host: Mapping[str, str]
    report_b: Mapping[str, Any]
    warnings: Sequence[str] = ()
    interrupted: int | None = None


def _live(a: str, b: str, rounds: int, untraced: bool, commands: bool) -> _Found:
    from tracer import probes
    from tracer.analysis.compare import compare
    from tracer.experiment.design import Design, run_trials
    from tracer.experiment.line import command_condition, condition
    from tracer.experiment.runner import Runner
    from tracer.experiment.store import Store
    from tracer.host.cpus import online_cpus
    from tracer.host.fingerprint import fingerprint
    from tracer.host.user import require_rights
    from tracer.progress import Progress

    made = command_condition if commands else condition
    conditions = [made(a, "A"), made(b, "B")]
    unit, other = (c.unit for c in conditions)
    if unit != other:
        raise TracerError(
            f"A counts in units of one {unit} and B of one {other}: there is no ratio of the two",
            "compare workloads of the same unit: tracer list",
            exit_code=2,
        )
    require_rights()
    names = [] if untraced else [name for name in _PROBES if name in probes.available()]
    design = Design(("A", "B"), rounds, traced=() if untraced else None, twin="A")
    host = fingerprint()
    plan = {"conditions": [c.plain() for c in conditions], "probes": names, "host": host,
            "rounds": rounds}  # fmt: skip
    trials = design.trials()
    if commands:
        times = {label: sum(t.condition == label for t in trials) for label in ("A", "B")}
        click.echo(
            f"tracer: A is started {times['A']} times and B {times['B']} times; what they write to"
            " standard output is dropped",
            err=True,
        )
    progress = Progress()
    with Store("compare", plan) as store, Runner(conditions, names, progress) as runner:
        done = run_trials(trials, runner, store, progress)
        if done.interrupted is None:
            store.complete()
    found = compare(done.outcomes, "A", "B", unit, len(online_cpus()))
    if found is None:
        raise Interrupted(done.interrupted or 2)
    traced = [o.report for o in done.outcomes if o.trial.traced and o.trial.condition == "B"]
    report_b = (traced[-1] if traced else None) or {}
    return _Found(found, host, report_b, interrupted=done.interrupted)


def _saved(a: str, b: str) -> _Found:
    from tracer.analysis.compare import compare_documents
    from tracer.host.fingerprint import differences

    first, second = _read(a), _read(b)
    prints = [d["host"].get("fingerprint", {}) for d in (first, second)]
    different = differences(*prints)
    warnings = ["Warning: the reports are of different hosts:", *different] if different else []
    return _Found(compare_documents(first, second, ("A", "B")), prints[1], second, warnings)


def _read(path: str) -> Mapping[str, Any]:
    try:
        document = json.loads(Path(path).read_text())
    except (OSError, ValueError) as error:
        raise _refused(f"cannot read {path}: {error}") from None
    if not isinstance(document, dict) or document.get("schema") != "tracer.run/1":
        raise _refused(f"{path} is no report of tracer run")
    if document.get("partial"):
        raise _refused(f"{path} is a partial report: how much work was done is not known")
    return document


def _refused(message: str) -> TracerError:
    return TracerError(message, "make one with: tracer run WORKLOAD --json FILE", exit_code=2)
