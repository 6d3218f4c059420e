"""Which running processes a command is about: numbers, names, a control group, unit, container."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._types import items
from tracer.errors import TracerError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from tracer.host.named import Running

#: Longer lists are cut: the oldest processes come first.
_MOST = 20
_LONGEST_LINE, _UNLIMITED = 60, 10_000
GROUPS = ("cgroup", "unit", "container")


class _Numbers(click.ParamType[tuple[int, ...]]):
    """Numbers of processes: `12` or, as pidof prints and perf takes them, `12,13`."""

    name = "pids"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        words = re.split(r"[, ]+", str(value).strip())
        if not all(word.isascii() and word.isdecimal() and int(word) for word in words):
            self.fail(f"{value!r} is not the number of a process", param, ctx)
        return tuple(map(int, words))


class _PidOrName(click.ParamType["int | str"]):
    """A process: its number, or the name of its program."""

    name = "pid_or_name"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        word = str(value)
        if word.isascii() and word.isdecimal():
            if not int(word):
                self.fail(
                    "0 is not in the range of numbers of processes, which begins at 1", param, ctx
                )
            return int(word)
        if not word:
            self.fail("a name is empty: is a variable empty?", param, ctx)
        return word

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from tracer.host.named import similar

        return items(similar(""), incomplete)


def target_options() -> list[click.Parameter]:
    """The options that name running processes; `processes_of` makes data of their values."""
    return [
        click.Option(["-p", "--pid", "numbers"], type=_Numbers(), multiple=True, metavar="PID",
                     help="A process by its number, as other tools take it: 12 or 12,13."
                     " Repeatable."),
        click.Option(["--cgroup"], metavar="PATH",
                     help="All processes of this control group, version 1 or 2."),
        click.Option(["--unit"], metavar="NAME",
                     help="All processes of this unit of systemd: nginx, nginx.service."),
        click.Option(["--container"], metavar="ID",
                     help="All processes of the container whose id begins so (docker, podman,"
                     " containerd, kubernetes)."),
    ]  # fmt: skip


def who_argument() -> click.Argument:
    """`[PID|NAME]...`."""
    return click.Argument(["who"], nargs=-1, type=_PidOrName(), metavar="[PID|NAME]...")


def processes_of(values: Mapping[str, Any], command: str) -> tuple[tuple[int, ...], Path | None]:
    """The processes that `who` and `-p` name, and the directory of the control group.

    `command` is what the user typed first: `tracer attach`. UsageError when nothing is named;
    TracerError (exit status 2) for a name, a unit or a container of which there is none, or which
    is one of several: then with all of them.
    """
    groups = [name for name in GROUPS if values[name] is not None]
    if len(groups) > 1:
        raise click.UsageError(f"--{groups[0]} and --{groups[1]} name two control groups: give one")
    if not (values["who"] or values["numbers"] or groups):
        raise click.UsageError(
            f"name processes: {command} PID..., {command} NAME, --cgroup PATH, --unit NAME or"
            " --container ID"
        )
    named: list[int] = [pid for numbers in values["numbers"] for pid in numbers]
    follow = not values["no_follow"]
    for who in values["who"]:
        named += [who] if isinstance(who, int) else _named(who, command, follow)
    return tuple(dict.fromkeys(named)), _group(values, command)


def _named(name: str, command: str, follow: bool) -> list[int]:
    """The one process whose program has this name; with `follow` those that it forked and that are
    called the same come with it."""
    from tracer.host.named import by_name, similar

    found = by_name(name)
    pids = {process.pid for process in found}
    first = [one for one in found if one.parent not in pids] if follow else found
    if len(first) == 1:
        return [first[0].pid]
    if first:
        raise _several(f"{len(first)} programs called {name} run", first, command)
    near = ", ".join(similar(name)[:5])
    raise TracerError(
        f"no program called {name} runs",
        f"did you mean: {near}?" if near else "a name is the whole name: ps -e lists them",
        exit_code=2,
    )


def _several(what: str, found: Sequence[Running], command: str) -> TracerError:
    from tracer.report.layout import table

    rows = [[str(one.pid), one.user, age(one.age_s), _line(one)] for one in found[:_MOST]]
    lines = table(rows, ["pid", "user", "age", "command"], 4)
    more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
    every = f" (all of them: {command} {' '.join(str(one.pid) for one in found)})"
    return TracerError(
        "\n".join([f"{what}:", *lines, *more]),
        f"name one by its number: {command} {found[0].pid}{every if not more else ''}",
        exit_code=2,
    )


def age(seconds: float) -> str:
    """`42 s`, `17 min`, `3 h`, `12 d`."""
    for limit, divisor, unit in ((120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def _line(process: Running) -> str:
    from tracer.report.layout import shortened
    from tracer.units import plain

    return shortened(plain(" ".join(process.argv) or f"({process.name})"), _LONGEST_LINE)


def _group(values: Mapping[str, Any], command: str) -> Path | None:
    from tracer.host.cgroups import cgroup_directory
    from tracer.host.groups import of_container, of_unit

    if values["cgroup"] is not None:
        return cgroup_directory(values["cgroup"])
    if values["unit"] is not None:
        units = of_unit(values["unit"])
        if len(units) > 1:
            raise _groups(f"{len(units)} units called {values['unit']} run", units, command)
        return units[0]
    if values["container"] is not None:
        containers = of_container(values["container"])
        if len(containers) > 1:
            what = f"{len(containers)} containers have an id that begins with"
            raise _groups(f"{what} {values['container']}", list(containers.values()), command)
        return next(iter(containers.values()))
    return None


def _groups(what: str, found: Sequence[Path], command: str) -> TracerError:
    from tracer.host.cgroups import members
    from tracer.host.named import running
    from tracer.report.layout import table
    from tracer.units import plain

    of = {directory: running(members(directory)) for directory in found}
    found = sorted(found, key=lambda directory: not of[directory])  # those that are empty last
    rows = [
        [str(len(of[one])), plain(of[one][0].name) if of[one] else "", plain(str(one))]
        for one in found[:_MOST]
    ]
    # however long the names of groups are: which is which is in them
    lines = table(rows, ["processes", "first", "control group"], 3, width=_UNLIMITED)
    more = [f"and {len(found) - _MOST} more"] if len(found) > _MOST else []
    return TracerError(
        "\n".join([f"{what}:", *lines, *more]),
        f"name one by its group: {command} --cgroup {shlex.quote(str(found[0]))}",
        exit_code=2,
    )
