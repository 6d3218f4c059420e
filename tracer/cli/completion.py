"""`tracer completion SHELL`: the script that completes tracer's words in a shell."""

from __future__ import annotations

import click

from tracer.cli._share import SHELLS, completion


@click.command(
    "completion",
    short_help="Print what completes tracer's words in bash, zsh or fish.",
    params=[click.Argument(["shell"], type=click.Choice(list(SHELLS)))],
)
@click.pass_context
def command(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, workloads, options, probes and paths of budgets.

    For this shell: source <(tracer completion bash). A wheel has it in share/, and
    `make install` puts it where bash, zsh and fish look.
    """
    click.echo(completion(shell, context.find_root().command), nl=False)
