"""The helper process, seen from the traced process: started, asked for one window after the other.

Nothing here imports numpy, and no thread is started: that would be in the report.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tracer.api.channel import Attached, Channel, Ended, Failed, Load, Loaded, Stop, Window
from tracer.errors import CannotTraceError, TracerError
from tracer.host.requirements import namespace_error
from tracer.host.user import require_rights
from tracer.model.window import close_window, open_window

if TYPE_CHECKING:
    from tracer.analysis.run.summary import Summary
    from tracer.experiment.tracing import Tracing

_Answer = TypeVar("_Answer")
#: What gives a process the rights; the braces stand for its command line.
_RIGHTS = (
    "start it as root: sudo {}; or with two capabilities alone, CAP_BPF and CAP_PERFMON:"
    " setpriv(1) with --inh-caps and --ambient-caps +bpf,+perfmon"
)


def require_tracing() -> None:
    """CannotTraceError where this process may not trace, with what is missing."""
    if elsewhere := namespace_error():
        raise CannotTraceError(elsewhere.message, elsewhere.hint)
    try:
        require_rights()
    except TracerError as error:
        raise CannotTraceError(error.message, _RIGHTS.format(_command_line())) from None


def _command_line() -> str:
    return shlex.join([sys.executable or "python3", *sys.argv])


class SharedSettings:
    """`struct ctl` of the programs, mapped into this process: `tracer.model.window.Settings`.

    Parameters
    ----------
    descriptor:
        The array's; it is closed here.
    places:
        Offset and bytes (4 or 8) of each member.
    """

    def __init__(self, descriptor: int, places: Mapping[str, tuple[int, int]]) -> None:
        self._places = places
        length = max(offset + size for offset, size in places.values())
        try:
            self._memory = mmap.mmap(descriptor, -(-length // mmap.PAGESIZE) * mmap.PAGESIZE)
        finally:
            os.close(descriptor)
        # a store through a view of this size is one store; struct.pack_into writes byte by byte
        whole = memoryview(self._memory)
        self._views = {4: whole.cast("I"), 8: whole.cast("Q")}

    def __getitem__(self, name: str, /) -> int:
        offset, size = self._places[name]
        return int(self._views[size][offset // size])

    def __setitem__(self, name: str, value: int, /) -> None:
        offset, size = self._places[name]
        self._views[size][offset // size] = value


class Helper:
    """One helper process with the programs of one tracing, from the call on until `close`.

    CannotTraceError where the programs cannot be loaded here.
    """

    def __init__(self, tracing: Tracing) -> None:
        require_tracing()
        ours, theirs = socket.socketpair()
        with theirs:
            _start(theirs.fileno())
        self._channel = Channel(ours)
        try:
            self._ask(Load(tracing), Loaded)
        except TracerError as error:
            self.close()
            raise CannotTraceError(error.message, error.hint, error.exit_code) from None
        except BaseException:
            self.close()
            raise

    def attach(self, window: Window) -> OpenWindow:
        """Attach to the processes; the window is to be opened by `OpenWindow.open`. TracerError
        where they cannot be attached to."""
        found = self._ask(window, Attached)
        return OpenWindow(self, SharedSettings(self._channel.receive_fd(), found.settings))

    def summary(self, units: int | None) -> Summary:
        """After the end of the window."""
        return self._ask(Stop(units), Ended).summary

    def _ask(self, message: object, kind: type[_Answer]) -> _Answer:
        with contextlib.suppress(EOFError):  # a helper that failed has said why before
            self._channel.send(message)
        try:
            answer: Any = self._channel.receive()
        except EOFError:
            raise TracerError(
                "the helper process of tracer has ended early",
                "did something kill it? dmesg tells of memory that ran out",
            ) from None
        if isinstance(answer, Failed):
            raise TracerError(answer.message, answer.hint, answer.exit_code)
        assert isinstance(answer, kind), answer
        return answer

    def close(self) -> None:
        """The helper ends by itself then, and unloads the programs."""
        self._channel.close()


class OpenWindow:
    """A window of a helper that this process opens and closes itself, at the very moment."""

    def __init__(self, helper: Helper, settings: SharedSettings) -> None:
        self._helper, self._settings = helper, settings

    def open(self) -> None:
        open_window(self._settings)

    def close(self) -> None:
        close_window(self._settings)

    def summary(self, units: int | None) -> Summary:
        """What was seen, once it is closed or its processes have ended."""
        return self._helper.summary(units)


def _start(descriptor: int) -> None:
    """Start the helper with this end of the socket. It finds the modules that this process finds,
    and ends its first process at once, which is waited for."""
    if not sys.executable or not Path(sys.executable).exists():
        raise CannotTraceError(
            "tracer does its work in a second Python process, and this one does not know where"
            " its own program is (sys.executable)",
            "set sys.executable to the Python that tracer is installed for",
        )
    program = (
        "import os\n"
        "if os.fork(): os._exit(0)\n"  # nobody's child: this process waits for its own alone
        f"import sys; sys.path[:] = {sys.path!r}\n"
        f"from tracer.api.serve import main; main({descriptor})\n"
    )
    started = subprocess.run(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=2 if _is_open(2) else subprocess.DEVNULL,
        pass_fds=[descriptor],
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        start_new_session=True,  # Ctrl-C is for the traced program
        check=False,
    )
    if started.returncode:
        raise CannotTraceError(
            f"tracer's helper process cannot start: {sys.executable} ended with exit status"
            f" {started.returncode}",
            "its own message is on standard error",
        )


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True
