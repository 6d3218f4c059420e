"""The files that a profile is written to: folded stacks, speedscope's and pprof's formats."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._files import OutputFile
from tracer.cli._types import FileName
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.analysis.run.summary import Summary
    from tracer.analysis.where.profile import Where

#: Options that name a file, and those that make no sense without the probe either.
FILES = ("folded", "speedscope", "pprof")
SETTINGS = ("grid", "all_threads", "kernel_stacks", "deep_stacks", "by")


def profile_options() -> list[click.Parameter]:
    """`sampling` in _options.py makes data of the settings."""
    return [
        click.Option(
            ["--grid"], type=click.IntRange(50, 1_000_000), metavar="US",
            help="Sample the path every US microseconds (probe stacks).  [default: 997]",
        ),
        click.Option(
            ["--all-threads"], is_flag=True,
            help="Sample the time of all threads too, not only the path (probe stacks).",
        ),
        click.Option(
            ["--kernel-stacks"], is_flag=True,
            help="With the kernel's part of each stack (probe stacks).",
        ),
        click.Option(
            ["--deep-stacks"], is_flag=True,
            help="Copy 16 KiB of each stack, not 8 (probe stacks).",
        ),
        click.Option(
            ["--by"], type=click.Choice(["place", "task"]), metavar="place|task",
            help="What the path is split by: places, or tasks of tokio, Go or asyncio, or file"
            " descriptors (probe stacks).  [default: place]",
        ),
        click.Option(
            ["--folded"], type=FileName(), metavar="FILE",
            help="Write the sampled stacks folded, for flame graphs, to FILE (probe stacks).",
        ),
        click.Option(
            ["--speedscope"], type=FileName(), metavar="FILE",
            help="Write the path in order of time for speedscope.app to FILE (probe stacks).",
        ),
        click.Option(
            ["--pprof"], type=FileName(), metavar="FILE",
            help="Write the sampled stacks in pprof's format to FILE (probe stacks).",
        ),
    ]  # fmt: skip


@contextlib.contextmanager
def profile_files(values: Mapping[str, Any]) -> Iterator[Callable[[Summary], None]]:
    """Open the files that were asked for, before anything is measured; what writes them.

    With all threads sampled, the files have these, by thread, instead of the path; speedscope's
    has both. TracerError (exit status 2) for a file that cannot be written.
    """
    for name in FILES:
        if values[name] == "-":
            raise TracerError(
                f"--{name} -: a profile is not written to standard output",
                f"nothing was run; name a file: --{name} FILE",
                exit_code=2,
            )
    began_ns = time.time_ns()
    with contextlib.ExitStack() as stack:
        files = {
            name: stack.enter_context(OutputFile(values[name])) for name in FILES if values[name]
        }

        def write(summary: Summary) -> None:
            if summary.where is None:
                return
            for name, file in files.items():
                file.write(_content(name, summary.target.name, summary.where, began_ns))

        yield write


def _content(name: str, title: str, where: Where, began_ns: int) -> str | bytes:
    from tracer.report.exports.folded import folded
    from tracer.report.exports.pprof import pprof
    from tracer.report.exports.speedscope import speedscope

    pieces = where.threads or where.path
    if name == "folded":
        return folded(pieces, by_thread=bool(where.threads))
    if name == "pprof":
        return pprof(pieces, grid_ns=where.grid_ns, time_ns=began_ns)
    profiles = {"critical path": where.path}
    if where.threads:
        profiles["all threads"] = where.threads
    return speedscope(title, profiles)
