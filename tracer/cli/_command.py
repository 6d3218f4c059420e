"""`tracer run [options] -- COMMAND ARG...`: a program of the user's, started once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tracer.cli import _options as options
from tracer.cli import _record
from tracer.cli._output import budget_status, outputs, say, say_nothing
from tracer.cli._profiles import FILES, profile_files
from tracer.cli._signals import only_report_is_left
from tracer.cli._types import CommandWord, Seconds
from tracer.errors import Interrupted, TracerError

if TYPE_CHECKING:
    from tracer.analysis.run.budget import Budget
    from tracer.capture.command import CommandOptions
    from tracer.experiment.tracing import Tracing
    from tracer.model.spec import Spec
    from tracer.report.run.text import Shown


_NO_UNITS = "say how much the command does: --units N, or --unit-from REGEX"


class _Context(click.Context):
    command_path = "tracer run"  # usage must read `tracer run [OPTIONS] -- COMMAND`


class _Command(click.Command):
    context_class = _Context


@dataclass(frozen=True)
class CommandRun:
    """What `tracer run -- COMMAND` is to do."""

    spec: Spec
    window: CommandOptions
    tracing: Tracing
    baseline: bool
    wait_quiet: float | None
    strict: bool
    budgets: tuple[Budget, ...]
    json_path: str | None
    html_path: str | None
    recording: Mapping[str, Any]
    profiles: Mapping[str, Any]
    shown: Shown
    quiet: bool

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> CommandRun:
        """From the values of the command line."""
        from tracer.capture.command import CommandOptions
        from tracer.model.spec import Spec

        window = CommandOptions(
            follow=not values["no_follow"],
            delay_s=values["delay"] or 0.0,
            duration_s=values["duration"],
            units=values["units"],
        )
        return cls(
            Spec(
                values["argv"],
                values["cpus"] or (),
                as_root=values["as_root"],
                unit_from=values["unit_from"],
                env={"PYTHONPERFSUPPORT": "1"} if values["python_frames"] else {},
            ),
            window,
            options.tracing(values, "" if values["units"] or values["unit_from"] else _NO_UNITS),
            values["baseline"],
            values["wait_quiet"],
            values["strict"],
            values["budgets"],
            values["json_path"],
            values["html_path"],
            _record.values_of(values),
            {name: values[name] for name in FILES},
            options.shown(values, fd=2),
            values["quiet"],
        )


def command_of_user() -> click.Command:
    """The command behind `tracer run [options] -- COMMAND ARG...`."""
    return _Command(
        "-",
        params=[
            *options.tracing_options(),
            options.cpus_option(),
            options.as_root_option(),
            options.units_option("Units of work it does in the window; figures are then per unit."),
            options.unit_from_option(),
            click.Option(
                ["--delay"], type=Seconds(), metavar="S",
                help="Begin to measure S seconds after its start.",
            ),
            click.Option(
                ["--duration"], type=Seconds(), metavar="S",
                help="Measure for S seconds; the command continues.",
            ),
            click.Option(
                ["--baseline"], is_flag=True,
                help="Start it a second time, without probes, for the observer effect.",
            ),
            options.no_baseline_option("Start it once only, which is the default."),
            options.wait_quiet_option(),
            click.Option(
                ["--python-frames"], is_flag=True,
                help="Python 3.12 or newer: name its functions in stacks (PYTHONPERFSUPPORT=1;"
                " probe stacks).",
            ),
            click.Option(
                ["--strict"], is_flag=True,
                help="Exit status 3 when a ledger does not close or events were lost.",
            ),
            *_record.options(ends=True),
            options.json_option("Write the report as JSON to FILE too."),
            options.html_option(),
            *options.screen_options(),
            click.Argument(
                ["argv"], nargs=-1, type=CommandWord(), metavar="-- COMMAND [ARG]..."
            ),
        ],
        callback=_checked,
        help="Run a command of your own under the probes; the report goes to standard error.",
        epilog="Exit status: the command's own; 125 when tracer failed, 126 and 127 as in a shell.",
        context_settings={"allow_interspersed_args": False},
    )  # fmt: skip


def _checked(**values: Any) -> int:
    """Refuse contradictory options, then run. tracer's own failures get exit status 125, which is
    hardly ever a command's."""
    if not values["argv"]:
        raise click.UsageError("after `--` the command is missing: tracer run [options] -- COMMAND")
    if values["json_path"] == "-":
        raise click.UsageError(
            "standard output is the command's: name a file, --json FILE; the text report goes to"
            " standard error"
        )
    if values["baseline"] and values["no_baseline"]:
        raise click.UsageError("--baseline and --no-baseline contradict each other: give one")
    if values["baseline"] and (values["delay"] or values["duration"]):
        raise click.UsageError("--baseline compares whole runs: leave out --delay and --duration")
    _check_units(values)
    try:
        return run(CommandRun.of(values))
    except TracerError as error:
        if error.exit_code != 1:
            raise
        raise TracerError(error.message, error.hint, exit_code=125) from error
    except Interrupted as stop:
        say("ended by a signal before there was a report")
        return 128 + stop.number
    except OSError as error:
        if error.filename is not None:
            raise
        return 125  # standard error takes no more


def _check_units(values: Mapping[str, Any]) -> None:
    if values["unit_from"] and values["units"]:
        raise click.UsageError("--units and --unit-from contradict each other: give one")
    if values["unit_from"] and (values["delay"] or values["duration"]):
        raise click.UsageError("--unit-from counts a whole run: leave out --delay and --duration")


def run(chosen: CommandRun) -> int:
    """Measure the command and write its report; the exit status."""
    from tracer.experiment.one import trace_command

    notes = say_nothing if chosen.quiet else say
    with (
        outputs(chosen.json_path, text_fd=2, html_path=chosen.html_path, quiet=chosen.quiet) as out,
        profile_files(chosen.profiles) as write_profiles,
        _record.recorder(chosen.recording) as recorder,
    ):
        window = replace(chosen.window, until=_record.window_end(recorder))
        if not (chosen.baseline or recorder):  # what follows can take long
            window = replace(window, over=only_report_is_left)
        summary = trace_command(
            chosen.spec,
            window,
            chosen.tracing,
            baseline=chosen.baseline,
            wait_quiet_s=chosen.wait_quiet,
            say=notes,
            recorder=recorder,
        )
        from tracer.analysis.run.document import document  # not before: see one.py
        from tracer.report.run.text import render

        data = document(summary)
        out.report(data, partial(render, summary, shown=chosen.shown, data=data), summary)
        write_profiles(summary)
        if recorder:
            _record.end(recorder, data, notes)
    if summary.interrupted is not None:
        return 128 + summary.interrupted
    status = summary.exit_status or 0
    if status < 0:
        return 128 - status
    if not status and chosen.spec.unit_from and not summary.units:
        return 125
    is_whole = recorder is None or recorder.is_whole
    if not status and chosen.strict and not (summary.is_trusted and is_whole):
        return 3
    return status or budget_status(chosen.budgets, data)
