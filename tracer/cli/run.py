"""`tracer run WORKLOAD`: the main job."""

from __future__ import annotations

import contextlib
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from tracer.errors import Interrupted, TracerError
from tracer.lines import workload_option
from workloads import Workload, available, nearest

if TYPE_CHECKING:
    from tracer.analysis.budget import Budget


def _own_options() -> list[click.Parameter]:
    from tracer import probes

    names = ", ".join(probes.available())
    return [
        click.Option(["--probe"], multiple=True, metavar="NAMES",
                     help=f"Detail to keep: {names} or all; commas, repeatable."
                          f"  [default: {','.join(probes.DEFAULT)}]"),
        click.Option(["--cpus"], metavar="LIST",
                     help="Pin the workload: 1, 0-3,5 or physical.  [default: free to move]"),
        click.Option(["--light"], is_flag=True,
                     help="Leave the system-call tracepoints out: cheaper, on-CPU time unsplit."),
        click.Option(["--top"], type=click.IntRange(0, 1000), default=0, metavar="N",
                     help="Show the N busiest threads, the rest summed."),
        click.Option(["--rounds"], type=click.IntRange(1, 1000), default=5, show_default=True,
                     metavar="N", help="Traced and untraced pairs for the observer effect."),
        click.Option(["--no-baseline"], is_flag=True, help="Leave those pairs out."),
        click.Option(["--no-follow"], is_flag=True,
                     help="Processes forked by the target do not belong to it."),
        click.Option(["--json"], metavar="FILE",
                     help="Write the report as JSON to FILE; `-`: to standard output, alone."),
        click.Option(["--budget"], multiple=True, metavar="LIMIT",
                     help='Limit on a number of the JSON report: "headline.io<=0.4"; exit status 4'
                          " when broken. Repeatable."),
        click.Option(["--as-root"], is_flag=True,
                     help="Under sudo, run the workload as root, not as the calling user."),
    ]  # fmt: skip


class Workloads(click.Group):
    """One subcommand per workload: tracer's options and the workload's own, in any order."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(available())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        workload = available().get(cmd_name)
        if workload is None:
            return None
        return click.Command(
            cmd_name,
            params=[*map(workload_option, workload.options), *_own_options()],
            callback=lambda **values: run(workload, values),
            help=f"{workload.summary[0].upper()}{workload.summary[1:]}.",
            context_settings={"max_content_width": 98},
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in available():
            raise click.UsageError(f"No such workload {args[0]!r}. {nearest(args[0])}", ctx)
        return super().resolve_command(ctx, args)


@click.command("run", cls=Workloads)
def command() -> None:
    """Run a workload under the probes and say where the time went."""


def require_rights() -> None:
    if os.geteuid() != 0:
        raise TracerError(
            "loading BPF programs needs root's rights (or CAP_BPF and CAP_PERFMON), and this is"
            " an ordinary user",
            "sudo " + shlex.join(sys.argv),
        )


def run(workload: Workload, values: Mapping[str, Any]) -> int:
    """The callback of every workload's subcommand; the exit status."""
    from tracer import limits, placement, probes
    from tracer.analysis import budget
    from tracer.analysis.observer import observe
    from tracer.analysis.summary import summarize
    from tracer.measure import PAIR_WARMUPS, Plan, measure
    from tracer.output import OutputFile
    from tracer.progress import Progress
    from tracer.report import json as json_report
    from tracer.report import text as text_report
    from tracer.target import Spec

    names = probes.chosen(values["probe"] or probes.DEFAULT)
    budgets = [budget.parse(text) for text in values["budget"]]
    cpus = placement.parse(values["cpus"]) if values["cpus"] is not None else ()
    own = {option.name: values[option.name] for option in workload.options}
    require_rights()

    def spec(changed: Mapping[str, int]) -> Spec:
        return Spec(workload.argv({**own, **changed}), cpus=cpus, as_root=values["as_root"])

    def scaled(iterations: int) -> Spec:
        return spec({"iters": iterations, "warmups": min(own["warmups"], PAIR_WARMUPS)})

    if not os.access(spec({}).argv[0], os.X_OK):
        raise TracerError(
            f"the program of {workload.name} is not built: {spec({}).argv[0]}", "make setup"
        )
    limits.require(workload.needs(own), own["tasks"])
    plan = Plan(
        spec=spec({}),
        scaled=scaled,
        iterations=own["iters"],
        probes=names,
        light=values["light"],
        follow=not values["no_follow"],
        rounds=0 if values["no_baseline"] else values["rounds"],
    )
    path = values["json"]
    with contextlib.ExitStack() as stack:
        file = None
        if path is not None and path != "-":
            file = stack.enter_context(OutputFile(path))
        measured = measure(plan, Progress())
        summary = summarize(
            measured.recording,
            name=workload.name,
            transport=workload.transport_of(own),
            unit=workload.unit,
            cpus=cpus,
            observer=observe(measured.pairs),
            top=values["top"],
        )
        if path == "-":
            click.echo(json_report.render(summary), nl=False)
        else:
            click.echo(text_report.render(summary, report_width()), nl=False)
        if file is not None:
            file.write(json_report.render(summary))
    if measured.interrupted is not None:
        raise Interrupted(measured.interrupted)
    if not summary.is_trusted:
        return 3
    return budget_status(budgets, json_report.document(summary))


def budget_status(budgets: Sequence[Budget], document: Mapping[str, Any]) -> int:
    """4 when a budget is broken, each named on standard error; else 0."""
    from tracer.analysis.budget import broken

    lines = broken(budgets, document)
    for line in lines:
        click.echo(f"tracer: {line}", err=True)
    return 4 if lines else 0


def report_width() -> int:
    """Columns for the report: those of the terminal, where standard output is one."""
    from tracer.report.layout import WIDTH

    try:
        return min(WIDTH, os.get_terminal_size(1).columns or WIDTH)
    except OSError:
        return WIDTH
