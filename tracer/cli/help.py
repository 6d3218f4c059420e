"""`tracer help words`: the terms of a report."""

from __future__ import annotations

import textwrap

import click


@click.command("help")
@click.argument("topic", type=click.Choice(["words"]))
def command(topic: str) -> None:
    """Explain the words of a report: tracer help words."""
    from tracer.model.words import WORDS

    for word, meaning in WORDS.items():
        click.echo(word)
        click.echo(textwrap.fill(meaning, 78, initial_indent="    ", subsequent_indent="    "))
