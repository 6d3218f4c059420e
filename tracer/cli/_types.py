"""The types of options: what their values are checked against, and how a shell completes them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from tracer.analysis.run.budget import Budget


#: In the context's meta while words are completed: neither a workload nor `--` is there yet.
TARGET_TO_COME = "tracer.target_to_come"


#: What N of `1/N` can be.
LEAST_ONE_IN, MOST_ONE_IN = 2, 1000


def items(words: Iterable[str], incomplete: str = "") -> list[CompletionItem[str]]:
    """The words that begin so, for a shell to choose from."""
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def a_file(incomplete: str) -> list[CompletionItem[str]]:
    """The shell completes the name of a file or a directory itself."""
    return [CompletionItem(incomplete, type="file")]


class FileName(click.ParamType[str]):
    """The name of a file; whether it can be read or written is found out where it is opened."""

    name = "file"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        return a_file(incomplete)


class OneIn(click.ParamType[int]):
    """`1/8`: one out of 8, as that number."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"1/([0-9]{1,6})", str(value))
        one_in = int(found[1]) if found else 0
        if not LEAST_ONE_IN <= one_in <= MOST_ONE_IN:
            self.fail(
                f"{value!r} is not 1/N with N from {LEAST_ONE_IN} to {MOST_ONE_IN}: 1/8 sees the"
                " system calls of one piece of time in 8",
                param,
                ctx,
            )
        return one_in


class ProbeNames(click.ParamType[str]):
    """Names of probes, separated by commas; `probes.chosen` checks them."""

    name = "probes"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from tracer import probes

        before, comma, last = incomplete.rpartition(",")
        plus = "+" if last.startswith("+") else ""
        return items((f"{before}{comma}{plus}{n}" for n in [*probes.names(), "all"]), incomplete)


class WorkloadLine(click.ParamType[str]):
    """A workload, in quotes with its options; `or_file`: or a saved report, or a recording."""

    name = "workload"

    def __init__(self, or_file: bool = False) -> None:
        self.or_file = or_file

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from workloads import available

        return items(available(), incomplete) or (a_file(incomplete) if self.or_file else [])


class CommandWord(click.ParamType[str]):
    """A word of a command of the user's, which is passed on as it is."""

    name = "command"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        """A command on the search path, then files; in `tracer run` a workload before the `--`."""
        if ctx.meta.get(TARGET_TO_COME):
            from workloads import available

            return items([*available(), "--"], incomplete)
        is_first = not ctx.params.get(param.name or "")
        return _programs(incomplete) if is_first and "/" not in incomplete else a_file(incomplete)


def _programs(incomplete: str) -> list[CompletionItem[str]]:
    directories = map(Path, os.environ.get("PATH", "").split(os.pathsep))
    found = {file.name for directory in directories for file in directory.glob("*")}
    return items(sorted(found), incomplete)


class Seconds(click.ParamType[float]):
    """A time in seconds, more than 0."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < 1e9:
            self.fail(f"{value!r} is not a time in seconds", param, ctx)
        return seconds


class CpuList(click.ParamType[tuple[int, ...]]):
    """CPUs such as `0-3,5`."""

    name = "cpus"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        from tracer.host.cpus import parse_cpus

        return parse_cpus(value)


class BudgetLimit(click.ParamType["Budget"]):
    """A limit such as `headline.io<=0.4`."""

    name = "budget"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Budget:
        from tracer.analysis.run.budget import parse

        return parse(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem[str]]:
        from tracer.analysis.run.budget_paths import paths

        return items(paths(incomplete))


class PathOf(click.ParamType[str]):
    """The thread whose path is reported."""

    name = "path_of"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in ("main", "busiest") and not re.fullmatch(r"[0-9]+", str(value)):
            self.fail(f"{value!r} is not a thread's number, nor main, nor busiest", param, ctx)
        return str(value)


class UnitFrom(click.ParamType[str]):
    """A regular expression with a group, which is to hold a count."""

    name = "regex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            groups = re.compile(value).groups
        except re.error as error:
            self.fail(f"{value!r} is not a regular expression: {error}", param, ctx)
        if not groups:
            self.fail(f"{value!r} has no group: put the number in parentheses", param, ctx)
        return str(value)
