"""`tracer export DIR`: a recording, or a part of it, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer.cli import _recordings as recordings
from tracer.cli._files import OutputFile
from tracer.cli._output import say
from tracer.cli._types import FileName

if TYPE_CHECKING:
    from tracer.analysis.events.slices import Slice
    from tracer.cli._recordings import Loaded

FORMATS = ("perfetto", "csv", "folded", "speedscope")


@click.command(
    "export",
    short_help="Write a recording for Perfetto, a spreadsheet, or a flame graph.",
    params=[
        recordings.directory_argument(),
        click.Option(
            ["--format", "format_"],
            type=click.Choice(FORMATS),
            required=True,
            metavar="|".join(FORMATS),
            help="perfetto: a trace for ui.perfetto.dev, with arrows from wakers to the woken; csv:"
            " the events; folded, speedscope: the critical path by thread and call.",
        ),
        click.Option(
            ["-o", "--output"],
            type=FileName(),
            required=True,
            metavar="FILE",
            help="Write to FILE.",
        ),
        click.Option(
            ["--slice", "slice_"],
            metavar="worst-hop|median-hop|START..END",
            help="Only around the longest or the median hop, or from START to END since the window"
            " opened (10ms..12.5ms).  [default: everything; around the longest hop where that is"
            " more than 200,000 events]",
        ),
    ],
)
def command(directory: Path, format_: str, output: str, slice_: str | None) -> int:
    """Write the recording in DIR, or a part of it, in the format of another program.

    Needs no rights, on any machine.
    """
    from tracer.analysis.events.hops import hops_of
    from tracer.analysis.events.slices import slice_of

    with OutputFile(output) as file:
        loaded = recordings.load(directory)
        if format_ == "folded" and slice_ is None:
            slice_ = ".."  # sums: they are short however long the recording is
        part = slice_of(slice_, loaded.events, lambda: hops_of(loaded.events, loaded.machine))
        if part.is_part:
            say(f"exports {part.what}; --slice START..END chooses another part, --slice .. all")
        file.write(_content(format_, loaded, part))
    return 0


def _content(format_: str, loaded: Loaded, part: Slice) -> str | bytes:
    from tracer.analysis.events import path_pieces

    naming = loaded.naming()
    if format_ == "csv":
        from tracer.report.exports.events_csv import events_csv

        return events_csv(loaded.events, part, naming)
    found = loaded.replayed()
    if format_ == "folded":
        from tracer.report.exports.folded import folded

        return folded(path_pieces.path_sums(found, part, naming))
    if format_ == "speedscope":
        from tracer.report.exports.speedscope import speedscope

        pieces = list(path_pieces.path_pieces(found, part, naming))
        return speedscope(loaded.name, {"critical path": pieces})
    from tracer.analysis.events.timeline import timeline
    from tracer.report.exports.perfetto import perfetto

    path = path_pieces.path_spans(found, part, naming)
    made = timeline(loaded.events, part, naming, path)
    return perfetto(made, loaded.threads, loaded.name)
