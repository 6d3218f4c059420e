"""`tracer report FILE|DIR`: a saved report again, or that of a recording, as text or as a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tracer.cli import _options as options
from tracer.cli._output import outputs, report_width, say


@click.command(
    "report",
    short_help="Print the report of a recording, or one saved with --json again.",
    params=[
        click.Argument(["file"], metavar="DIR|FILE", type=click.Path(path_type=Path)),
        options.json_option(
            "Write the report of a recording as JSON to FILE; `-`: to standard output, alone."
        ),
        options.html_option("Write it as one HTML page, to look at in a browser, to FILE too."),
        *options.screen_options(),
    ],
)
def command(file: Path, json_path: str | None, html_path: str | None, **values: Any) -> int:
    """Print the report of the recording in DIR from its events alone, and whether the kernel's
    books say the same; or the text of FILE, a report saved with --json, again. Both without root,
    on any machine.

    With --html the reports of experiments are shown too: compare, sweep, brigades, explain, memory.
    The tables of single probes and the places on the path are in FILE alone. Of several lines of
    attach --interval each is a report. Exit status 3: the events of a recording and the kernel's
    books differ.
    """
    from tracer.analysis.run.report_files import documents_in, following, require_runs
    from tracer.analysis.run.saved import SCHEMA, summary_of
    from tracer.report.run.text import render

    if file.is_dir():
        return _of_recording(file, json_path, html_path, values)
    if json_path is not None:
        raise click.UsageError(f"{file} is JSON already: --json is for a recording, a directory")
    documents = documents_in(file)
    if html_path is not None:
        _write_page(documents, file, html_path)
        if documents[0]["schema"] != SCHEMA:
            return 0
    require_runs(documents, file)
    shown = options.shown({**values, "by": "place"}, short=len(documents) > 1)
    for document in documents:
        with following(file):
            text = render(summary_of(document), report_width(), shown, document)
        if not values["quiet"]:
            click.echo(text, nl=len(documents) > 1, color=True)
            if document.get("where") and not shown.brief:
                say(f"the places on the path are in {file}, under where; tracer compare reads them")
    return 0


def _of_recording(
    directory: Path, json_path: str | None, html_path: str | None, values: Mapping[str, Any]
) -> int:
    from tracer.analysis.events.saved import recorded
    from tracer.report.layout import page
    from tracer.report.recorded import check_lines, report_of
    from tracer.report.run.text import render

    with outputs(json_path, quiet=values["quiet"]) as out:
        found = recorded(directory, segments=html_path is not None)
        summary, data = report_of(found)
        shown = options.shown({**values, "by": "place"})

        def text(width: int) -> str:
            return render(summary, width, shown, data) + "\n" + page([check_lines(found)], width)

        out.report(data, text)
    if html_path is not None:
        from tracer.report.html.states import of_recording

        _write_page([data], directory, html_path, [of_recording(found)])
    return found.status


def _write_page(
    documents: list[dict[str, Any]],
    file: Path,
    html_path: str,
    more: Sequence[Mapping[str, Any]] = (),
) -> None:
    from tracer.analysis.run.report_files import following, refused
    from tracer.cli._files import OutputFile
    from tracer.report.html.views import page_of, schemas

    if any(document["schema"] not in schemas() for document in documents):
        raise refused(f"{file} is of a schema that has no page: {documents[0]['schema']}")
    with OutputFile(html_path) as page:
        with following(file, documents[0]["schema"]):
            text = page_of(documents, more)
        page.write(text)
