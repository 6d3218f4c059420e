"""`tracer path DIR`: the critical path of a recording, walked backwards."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from tracer.cli import _options as options
from tracer.cli._output import outputs
from tracer.cli._recordings import directory_argument


@click.command(
    "path",
    short_help="Show the critical path of a recording piece by piece.",
    params=[
        directory_argument(),
        click.Option(
            ["--top"], type=click.IntRange(1, 1000), default=10, metavar="N", show_default=True,
            help="Show the N longest pieces, and as many tasks that held the CPU.",
        ),
        options.json_option("Write the path as JSON to FILE; `-`: to standard output, alone."),
    ],
)  # fmt: skip
def command(directory: Path, top: int, json_path: str | None) -> int:
    """Walk the critical path of the recording in DIR backwards: where its time went, its longest
    pieces, and who held the CPU while it waited for one. Needs no rights.
    """
    from tracer.analysis.events.path import Names, walk
    from tracer.analysis.events.saved import recorded
    from tracer.report.recorded import path_document, path_text

    with outputs(json_path) as out:
        found = recorded(directory)
        by_slot = {int(row["slot"]): str(row["name"]) for row in found.meta["threads"]}
        outside = (found.report or {}).get("others", ())
        others = {int(row["pid"]): str(row["name"]) for row in outside}
        names = Names(found.replay, by_slot, others)
        walked = walk(found.replay, names, top, found.meta["machine"])
        out.report(path_document(walked, found), partial(path_text, walked, found))
    return found.status
