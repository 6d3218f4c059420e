"""The live view as a process of its own, and the terminal that it is given meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from tracer.errors import TracerError
from tracer.host.installation import installation

#: What a view that was killed leaves behind: the other screen, no cursor, reports of the mouse, of
#: the focus and of pastes, long lines that do not wrap, keys in kitty's way.
_RESTORED = (
    "\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[0m"
)
#: How long the view has to end.
_PATIENCE_S = 3.0
#: More than there will ever be answers.
_OVER = 1 << 32


def require_terminal() -> None:
    """TracerError (exit status 2) where a live view cannot be shown, with what to do."""
    if not (os.isatty(0) and os.isatty(2)) or os.environ.get("TERM", "") in ("", "dumb"):
        raise TracerError(
            "a live view needs a terminal: standard input and standard error are to be one",
            "reports as text: tracer attach --interval 2 PID",
            exit_code=2,
        )
    try:
        import textual  # noqa: F401
    except ImportError:
        raise TracerError(
            "the live view needs textual, and it is not installed",
            installation().to_add("look"),
            exit_code=2,
        ) from None


class Screen:
    """The view, from `with` on to its end.

    Meanwhile the terminal is the view's: what this process writes to its standard output and error
    is shown after that. However the view ends, the terminal is as it was before.
    """

    def __init__(self, save: Callable[[Mapping[str, Any]], str]) -> None:
        """`save` is called, on a thread of its own, with a document that is to be kept; what to say
        about it."""
        self._save = save
        self._lock = threading.Lock()  # of the pipe to the view
        self._answers: queue.SimpleQueue[Mapping[str, Any]] = queue.SimpleQueue()
        #: Can be read while an answer is there, and from the end of the view on.
        self.until = os.eventfd(0, os.EFD_SEMAPHORE | os.EFD_CLOEXEC)

    def send(self, **message: Any) -> None:
        """Show something; nothing once the view has ended."""
        data = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._lock, contextlib.suppress(BrokenPipeError):
            while data:
                data = data[os.write(self._to_view, data) :]

    def has_answer(self) -> bool:
        """Whether the user asked for something, or the view has ended."""
        return self._is_readable(0)

    def answer(self) -> Mapping[str, Any] | None:
        """Wait for what the user asks for; None: the view has ended."""
        self._is_readable(None)
        try:
            answer = self._answers.get_nowait()
        except queue.Empty:
            return None
        os.eventfd_read(self.until)
        return answer

    def _is_readable(self, timeout_s: float | None) -> bool:
        from tracer.host.processes import readable

        return bool(readable([self.until], timeout_s))

    def __enter__(self) -> Screen:
        self._attributes = termios.tcgetattr(0)
        from_us, self._to_view = os.pipe()
        self._from_view, from_view = os.pipe()
        self._view = subprocess.Popen(
            [sys.executable, "-m", "tracer.report.live", str(from_us), str(from_view)],
            pass_fds=(from_us, from_view),
            stdout=2,
        )
        os.close(from_us)
        os.close(from_view)
        self._said = tempfile.TemporaryFile()
        sys.stdout.flush()
        sys.stderr.flush()
        self._streams = [os.dup(fd) for fd in (1, 2)]
        for fd in (1, 2):
            os.dup2(self._said.fileno(), fd)
        self._listening = threading.Thread(target=self._listen, daemon=True)
        self._listening.start()
        return self

    def _listen(self) -> None:
        with os.fdopen(self._from_view, "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    break  # the view was killed
                answer = json.loads(line)
                if "save" in answer:
                    self.send(note=self._save(answer["save"]))
                else:
                    self._answers.put(answer)
                    os.eventfd_write(self.until, 1)
        os.eventfd_write(self.until, _OVER)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._to_view)  # which ends it
        try:
            status = self._view.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._view.kill()
            status = self._view.wait()
        self._listening.join(_PATIENCE_S)
        os.close(self.until)
        self._restore(status)
        if status and kind is None:
            raise TracerError(
                f"the live view failed ({_how(status)}); the terminal is as it was before",
                "a fault of tracer: please report it; tracer attach --interval 2 prints the same",
            )

    def _restore(self, status: int) -> None:
        """Give the streams back, and the terminal where the view has not done that."""
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, stream in zip((1, 2), self._streams, strict=True):
            os.dup2(stream, fd)
            os.close(stream)
        with contextlib.suppress(OSError, termios.error):  # the terminal may be gone
            if status:
                os.write(2, _RESTORED.encode())
            termios.tcsetattr(0, termios.TCSANOW, self._attributes)
        self._said.seek(0)
        with contextlib.suppress(OSError):
            os.write(2, self._said.read())
        self._said.close()


def _how(status: int) -> str:
    return f"exit status {status}" if status > 0 else f"signal {-status}"
