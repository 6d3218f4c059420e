"""`tracer worker SCHEDULER`: this host measures for experiments that are started elsewhere."""

from __future__ import annotations

import click

from tracer.cli import _options as options
from tracer.cli._output import say


@click.command(
    "worker",
    short_help="Measure on this host for experiments that --on starts elsewhere.",
    params=[
        click.Argument(["scheduler"]),
        click.Option(
            ["--name"],
            metavar="NAME",
            help="What reports call this host.  [default: its host name]",
        ),
        options.tls_option(),
    ],
)
def command(scheduler: str, name: str | None, tls: str | None) -> int:
    """Measure on this host for `compare`, `sweep`, `brigades` and `explain` with --on.

    SCHEDULER is the address of a Dask scheduler, tls://HOST:8786. Whoever reaches it can run
    programs here as the user of this command, root in general: off this machine certificates on
    both sides are required (docs/fleet.md). When the scheduler is lost, it is looked for again.
    """
    import socket

    from tracer.experiment.fleet.worker import work

    work(scheduler, name or socket.gethostname(), tls, say)
    return 0
