"""`tracer help`: the help of a command, and the terms of a report."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Sequence

import click

from tracer.cli._types import items


@click.command(
    "help",
    short_help="Help on a command, or on the words of a report.",
    params=[
        click.Argument(
            ["topic"],
            nargs=-1,
            metavar="[COMMAND...] | words [WORD]",
            shell_complete=lambda ctx, _param, incomplete: items(_topics(ctx), incomplete),
        )
    ],
)
@click.pass_context
def command(context: click.Context, topic: Sequence[str]) -> None:
    """Show the help of a command, or explain the words of a report.

    tracer help run async-brigade; tracer help words; tracer help words preempted
    """
    if topic[:1] == ("words",):
        _words(" ".join(topic[1:]))
    else:
        _command_help(context.find_root(), topic)


def _topics(context: click.Context) -> list[str]:
    root = context.find_root().command
    assert isinstance(root, click.Group)
    return [*root.list_commands(context), "words"]


def _command_help(root: click.Context, names: Sequence[str]) -> None:
    """The help of a command of a command; an unknown name is a usage error with the nearest one."""
    at = root
    for name in names:
        if not isinstance(at.command, click.Group):
            raise click.UsageError(f"{at.command_path} has no commands of its own", at)
        _name, command_, _rest = at.command.resolve_command(at, [name])
        assert command_ is not None  # resolve_command raises for an unknown name
        at = command_.context_class(command_, info_name=name, parent=at)
    click.echo(at.get_help())


def _words(word: str) -> None:
    """Print all words with their meaning, or one of them; else those in whose names it is."""
    from tracer.model.words import WORDS

    known = {name.casefold(): name for name in WORDS}
    sought = word.casefold()
    names = [known[sought]] if sought in known else [known[key] for key in known if sought in key]
    if not names:
        near = difflib.get_close_matches(sought, known, 1)
        hint = f" Did you mean {known[near[0]]!r}?" if near else ""
        raise click.UsageError(f"No such word {word!r}.{hint} Try: tracer help words")
    for name in names:
        click.echo(name)
        click.echo(textwrap.fill(WORDS[name], 78, initial_indent="    ", subsequent_indent="    "))
