"""`tracer top`: the windows of `tracer attach --interval`, live on the terminal."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli import _options as options
from tracer.cli import _targets as targets
from tracer.cli._profiles import FILES
from tracer.cli._screen import Screen, require_terminal
from tracer.cli._types import FileName, Seconds
from tracer.errors import Interrupted, TracerError

if TYPE_CHECKING:
    from tracer.capture.attach import AttachRequest
    from tracer.capture.child import Target
    from tracer.experiment.tracing import Tracing
    from tracer.experiment.watching import Watching

#: How long a command that top has started has to end after a SIGTERM.
_GRACE_S = 3.0
#: The windows take this share of one CPU at most; the view itself takes the rest of 3 %.
_MOST_CPU = 0.02
#: A recording lasts so long.
_RECORDED_S = 10.0
#: So many threads are listed one by one.
_THREADS = 30
#: Options that make sense for one report alone.
_OF_ONE = (*FILES, "by", "budgets", "one_in")


class _Top(click.Command):
    """After `--` there is a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if "--" in args:
            at = args.index("--")
            ctx.meta["argv"] = tuple(args[at + 1 :])
            args = args[:at]
        return super().parse_args(ctx, args)


@click.command(
    "top",
    cls=_Top,
    short_help="A live view of running processes, or of a command.",
    options_metavar="[OPTIONS]",
    params=[
        *targets.target_options(),
        click.Option(["--interval"], type=Seconds(), default=2.0, show_default=True,
                     metavar="S", help="Show the latest S seconds, every S seconds."),
        options.path_of_option(),
        options.cpus_option("Of a command: pin it to CPUs: 1, 0-3,5 or physical."),
        options.as_root_option(),
        click.Option(["--output"], type=FileName(), metavar="FILE",
                     help="Of a command: write its standard output and error to FILE."
                     "  [default: a new file in the directory for temporary files]"),
        *(option for option in options.tracing_options() if option.name not in _OF_ONE),
        targets.who_argument(),
    ],
    epilog="After --, a command to start: tracer top -- COMMAND [ARG]...  Exit status: 0; of a"
    " command that has ended by itself its own; 143 after SIGTERM.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, /, **values: Any) -> int:
    """A live view, until q: running processes by number or name, a control group, or a command.

    The states of the program, the path of the latest seconds with its history, the findings, and
    tables of threads, calls and places. In it, h shows the keys.
    """
    from tracer.capture.attach import AttachRequest

    argv = ctx.meta.get("argv")
    pids: tuple[int, ...] = ()
    cgroup: Path | None = None
    if argv is not None:
        _check_command(argv, values)
    else:
        pids, cgroup = targets.processes_of(values, "tracer top")
    require_terminal()
    request = AttachRequest(
        pids=pids,
        cgroup=cgroup,
        follow=not values["no_follow"],
        interval_s=values["interval"],
        most_cpu=_MOST_CPU,
        path_of=values["path_of"],
    )
    tracing = options.tracing(values)
    tracing = dataclasses.replace(tracing, top=tracing.top or _THREADS)
    with _signals():
        try:
            return _show(request, tracing, argv, values)
        except Interrupted as stop:
            return 0 if stop.number == signal.SIGINT else 128 + stop.number


def _check_command(argv: tuple[str, ...], values: Mapping[str, Any]) -> None:
    if not argv:
        raise click.UsageError("after `--` the command is missing: tracer top -- COMMAND")
    if values["who"] or values["numbers"] or any(values[name] for name in targets.GROUPS):
        raise click.UsageError("a command, or processes that run already: give one of the two")
    if values["path_of"].isdecimal():
        raise click.UsageError("--path-of: a command that is yet to be started has no such thread")


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """The loss of the terminal ends tracer as SIGTERM does: a command is ended too."""

    def end(number: int, _frame: object) -> None:
        raise Interrupted(number)

    lost = (signal.SIGHUP, signal.SIGQUIT)
    before = {number: signal.signal(number, end) for number in lost}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _show(
    request: AttachRequest,
    tracing: Tracing,
    argv: tuple[str, ...] | None,
    values: Mapping[str, Any],
) -> int:
    """The view from its beginning to its end; the exit status."""
    from tracer.experiment.one import require_target

    require_target(request)
    if argv is None:
        with Screen(_save) as screen:
            _Watch(screen, tracing).go(request)
        return 0
    output = _output_file(values["output"])
    with _started(argv, output, values) as target:
        request = dataclasses.replace(request, pids=(target.pid,))
        with Screen(_save) as screen:
            _Watch(screen, tracing, target.open_gate, lambda: _ending(target, output)).go(request)
        status = target.exit_status or 0  # 0 where it still runs
    click.echo(f"tracer: the output of the command is in {output}", err=True)
    return 128 - status if status < 0 else status


class _Watch:
    """Sends the view window after window. `opened` is called once, in the first one; `ending` says
    why there are no more."""

    def __init__(
        self,
        screen: Screen,
        tracing: Tracing,
        opened: Callable[[], None] = lambda: None,
        ending: Callable[[], str] = lambda: "the last process has ended",
    ) -> None:
        self._screen, self._tracing = screen, tracing
        self._opened: Callable[[], None] | None = opened
        self._ending = ending

    def go(self, request: AttachRequest) -> None:
        """Until the view ends; what the user asks for changes the request."""
        from tracer.experiment.watching import Watching

        request = dataclasses.replace(request, until=self._screen.until)
        with Watching(self._tracing, followed=True) as watching:
            while True:
                try:
                    self._send_windows(watching, request)
                except TracerError as error:
                    if error.exit_code != 2:
                        raise
                    self._screen.send(ended=f"{error.message}; q leaves, g chooses a group")
                answer = self._screen.answer()
                if answer is None:
                    return
                if "record" in answer:
                    self._record(request)
                else:
                    request = _changed(request, answer)

    def _send_windows(self, watching: Watching, request: AttachRequest) -> None:
        from tracer.analysis.run.document import document

        screen = self._screen
        for summary in watching.windows(request, self._open):
            if not screen.has_answer():
                screen.send(window=document(summary))
        if not screen.has_answer():
            screen.send(ended=f"{self._ending()}; q leaves")

    def _record(self, request: AttachRequest) -> None:
        """One window of which every event is kept; the others follow when it is over."""
        from tracer.analysis.run.document import document
        from tracer.experiment.recorded import recorded
        from tracer.experiment.watching import Watching
        from tracer.host.recorder import Recorder

        screen, name = self._screen, time.strftime("tracer-top-%Y%m%d-%H%M%S")
        once = dataclasses.replace(request, interval_s=None, most_cpu=None, duration_s=_RECORDED_S)
        try:
            with (
                Recorder(name) as recorder,
                Watching(self._tracing, followed=False, recorder=recorder) as watching,
                recorded(watching.engine, recorder, ()) as keep,
            ):
                screen.send(note=f"recording {_RECORDED_S:g} s of every event")
                for summary in watching.windows(once, self._open, keep):
                    data = document(summary)
                    screen.send(window=data)
                    screen.send(note=recorder.end(data))
        except TracerError as error:
            screen.send(note=f"{error.message}; {error.hint}")

    def _open(self, _threads: int, _processes: int) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened()


def _changed(request: AttachRequest, answer: Mapping[str, Any]) -> AttachRequest:
    """The request after what the user asked for."""
    if "cgroup" in answer:
        group = Path(answer["cgroup"])
        return dataclasses.replace(request, pids=(), cgroup=group, path_of="busiest")
    return dataclasses.replace(request, path_of=str(answer["path_of"]))


def _save(document: Mapping[str, Any]) -> str:
    """Write the document that is shown; what to say about it."""
    from tracer.cli._files import OutputFile
    from tracer.report.json_text import json_text

    name = f"tracer-top-{time.strftime('%Y%m%d-%H%M%S')}.json"
    try:
        with OutputFile(name) as file:
            file.write(json_text(document) + "\n")
    except TracerError as error:
        return error.message
    return f"saved: tracer report {Path(name).absolute()}"


# ---- a command ----


def _output_file(path: str | None) -> str:
    """Make the file for the command's output, which its user can write to; its name."""
    from tracer.host.user import Credentials

    user = Credentials.of_sudo()
    try:
        if path is None:
            descriptor, path = tempfile.mkstemp(prefix="tracer-top-", suffix=".out")
        else:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        if user is not None:
            os.fchown(descriptor, user.uid, user.gid)
    except OSError as error:
        raise TracerError(
            f"cannot write {path or 'a temporary file'}: {error.strerror}",
            "name a file in a directory that can be written to: --output FILE",
            exit_code=2,
        ) from None
    os.close(descriptor)
    return path


@contextlib.contextmanager
def _started(argv: tuple[str, ...], output: str, values: Mapping[str, Any]) -> Iterator[Target]:
    """The command at its gate; at the end it and what it has started in its session are ended."""
    from tracer.capture.child import Target
    from tracer.model.spec import Spec

    spec = Spec(
        argv, values["cpus"] or (), controlled=False, as_root=values["as_root"], output=output
    )
    with Target(spec) as target:
        try:
            yield target
        finally:
            _end(target)


def _end(target: Target) -> None:
    from tracer.host.processes import descendants, session_of, stop_all

    if target.exit_status is None:
        session = {pid for pid in descendants([target.pid]) if session_of(pid) == target.pid}
        stop_all({target.pid, *session}, _GRACE_S)


def _ending(target: Target, output: str) -> str:
    status = target.wait()
    how = f"exit status {status}" if status >= 0 else f"killed by signal {-status}"
    return f"the command has ended, {how}; its output is in {output}"
