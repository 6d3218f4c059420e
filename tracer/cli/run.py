"""`tracer run WORKLOAD`: the main job."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tracer.errors import TracerError
from workloads import Option, Workload, available


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
        click.Option(["--as-root"], is_flag=True,
                     help="Under sudo, run the workload as root, not as the calling user."),
    ]  # fmt: skip


def _workload_option(option: Option) -> click.Option:
    if option.kind == "flag":
        return click.Option([f"--{option.name}"], is_flag=True, help=option.help)
    kinds: dict[str, click.ParamType[int]] = {
        "count": click.IntRange(min=1),
        "number": click.IntRange(min=0),
    }
    kind = kinds[option.kind] if isinstance(option.kind, str) else click.Choice(option.kind)
    return click.Option(
        [f"--{option.name}"], type=kind, default=option.default, help=option.help,
        show_default=option.default is not None,
    )  # fmt: skip


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
            params=[*map(_workload_option, workload.options), *_own_options()],
            callback=lambda **values: run(workload, values),
            help=f"{workload.summary[0].upper()}{workload.summary[1:]}.",
            context_settings={"max_content_width": 98},
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        if args and args[0] not in available():
            near = difflib.get_close_matches(args[0], available(), 1)
            raise click.UsageError(
                f"No such workload {args[0]!r}."
                + (f" Did you mean {near[0]!r}?" if near else "")
                + " Try: tracer list",
                ctx,
            )
        return super().resolve_command(ctx, args)


@click.command("run", cls=Workloads)
def command() -> None:
    """Run a workload under the probes and say where the time went."""


def _require_rights() -> None:
    if os.geteuid() != 0:
        raise TracerError(
            "tracing needs root (or CAP_BPF and CAP_PERFMON): this is an ordinary user",
            f"sudo {' '.join([sys.argv[0], *sys.argv[1:]])}",
        )


def run(workload: Workload, values: Mapping[str, Any]) -> int:
    """The callback of every workload's subcommand; the exit status."""
    from tracer import placement, probes
    from tracer.analysis.observer import observe
    from tracer.analysis.summary import summarize
    from tracer.measure import PAIR_WARMUPS, Plan, measure
    from tracer.report import json as json_report
    from tracer.report import text as text_report
    from tracer.target import Spec

    names = probes.chosen(values["probe"] or probes.DEFAULT)
    cpus = placement.parse(values["cpus"]) if values["cpus"] is not None else ()
    _require_rights()
    path = values["json"]
    stream = None
    if path is not None and path != "-":
        try:
            stream = Path(path).open("w")  # noqa: SIM115 (said before the run, written after it)
        except OSError as error:
            raise TracerError(
                f"cannot write {path}: {error.strerror}", "name another file", exit_code=2
            ) from None
    own = {option.name: values[option.name] for option in workload.options}

    def spec(changed: Mapping[str, int]) -> Spec:
        return Spec(workload.argv({**own, **changed}), cpus=cpus, as_root=values["as_root"])

    def scaled(iterations: int) -> Spec:
        return spec({"iters": iterations, "warmups": min(own["warmups"], PAIR_WARMUPS)})

    if not os.access(spec({}).argv[0], os.X_OK):
        raise TracerError(
            f"the program of {workload.name} is not built: {spec({}).argv[0]}", "make setup"
        )
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
    recording, pairs = measure(plan, _progress)
    _progress("")
    summary = summarize(
        recording,
        name=workload.name,
        transport=workload.transport_of(own),
        unit=workload.unit,
        cpus=cpus,
        observer=observe(pairs),
        top=values["top"],
    )
    if stream is not None:
        with stream:
            stream.write(json_report.render(summary))
        _give_back(path)
    if path == "-":
        click.echo(json_report.render(summary), nl=False)
    else:
        click.echo(text_report.render(summary), nl=False)
    return 0 if summary.is_trusted else 3


def _give_back(path: str) -> None:
    """A file written under sudo belongs to the user who called it."""
    from tracer.target import Credentials

    user = Credentials.of_sudo()
    if user is not None:
        os.chown(path, user.uid, user.gid)


def _progress(text: str) -> None:
    """One changing line on a terminal, nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}" if text else "\r\x1b[K")
        sys.stderr.flush()
