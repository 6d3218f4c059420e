"""`tracer report FILE`: the text of a saved report, again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from tracer.cli import _options as options
from tracer.cli._output import report_width, say
from tracer.errors import TracerError


@click.command(
    "report",
    short_help="Print the text of a report saved with --json again.",
    params=[
        click.Argument(["file"], type=click.Path(path_type=Path)),
        *options.screen_options(),
    ],
)
def command(file: Path, **values: Any) -> int:
    """Print the text of FILE, a report saved with --json, again: without root, on any machine.

    The tables of single probes and the places on the path are in FILE alone. Of several lines of
    attach --interval each is a report.
    """
    from tracer.analysis.run.saved import summary_of
    from tracer.report.run.text import render

    documents = _read(file)
    shown = options.shown({**values, "by": "place"}, short=len(documents) > 1)
    for document in documents:
        try:
            summary = summary_of(document)
            text = render(summary, report_width(), shown, document)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _refused(f"{file} does not follow the schema tracer.run/2: {error!r}") from error
        if not values["quiet"]:
            click.echo(text, nl=len(documents) > 1, color=True)
            if document.get("where") and not shown.brief:
                say(f"the places on the path are in {file}, under where; tracer compare reads them")
    return 0


def _read(file: Path) -> list[dict[str, Any]]:
    """One document, or one a line."""
    from tracer.analysis.run.saved import SCHEMA

    try:
        text = file.read_text(errors="replace")
    except OSError as error:
        raise _refused(f"cannot read {file}: {error}") from None
    try:
        documents = [json.loads(text)]
    except ValueError:
        try:
            documents = [json.loads(line) for line in text.splitlines()]
        except ValueError as error:
            raise _refused(f"{file} is not JSON: {error}") from None
    if not documents or not all(isinstance(d, dict) and d.get("schema") == SCHEMA
                                for d in documents):  # fmt: skip
        raise _refused(f"{file} is not a report of tracer run or attach ({SCHEMA})")
    return documents


def _refused(message: str) -> TracerError:
    return TracerError(message, "make one with: tracer run --json FILE ...", exit_code=2)
