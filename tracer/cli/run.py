"""`tracer run WORKLOAD`: the main job; `tracer run -- COMMAND` is in _command.py."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tracer.cli import _options as options
from tracer.cli import _record
from tracer.cli._output import budget_status, outputs, say, say_nothing
from tracer.cli._profiles import FILES, profile_files
from tracer.cli._types import TARGET_TO_COME
from tracer.errors import Interrupted
from workloads import Workload, available, nearest

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tracer.analysis.run.budget import Budget
    from tracer.experiment.condition import Condition
    from tracer.experiment.tracing import Tracing
    from tracer.report.run.text import Shown

#: What `run [options] -- COMMAND` is called inside; no workload can have this name.
_COMMAND = "COMMAND"


@dataclass(frozen=True)
class RunOptions:
    """What `tracer run WORKLOAD` is to do; `rounds` 0: no pairs for the observer effect."""

    condition: Condition
    tracing: Tracing
    follow: bool
    rounds: int
    wait_quiet: float | None
    budgets: tuple[Budget, ...]
    json_path: str | None
    html_path: str | None
    recording: Mapping[str, Any]
    profiles: Mapping[str, Any]
    shown: Shown
    quiet: bool

    @classmethod
    def of(cls, workload: Workload, values: Mapping[str, Any]) -> RunOptions:
        """From the values of the command line."""
        from tracer.experiment.condition import Condition

        condition = Condition(
            workload.name,
            workload.name,
            {option.name: values[option.name] for option in workload.options},
            cpus=values["cpus"] or (),
            as_root=values["as_root"],
        )
        return cls(
            condition,
            options.tracing(values),
            follow=not values["no_follow"],
            rounds=0 if values["no_baseline"] else values["rounds"],
            wait_quiet=values["wait_quiet"],
            budgets=values["budgets"],
            json_path=values["json_path"],
            html_path=values["html_path"],
            recording=_record.values_of(values),
            profiles={name: values[name] for name in FILES},
            shown=options.shown(values),
            quiet=values["quiet"],
        )


def workload_command(workload: Workload) -> click.Command:
    """`tracer run` of one workload: its own options and tracer's, in any order."""
    summary = f"{workload.summary[0].upper()}{workload.summary[1:]}."
    return click.Command(
        workload.name,
        params=[
            *map(options.workload_option, workload.options),
            *options.tracing_options(),
            options.cpus_option(),
            options.as_root_option(),
            options.rounds_option(
                "Traced and untraced pairs for the observer effect.", default=5, most=1000
            ),
            options.no_baseline_option("Leave those pairs out."),
            options.wait_quiet_option(),
            *_record.options(ends=False),
            options.json_option(),
            options.html_option(),
            *options.screen_options(),
        ],
        callback=lambda **values: run(RunOptions.of(workload, values)),
        help=summary,
        short_help=summary,
    )


def run(chosen: RunOptions) -> int:
    """Measure the workload and write its report; the exit status."""
    from tracer.experiment.one import trace_workload
    from tracer.progress import Progress

    notes = say_nothing if chosen.quiet else say
    with (
        outputs(chosen.json_path, html_path=chosen.html_path, quiet=chosen.quiet) as out,
        profile_files(chosen.profiles) as write_profiles,
        _record.recorder(chosen.recording) as recorder,
    ):
        measured = trace_workload(
            chosen.condition,
            chosen.tracing,
            follow=chosen.follow,
            rounds=chosen.rounds,
            wait_quiet_s=chosen.wait_quiet,
            progress=Progress(shown=not chosen.quiet),
            say=notes,
            recorder=recorder,
        )
        summary = measured.summary
        from tracer.analysis.run.document import document  # not before: see one.py
        from tracer.report.run.text import render

        data = document(summary)
        out.report(data, partial(render, summary, shown=chosen.shown, data=data), summary)
        write_profiles(summary)
        if recorder:
            _record.end(recorder, data, notes)
    if measured.interrupted is not None:
        raise Interrupted(measured.interrupted)
    is_whole = recorder is None or recorder.is_whole
    return budget_status(chosen.budgets, data) if summary.is_trusted and is_whole else 3


class Workloads(click.Group):
    """One subcommand per workload, and one for a command of the user's after `--`.

    Options may stand before the workload's name too.
    """

    unlisted = (_COMMAND,)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _target_first(ctx, args) if args else args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """The workloads; before one is named, the options that a command of the user's has."""
        if incomplete.startswith("-"):
            from tracer.cli._command import command_of_user

            return command_of_user().shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(available())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name == _COMMAND:
            from tracer.cli._command import command_of_user

            return command_of_user()
        workload = available().get(cmd_name)
        return None if workload is None else workload_command(workload)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] != _COMMAND and not ctx.resilient_parsing:
            _require_workload(ctx, [], args)
        return super().resolve_command(ctx, args)


def _takes_value() -> dict[str, bool]:
    """Every option that some `tracer run` has, and whether a value follows it."""
    from tracer.cli._command import command_of_user

    commands = [*map(workload_command, available().values()), command_of_user()]
    takes_value = {"--help": False, "-h": False}
    for one in commands:
        for param in one.params:
            if isinstance(param, click.Option):
                names = (*param.opts, *param.secondary_opts)
                takes_value.update(dict.fromkeys(names, not param.is_flag))
    return takes_value


def _target_first(ctx: click.Context, args: list[str]) -> list[str]:
    """The arguments with the target first, as a group wants them: the workload, then all options.

    Options followed by `--` belong to a command of the user's. Raises click's usage errors.
    """
    known: dict[str, bool] = {}
    position, option = 0, ""
    while position < len(args):
        word = args[position]
        if word == "--":
            return [_COMMAND, *args]
        if not word.startswith("-"):
            if not ctx.resilient_parsing:
                _require_workload(ctx, args[:position], args[position:])
            return [word, *args[:position], *args[position + 1 :]]
        known = known or _takes_value()
        option, equals, _value = word.partition("=")
        if option not in known and not ctx.resilient_parsing:
            near = difflib.get_close_matches(option, known)
            raise click.NoSuchOption(option, possibilities=near, ctx=ctx)
        has_value = known.get(option) and not equals and args[position + 1 : position + 2] != ["--"]
        position += 2 if has_value else 1
    if ctx.resilient_parsing:
        ctx.meta[TARGET_TO_COME] = True
        return [_COMMAND, *args]
    if {"--help", "-h"} & set(args):
        return ["--help"]
    is_value = f": {args[-1]!r} is the value of {option}" if args[-1] in available() else ""
    raise click.UsageError(
        f"a workload is missing, or `--` and a command{is_value}. Try: tracer list", ctx
    )


def _require_workload(ctx: click.Context, options_: list[str], words: list[str]) -> None:
    """A usage error unless the first word, behind some options, is a workload."""
    if words[0] not in available():
        command_line = shlex.join([*options_, "--", *words])
        raise click.UsageError(
            f"No such workload {words[0]!r}. {nearest(words[0])}."
            f" A command of your own goes after `--`: tracer run {command_line}",
            ctx,
        )


@click.command(
    "run",
    cls=Workloads,
    subcommand_metavar="WORKLOAD [OPTIONS] | [OPTIONS] -- COMMAND",
    short_help="Run a workload, or a command of your own after `--`.",
)
def command() -> None:
    """Run a workload, or a command of your own after `--`, and say where the time went.

    Options: tracer run WORKLOAD --help, tracer run --help --
    """
