"""`tracer run WORKLOAD`: the main job."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from typing import Any

import click

from tracer.cli._shared import budget_status, report_to, shared_options, start_options
from tracer.errors import Interrupted, TracerError
from tracer.experiment.line import workload_option
from tracer.host.user import require_rights
from workloads import Workload, available, nearest


def _own_options() -> list[click.Parameter]:
    return [
        *shared_options(),
        *start_options(),
        click.Option(["--rounds"], type=click.IntRange(1, 1000), default=5, show_default=True,
                     metavar="N", help="Traced and untraced pairs for the observer effect."),
        click.Option(["--no-baseline"], is_flag=True, help="Leave those pairs out."),
        click.Option(["--json"], metavar="FILE",
                     help="Write the report as JSON to FILE; `-`: to standard output, alone."),
    ]  # fmt: skip


#: What `run [options] -- COMMAND` is called inside; no workload can have this name.
_COMMAND = "COMMAND"


class Workloads(click.Group):
    """One subcommand per workload: tracer's options and the workload's own, in any order.

    Options first, then `--`: what follows is a command of the user's.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ("--help", "-h"):
            args = [_COMMAND, *args]
        elif args and args[0] in ("--help", "-h") and "--" in args:
            args = [_COMMAND, "--help"]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(available())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == _COMMAND:
            from tracer.cli._command import command_of_user

            return command_of_user()
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
        if args and args[0] not in (*available(), _COMMAND):
            raise click.UsageError(
                f"No such workload {args[0]!r}. {nearest(args[0])}."
                f" A command of your own goes after `--`: tracer run -- {shlex.join(args)}",
                ctx,
            )
        return super().resolve_command(ctx, args)


@click.command("run", cls=Workloads, subcommand_metavar="WORKLOAD [OPTIONS] | [OPTIONS] -- COMMAND")
def command() -> None:
    """Run a workload, or a command of your own after `--`, and say where the time went.

    Options: tracer run WORKLOAD --help, tracer run --help --
    """


def run(workload: Workload, values: Mapping[str, Any]) -> int:
    """The callback of every workload's subcommand; the exit status."""
    from tracer import probes
    from tracer.analysis.run import budget
    from tracer.analysis.run import document as json_report
    from tracer.analysis.run.observer import observe
    from tracer.analysis.run.summary import summarize
    from tracer.experiment.pairs import PAIR_WARMUPS, Plan, measure
    from tracer.host import limits
    from tracer.host.cpus import parse_cpus
    from tracer.model.spec import Spec
    from tracer.progress import Progress
    from tracer.report.run import text as text_report

    names = probes.chosen(values["probe"] or probes.DEFAULT)
    budgets = [budget.parse(text) for text in values["budget"]]
    cpus = parse_cpus(values["cpus"]) if values["cpus"] is not None else ()
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
    if workload.in_python(own) and own["runtime"] is None:
        click.echo(
            f"tracer: the native {workload.name} is not built, so its twin in Python runs;"
            " make setup builds it",
            err=True,
        )
    plan = Plan(
        spec=spec({}),
        scaled=scaled,
        iterations=own["iters"],
        probes=names,
        light=values["light"],
        follow=not values["no_follow"],
        rounds=0 if values["no_baseline"] else values["rounds"],
    )
    with report_to(values["json"]) as write:
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
        document = json_report.document(summary)
        write(document, lambda width: text_report.render(summary, width))
    if measured.interrupted is not None:
        raise Interrupted(measured.interrupted)
    if not summary.is_trusted:
        return 3
    return budget_status(budgets, document)
