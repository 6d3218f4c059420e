"""`tracer run [options] -- COMMAND ARG...`: a program of the user's, started once."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._shared import Seconds, budget_status, report_to, shared_options, start_options
from tracer.errors import Interrupted, TracerError
from tracer.host.user import require_rights

if TYPE_CHECKING:
    from tracer.analysis.run.summary import Summary
    from tracer.capture.command import CommandOptions
    from tracer.model.recording import Recording
    from tracer.model.spec import Spec

#: A longer command is not repeated in the advice.
_LONGEST = 50


class _Context(click.Context):
    command_path = "tracer run"  # no word stands for the command of the user's before the options


class _Command(click.Command):
    context_class = _Context


def command_of_user() -> click.Command:
    """The command behind `tracer run [options] -- COMMAND ARG...`."""
    return _Command(
        "-",
        params=[
            *shared_options(),
            *start_options(),
            click.Option(["--units"], type=click.IntRange(min=1), metavar="N",
                         help="How many units of work it does in the window: figures per unit."),
            click.Option(["--delay"], type=Seconds(), metavar="S",
                         help="Measure from S seconds after its start on."),
            click.Option(["--duration"], type=Seconds(), metavar="S",
                         help="Measure for S seconds; the command goes on."),
            click.Option(["--baseline"], is_flag=True,
                         help="Start it a second time, without probes, for the observer effect."),
            click.Option(["--strict"], is_flag=True,
                         help="Exit status 3 when a ledger stayed open or events were lost."),
            click.Option(["--json"], metavar="FILE",
                         help="Write the report as JSON to FILE too."),
            click.Argument(["argv"], nargs=-1, type=click.UNPROCESSED,
                           metavar="-- COMMAND [ARG]..."),
        ],
        callback=lambda **values: _checked(values),
        help="Run a command of your own under the probes; the report goes to standard error.",
        epilog="Exit status: the command's own; 125 when tracer failed, 126 and 127 as in a shell.",
        context_settings={"max_content_width": 98, "allow_interspersed_args": False},
    )  # fmt: skip


def _checked(values: Mapping[str, Any]) -> int:
    """tracer's own failures get a status that can hardly be the command's."""
    if not values["argv"]:
        raise click.UsageError("after `--` the command is missing: tracer run [options] -- COMMAND")
    if values["json"] == "-":
        raise click.UsageError(
            "standard output is the command's: name a file, --json FILE; the text report goes to"
            " standard error"
        )
    if values["baseline"] and (values["delay"] or values["duration"]):
        raise click.UsageError("--baseline compares whole runs: leave out --delay and --duration")
    try:
        return _run(values)
    except TracerError as error:
        if error.exit_code != 1:
            raise
        raise TracerError(error.message, error.hint, exit_code=125) from error
    except Interrupted as stop:
        click.echo("tracer: ended by a signal before the window began", err=True)
        return 128 + stop.number
    except OSError as error:
        if error.filename is not None:
            raise
        return 125  # standard error takes no more


def _run(values: Mapping[str, Any]) -> int:
    from tracer import probes
    from tracer.analysis.run import budget
    from tracer.analysis.run import document as json_report
    from tracer.capture.command import CommandOptions
    from tracer.host.cpus import parse_cpus
    from tracer.model.spec import Spec
    from tracer.report.run import text as text_report

    names = probes.chosen(values["probe"] or probes.DEFAULT)
    budgets = [budget.parse(text) for text in values["budget"]]
    cpus = parse_cpus(values["cpus"]) if values["cpus"] is not None else ()
    require_rights()
    spec = Spec(tuple(values["argv"]), cpus, controlled=False, as_root=values["as_root"])
    terms = CommandOptions(
        follow=not values["no_follow"],
        delay_s=values["delay"] or 0.0,
        duration_s=values["duration"],
        units=values["units"],
    )
    with report_to(values["json"], fd=2) as write:
        summary = _measured(spec, terms, names, values)
        document = json_report.document(summary)
        with contextlib.suppress(BrokenPipeError):  # the reader has read enough
            write(document, lambda width: text_report.render(summary, width))
    if summary.interrupted is not None:
        return 128 + summary.interrupted
    status = summary.exit_status or 0
    if status < 0:
        return 128 - status
    if not status and values["strict"] and not summary.is_trusted:
        return 3
    return status or budget_status(budgets, document)


def _measured(
    spec: Spec, terms: CommandOptions, names: tuple[str, ...], values: Mapping[str, Any]
) -> Summary:
    from tracer.analysis.run.observer import observe
    from tracer.analysis.run.summary import CommandLine, summarize
    from tracer.capture.command import run_command, run_command_untraced
    from tracer.kernel.calibrate import event_cost_ns, switch_cost_ns
    from tracer.kernel.engine import Engine

    stands = _input_offset()
    engine = Engine(names, values["light"])
    try:
        switch_ns = switch_cost_ns(engine)
        event_ns = event_cost_ns(engine)
        recording = run_command(engine, spec, terms, switch_ns)
    finally:
        engine.close()
    pairs = []
    if values["baseline"] and recording.interrupted is None:
        _rewind_input(stands)
        with contextlib.suppress(Interrupted):  # the traced run is whole, and is reported
            untraced = run_command_untraced(spec, terms.units)
            if untraced["exit_status"] == recording.exit_status:
                pairs = [_pair(recording, untraced)]
            else:
                click.echo(
                    "tracer: without probes it ended with another exit status:"
                    f" {untraced['exit_status']}, not {recording.exit_status}. So the two are not"
                    " compared.",
                    err=True,
                )
    if not pairs:
        recording = dataclasses.replace(recording, event_cost_ns=event_ns)
    line = shlex.join(spec.argv)
    given = f"--cpus {values['cpus']} " if spec.cpus else ""
    return summarize(
        recording,
        name=line,
        transport="",
        unit="unit" if terms.units else "run",
        cpus=spec.cpus,
        observer=observe(pairs),
        top=values["top"],
        kind="command",
        command_line=CommandLine(
            "tracer run", f"{given}-- {line if len(line) <= _LONGEST else 'COMMAND'}"
        ),
    )


def _input_offset() -> int | None:
    """Where standard input stands, if it is one that can be read twice."""
    try:
        return os.lseek(0, 0, os.SEEK_CUR)
    except OSError:
        return None


def _rewind_input(offset: int | None) -> None:
    """For the second start: what the first one has read is there again, or the user is told."""
    if offset is not None:
        os.lseek(0, offset, os.SEEK_SET)
    elif stat.S_ISFIFO(os.fstat(0).st_mode):
        click.echo(
            "tracer: standard input is a pipe: the start without probes finds of it what the first"
            " one has left. With `< FILE` both read the same.",
            err=True,
        )


def _pair(recording: Recording, untraced: Mapping[str, Any]) -> Any:
    from tracer.analysis.run.observer import Pair

    def switches(result: Mapping[str, Any]) -> float:
        usage = result["rusage"]
        return float(usage["voluntary"] + usage["involuntary"]) / (result.get("units") or 1)

    traced, units = recording.result, recording.result.get("units") or 1
    return Pair(
        traced["took_ns"] / units,
        untraced["took_ns"] / units,
        switches(traced),
        switches(untraced),
    )
