"""The helper: a process beside the traced one, which loads the programs and makes the summaries.

What it does is another process's work, so it is not in the report of the traced one; and a traced
program's own threads, signals and children stay as they are. It is the child of nobody that is
traced, and ends when the other end of its socket is closed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import socket
import time
import traceback

from tracer.analysis.run.summary import Summary
from tracer.api.channel import (
    Attached,
    Channel,
    Ended,
    Failed,
    Load,
    Loaded,
    Stop,
    Window,
)
from tracer.capture.attach import AttachRequest
from tracer.capture.command import CommandOptions
from tracer.errors import Interrupted, TracerError
from tracer.experiment.command_lines import of_command
from tracer.experiment.watching import Watching
from tracer.host.processes import readable
from tracer.kernel.engine import Engine
from tracer.model.recording import Recording
from tracer.model.spec import Spec
from tracer.model.states import Phase

#: How often it is looked whether the traced process has opened the window: nothing else tells.
_LOOK_S = 0.0002


def main(descriptor: int) -> None:
    """Serve the traced process at the other end of the socket, until that is closed."""
    channel = Channel(socket.socket(fileno=descriptor))
    with contextlib.suppress(EOFError):
        try:
            _serve(channel)
        except TracerError as error:
            channel.send(Failed(error.message, error.hint, error.exit_code))
        except Interrupted as stop:
            channel.send(Failed(f"its helper was ended by signal {stop.number}", "", 1))
        except EOFError:
            raise
        except Exception as error:
            traceback.print_exc()
            what = f"its helper failed: {type(error).__name__}: {error}"
            channel.send(Failed(what, "where it failed is on standard error", 1))


def _serve(channel: Channel) -> None:
    load: Load = channel.receive()
    with Watching(load.tracing, followed=False) as watching:
        channel.send(Loaded())
        while True:
            _Served(channel, watching).window(channel.receive())


class _Served:
    """One window."""

    def __init__(self, channel: Channel, watching: Watching) -> None:
        self._channel, self._watching = channel, watching

    def window(self, wanted: Window) -> None:
        """Attach, wait for its end, send the summary. A failure is sent too: the next can work."""
        request = AttachRequest(
            wanted.pids,
            follow=wanted.follow,
            path_of=wanted.path_of,
            until=self._channel.fileno(),
        )
        windows = self._watching.windows(
            request, lambda _threads, _processes: None, self._with_units, self._open
        )
        try:
            (summary,) = windows
        except TracerError as error:
            self._channel.send(Failed(error.message, error.hint, error.exit_code))
            return
        self._channel.send(Ended(self._with_command(summary, wanted)))

    def _with_command(self, summary: Summary, wanted: Window) -> Summary:
        """What makes it again is a run of the whole program: this process may soon be gone."""
        target = summary.target
        if not target.argv:
            return summary
        options = CommandOptions(follow=wanted.follow)
        line = of_command(Spec(target.argv), options, self._watching.tracing)
        return dataclasses.replace(summary, target=dataclasses.replace(target, command_line=line))

    def _open(self, engine: Engine) -> None:
        """The traced process opens the window itself, when it is told that it can."""
        descriptor, places = engine.shared_settings()
        self._channel.send(Attached(places), descriptor)
        while engine.ctl["phase"] == Phase.BEFORE:
            told = readable([self._channel.fileno()], 0)
            if told and engine.ctl["phase"] == Phase.BEFORE:
                raise EOFError  # it has ended, or was interrupted
            time.sleep(_LOOK_S)

    def _with_units(self, recording: Recording) -> Recording:
        """With the number of units of work, which is told at the end."""
        stop: Stop = self._channel.receive()
        if not stop.units:
            return recording
        result = {"units": stop.units, "ns_per_unit": recording.window_ns / stop.units}
        return dataclasses.replace(recording, result={**recording.result, **result})
