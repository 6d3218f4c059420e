"""`tracer list`: the workloads and probes, a line each."""

from __future__ import annotations

import click


@click.command("list")
def command() -> None:
    """Workloads and probes, one line each."""
    import workloads
    from tracer import probes

    click.echo("Workloads (sudo tracer run NAME; tracer run NAME --help):")
    for name, workload in workloads.available().items():
        click.echo(f"  {name:<18} {workload.summary}; unit: {workload.unit}")
    click.echo("Probes (--probe NAME,NAME or all; default: " + ",".join(probes.DEFAULT) + "):")
    for name in probes.names():
        click.echo(f"  {name:<18} {probes.available()[name].summary}")
