"""Where the results of a command go: report, picture, table, and messages on standard error."""

from __future__ import annotations

import contextlib
import os
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._files import LinesFile, OutputFile
from tracer.errors import Interrupted

if TYPE_CHECKING:
    from tracer.analysis.run.budget import Budget
    from tracer.analysis.run.summary import Summary
    from tracer.cli._html import HtmlFile

_WIDTH = 100


def say_nothing(_text: str) -> None:
    """In the place of `say` with --quiet."""


def say(text: str) -> None:
    """One message for the user, on standard error, as wide as a report."""
    lines = textwrap.wrap(
        f"tracer: {text}",
        _WIDTH,
        subsequent_indent="  ",
        break_on_hyphens=False,
        break_long_words=False,
    )
    click.echo("\n".join(lines), err=True)


@dataclass(frozen=True)
class Outputs:
    """The opened files of one command; made by `outputs`."""

    json_alone: bool
    text_fd: int
    line_each: bool
    json_file: OutputFile | LinesFile | None
    plot_file: OutputFile | None
    plot_format: str
    csv_file: OutputFile | None
    quiet: bool = False
    html_file: HtmlFile | None = None

    def report(
        self,
        document: Mapping[str, Any],
        text: Callable[[int], str],
        run: Summary | None = None,
    ) -> None:
        """Write one report: its document as JSON, and the text that `text` makes for a width. Of a
        live `run` the HTML page shows more than the document has."""
        from tracer.report.json_text import json_text

        data = json_text(document, None if self.line_each else 2) + "\n"
        try:
            if self.json_alone:
                click.echo(data, nl=False)
            elif not self.quiet:
                shown = text(report_width(self.text_fd))
                click.echo(shown, nl=self.line_each, err=self.text_fd == 2, color=True)
        except BrokenPipeError:  # the reader has read enough: what was measured is judged still
            if self.line_each:  # and more of it would be for nobody
                raise
            drop_stream(1 if self.json_alone else self.text_fd)
        finally:  # also when nobody reads the text
            if self.json_file is not None:
                self.json_file.write(data)
            if self.html_file is not None:
                self.html_file.add(document, run)

    def plot(self, draw: Callable[[str], bytes]) -> None:
        """Write the picture that `draw` makes in a format, if one was asked for."""
        if self.plot_file is not None:
            self.plot_file.write(draw(self.plot_format))

    def csv(self, table: Callable[[], str]) -> None:
        """Write the table, if it was asked for."""
        if self.csv_file is not None:
            self.csv_file.write(table())


@contextlib.contextmanager
def outputs(
    json_path: str | None,
    *,
    text_fd: int = 1,
    line_each: bool = False,
    plot_path: str | None = None,
    csv_path: str | None = None,
    html_path: str | None = None,
    quiet: bool = False,
) -> Iterator[Outputs]:
    """Open what a command will write, before anything is measured.

    `json_path` `-` means the document on standard output instead of the text, which goes to the
    descriptor `text_fd` otherwise. With `line_each` there are several reports: a line of JSON
    each; `quiet`: no text. TracerError (exit status 2) for a file that cannot be written.
    """
    plot_format = ""
    if plot_path is not None:
        from tracer.report.chart import format_of

        plot_format = format_of(plot_path)
    with contextlib.ExitStack() as stack:

        def opened(path: str | None) -> OutputFile | None:
            return None if path is None else stack.enter_context(OutputFile(path))

        json_file: OutputFile | LinesFile | None
        if json_path is not None and json_path != "-" and line_each:
            json_file = stack.enter_context(LinesFile(json_path))
        else:
            json_file = opened(None if json_path == "-" else json_path)
        plot_file, csv_file = opened(plot_path), opened(csv_path)
        html_file = None
        if html_path is not None:
            from tracer.cli._html import HtmlFile

            html_file = stack.enter_context(HtmlFile(html_path))
        yield Outputs(
            json_path == "-",
            text_fd,
            line_each,
            json_file,
            plot_file,
            plot_format,
            csv_file,
            quiet,
            html_file,
        )


def report_width(fd: int = 1) -> int:
    """Columns for the report: those of the terminal, where the descriptor `fd` is one; else those
    that COLUMNS says, or 100."""
    from tracer.report.layout import WIDTH

    try:
        return os.get_terminal_size(fd).columns or WIDTH
    except OSError:
        told = os.environ.get("COLUMNS", "")
        return int(told) if told.isdecimal() and int(told) else WIDTH


def drop_stream(fd: int) -> None:
    """Let what goes to this descriptor vanish, also what is still buffered, which nobody reads."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, fd)
    os.close(null)


def budget_status(budgets: Sequence[Budget], document: Mapping[str, Any], of: str = "") -> int:
    """The exit status that the budgets ask for: 4 when one is broken, each named; else 0. `of`:
    what the lines begin with."""
    from tracer.analysis.run.budget import broken

    lines = broken(budgets, document)
    for line in lines:
        say(f"{of}{line}")
    return 4 if lines else 0


def stop_if_broken_off(number: int | None) -> None:
    """After the report of an experiment: Interrupted when the signal `number` broke it off."""
    if number is not None:
        say("what was measured is saved; run the same command again to continue")
        raise Interrupted(number)
