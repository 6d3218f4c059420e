"""The entry point: finds the commands by scan, prints an error in one place."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import pkgutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from tracer.cli._output import drop_stream
from tracer.cli._signals import answer_to_signals
from tracer.errors import Interrupted, TracerError
from tracer.host.processor import numpy_error, processor_error

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # idle BLAS threads spin on the traced CPUs
#: Words with which tracer works without it.
_NEEDS_NO_NUMPY = frozenset({"-h", "--help", "--version", "help"})


class _ReaderLeftError(Exception):
    """Nobody reads standard output any more: `| head`. click would end with status 1 for the
    BrokenPipeError."""


@contextlib.contextmanager
def _reader_may_leave() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError as error:
        raise _ReaderLeftError from error


class Commands(click.Group):
    """Each command is a file of this package, imported on demand; `_name.py` is not a command."""

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        with _reader_may_leave():  # of --help, --version
            return super().make_context(*args, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        with _reader_may_leave():
            return super().invoke(ctx)

    def list_commands(self, ctx: click.Context) -> list[str]:
        here = str(Path(__file__).parent)
        names = (info.name for info in pkgutil.iter_modules([here]))
        return sorted(name for name in names if name != "main" and not name.startswith("_"))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: click.Command = importlib.import_module(f"tracer.cli.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        import difflib

        is_known = not args or args[0] in self.list_commands(ctx) or args[0].startswith("-")
        if not (is_known or ctx.resilient_parsing):
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.UsageError(f"No such command {args[0]!r}.{hint} Try: tracer --help", ctx)
        return super().resolve_command(ctx, args)


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if ctx.resilient_parsing or not (value or ctx.params.get("as_json")):
        return
    if not value:
        raise click.UsageError("--json before a command is for --version; else put it behind", ctx)
    import json

    known = _versions()
    if ctx.params["as_json"]:
        click.echo(json.dumps({"schema": "tracer.version/1", **known}, indent=2))
    else:
        click.echo(
            f"tracer {known['tracer']}, bcc {known['bcc'] or 'missing'},"
            f" Linux {known['kernel']} {known['machine']}, Python {known['python']}"
        )
    ctx.exit()


def _versions() -> dict[str, str | None]:
    """What `tracer --version` says; bcc is None where it cannot be used."""
    import platform

    from tracer import __version__
    from tracer.host.installation import installation
    from tracer.kernel.bcc import import_bcc

    try:
        bcc = getattr(import_bcc(), "__version__", "unknown")
    except TracerError:
        bcc = None
    return {
        "tracer": __version__,
        "bcc": bcc,
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "installation": str(installation()),
    }


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 98},
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    is_eager=True,  # known when --version is met
    help="With --version: as JSON, tracer.version/1.",
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    callback=_version,
    help="Versions of tracer, bcc, the kernel and Python.",
)
def cli(as_json: bool) -> None:
    """Where did the time go, I/O or switching, and why? An eBPF tracing profiler.

    First steps: tracer list; sudo tracer run async-brigade; tracer help words
    """


def main() -> None:
    """Run the command line; never returns."""
    _open_standard_streams()
    if "_TRACER_COMPLETE" in os.environ:  # a shell asks what may follow
        importlib.import_module("tracer.cli._share")
    answer_to_signals()
    sys.exit(_status())


def _status() -> int:
    """Run the command; the exit status, with a message on standard error for whatever ended it."""
    try:
        unusable = None if _NEEDS_NO_NUMPY.intersection(sys.argv) else processor_error()
        if unusable is not None:
            raise unusable
        status = cli.main(prog_name="tracer", standalone_mode=False)
        sys.stdout.flush()
    except TracerError as error:
        return _told(error)
    except click.ClickException as error:
        error.show()
        return 2
    except Interrupted as stop:
        name = signal.Signals(stop.number).name
        click.echo(f"tracer: ended by {name}; what it had started was ended too", err=True)
        return 128 + stop.number
    except (_ReaderLeftError, BrokenPipeError):  # the latter: from the flush
        drop_stream(1)
        return 0
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
            raise
        drop_stream(1)
        click.echo(f"tracer: cannot write to standard output: {error.strerror}", err=True)
        return 1
    except (ImportError, RuntimeError) as error:
        explained = numpy_error(error)
        if explained is None:
            raise
        return _told(explained)
    return status if isinstance(status, int) else 0


def _told(error: TracerError) -> int:
    """Its exit status, after its message."""
    click.echo(f"tracer: {error.message}", err=True)
    if error.hint:
        click.echo(f"        {error.hint}", err=True)
    return error.exit_code


def _open_standard_streams() -> None:
    """Open /dev/null as those of descriptors 0 to 2 that the caller closed: no other file may get
    their numbers."""
    null = os.open(os.devnull, os.O_RDWR)
    while null <= 2:
        null = os.dup(null)
    os.close(null)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
