"""What several commands have in common: options, rights, exit status, writing the report."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from tracer.errors import Interrupted

if TYPE_CHECKING:
    from tracer.analysis.run.budget import Budget


class Seconds(click.ParamType[float]):
    """A time in seconds, more than none."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < 1e9:
            self.fail(f"{value!r} is no time in seconds", param, ctx)
        return seconds


def shared_options() -> list[click.Parameter]:
    """The options of every traced run."""
    from tracer import probes

    names = ", ".join(probes.names())
    return [
        click.Option(["--probe"], multiple=True, metavar="NAMES",
                     help=f"Detail to keep: {names} or all; commas, repeatable."
                          f"  [default: {','.join(probes.DEFAULT)}]"),
        click.Option(["--light"], is_flag=True,
                     help="Leave the system-call tracepoints out: cheaper, on-CPU time unsplit."),
        click.Option(["--top"], type=click.IntRange(0, 1000), default=0, metavar="N",
                     help="Show the N busiest threads, the rest summed."),
        click.Option(["--no-follow"], is_flag=True,
                     help="Processes forked by the target do not belong to it."),
        click.Option(["--budget"], multiple=True, metavar="LIMIT",
                     help='Limit on a number of the JSON report: "headline.io<=0.4"; exit status 4'
                          " when broken. Repeatable."),
    ]  # fmt: skip


def start_options() -> list[click.Parameter]:
    """The options of what tracer starts itself."""
    return [
        click.Option(["--cpus"], metavar="LIST",
                     help="Pin it: 1, 0-3,5 or physical.  [default: free to move]"),
        click.Option(["--as-root"], is_flag=True,
                     help="Under sudo, run it as root, not as the calling user."),
    ]  # fmt: skip


def rounds_option(what: str, default: int = 12, least: int = 1) -> Callable[[Any], Any]:
    """`--rounds N` of an experiment."""
    return click.option(
        "--rounds",
        type=click.IntRange(least, 10_000),
        default=default,
        show_default=True,
        metavar="N",
        help=what,
    )


json_option = click.option(
    "--json",
    "path",
    metavar="FILE",
    help="Write the report as JSON to FILE; `-`: to standard output, alone.",
)


@contextlib.contextmanager
def report_to(
    path: str | None, fd: int = 1
) -> Iterator[Callable[[Mapping[str, Any], Callable[[int], str]], None]]:
    """What writes a report: its document to the file `path`, its text to the descriptor `fd`.

    It is given the document and what makes the text for a width. `-` as the path: the document
    instead of the text. The file is opened here, before anything is measured.
    """
    from tracer.cli._files import OutputFile

    with contextlib.ExitStack() as stack:
        file = None
        if path is not None and path != "-":
            file = stack.enter_context(OutputFile(path))

        def write(document: Mapping[str, Any], text: Callable[[int], str]) -> None:
            whole = json.dumps(document, indent=2) + "\n"
            try:
                click.echo(whole if path == "-" else text(report_width(fd)), nl=False, err=fd == 2)
            finally:
                if file is not None:
                    file.write(whole)

        yield write


def budget_status(budgets: Sequence[Budget], document: Mapping[str, Any]) -> int:
    """4 when a budget is broken, each named on standard error; else 0."""
    from tracer.analysis.run.budget import broken

    lines = broken(budgets, document)
    for line in lines:
        click.echo(f"tracer: {line}", err=True)
    return 4 if lines else 0


def stop_if_broken_off(number: int | None) -> None:
    """After the report of an experiment: Interrupted when the signal `number` broke it off."""
    if number is not None:
        click.echo("tracer: what was measured is saved; the same command goes on", err=True)
        raise Interrupted(number)


def report_width(fd: int = 1) -> int:
    """Columns for the report: those of the terminal, where the descriptor `fd` is one."""
    from tracer.report.layout import WIDTH

    try:
        return min(WIDTH, os.get_terminal_size(fd).columns or WIDTH)
    except OSError:
        return WIDTH
