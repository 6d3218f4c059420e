"""Man pages of all commands, made of their declarations: man(7), groff_man(7)."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

import tracer

_ABOUT = "tracer"


def pages(root: click.Command) -> dict[str, str]:
    """Text by file name (`tracer-run.1`): the command and all of its commands."""
    return {_name(context) + ".1": page(context) for context in _contexts(root)}


def _contexts(root: click.Command) -> Iterator[click.Context]:
    """The context of the command, and those of its commands, which may have commands too."""
    waiting = [click.Context(root, info_name=_ABOUT, **root.context_settings)]
    while waiting:
        context = waiting.pop()
        yield context
        waiting += _below(context)


def _below(context: click.Context) -> list[click.Context]:
    """The commands that a command has: those that it lists, and those with pages all the same."""
    group = context.command
    if not isinstance(group, click.Group):
        return []
    names = [*group.list_commands(context), *getattr(group, "unlisted", ())]
    found = {name: group.get_command(context, name) for name in names}
    return [
        command.context_class(command, info_name=name, parent=context)
        for name, command in found.items()
        if command is not None
    ]


def _name(context: click.Context) -> str:
    """`tracer-run-thread-brigade`."""
    above = f"{_name(context.parent)}-" if context.parent else ""
    return above + str(context.info_name).lower()


def page(context: click.Context) -> str:
    """The man page of one command."""
    command = context.command
    name = _name(context)
    summary = command.get_short_help_str(limit=200).rstrip(".")
    blocks = [
        f'.TH {_quoted(name.upper())} 1 "" {_quoted(f"tracer {tracer.__version__}")} tracer',
        f".SH NAME\n{_text(name)} \\- {_text(summary)}",
        f".SH SYNOPSIS\n.B {_text(context.command_path)}\n"
        + _text(" ".join(command.collect_usage_pieces(context))),
        ".SH DESCRIPTION\n" + "\n".join(_paragraphs(command.help or summary)),
        _list("OPTIONS", _options(context)),
        _list("COMMANDS", [(below.info_name or "", _summary(below)) for below in _below(context)]),
        ".SH NOTES\n" + "\n".join(_paragraphs(command.epilog)) if command.epilog else "",
        _see_also(context),
    ]
    return "\n".join(block for block in blocks if block) + "\n"


def _summary(context: click.Context) -> str:
    return context.command.get_short_help_str(limit=200)


def _options(context: click.Context) -> list[tuple[str, str]]:
    records = (param.get_help_record(context) for param in context.command.get_params(context))
    return [record for record in records if record is not None]


def _list(title: str, entries: list[tuple[str, str]]) -> str:
    """A section whose entries have a name each, in bold, and a text."""
    rows = (f".TP\n.B {_text(name)}\n{_text(' '.join(text.split()))}" for name, text in entries)
    return "\n".join([f".SH {title}", *rows]) if entries else ""


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(text))):
        if number:
            yield ".PP"
        yield _text(" ".join(paragraph.split()))


def _see_also(context: click.Context) -> str:
    near = [*_below(context), *([context.parent] if context.parent else [])]
    links = ", ".join(f"\\fB{_text(_name(other))}\\fR(1)" for other in near)
    return f".SH SEE ALSO\n{links}"


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'


def _text(text: str) -> str:
    """The text with what roff would take for its own escaped."""
    safe = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return "\\&" + safe if safe[:1] in (".", "'") else safe
