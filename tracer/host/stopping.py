"""What ends a window from outside: a signal of the user's, or a condition that is met."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType

#: Ends the window of a recording that keeps the last seconds; the target goes on.
SIGNAL = signal.SIGUSR1


class Stop:
    """A descriptor, `fd`, that can be read as soon as somebody wants the end, and `why`.

    Use as a context manager, in the main thread: it answers to SIGUSR1 meanwhile.
    """

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.why = ""
        self._before = signal.signal(SIGNAL, self._signalled)

    def fire(self, why: str) -> None:
        """It is wanted now; the first reason counts."""
        self.why = self.why or why
        with contextlib.suppress(OSError):
            os.eventfd_write(self.fd, 1)

    def _signalled(self, _number: int, _frame: FrameType | None) -> None:
        self.fire("SIGUSR1 came")

    def __enter__(self) -> Stop:
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(SIGNAL, self._before)
        os.close(self.fd)
