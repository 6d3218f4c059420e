"""`tracer hops DIR`: what a hop from one thread to the next is made of."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from tracer.cli import _options as options
from tracer.cli import _recordings as recordings
from tracer.cli._output import outputs
from tracer.errors import TracerError


@click.command(
    "hops",
    short_help="Take the hops of a recording apart: what each is made of.",
    params=[
        recordings.directory_argument(),
        click.Option(
            ["--nth"],
            type=click.IntRange(1),
            metavar="WORST",
            help="Print one hop event by event: 1 is the longest, 2 the one after it.",
        ),
        options.json_option(),
    ],
)
def command(directory: Path, nth: int | None, json_path: str | None) -> int:
    """Take the hops of a recording apart: how long, of which kind, made of what.

    DIR was written by tracer run --record DIR. A hop begins when a thread enters the call that
    wakes another one, and ends when the woken thread's call returns; where one thread passes data
    to itself, as async tasks do, when its receive returns. Needs no rights, on any machine.
    """
    from tracer.analysis.events.anatomy import ranked
    from tracer.analysis.events.one_hop import one_hop
    from tracer.report import hops as report

    with outputs(json_path) as out:
        loaded = recordings.load(directory)
        hops = recordings.hops_of(loaded)
        found = recordings.anatomy_of(hops)
        one = None
        if nth is not None:
            if nth > len(hops.rows):
                raise TracerError(
                    f"--nth {nth}: the recording has {len(hops.rows):,} hops", exit_code=2
                )
            index = int(ranked(hops)[nth - 1])
            one = one_hop(loaded.events, hops, index, nth, loaded.naming())
        document = report.document(found, loaded.meta, loaded.machine, one)
        if one is not None:
            out.report(document, partial(report.render_one, one, found.limit_ns))
        else:
            out.report(document, partial(report.render, found, loaded.name, loaded.machine))
    return 0
