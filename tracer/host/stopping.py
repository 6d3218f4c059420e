"""What ends a window or tracer from outside: a signal of the user's, a condition that is met."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

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


def answered() -> list[int]:
    """SIGINT and SIGTERM, unless they are ignored: by nohup, in a shell's background job."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    return [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]


class FirstKept:
    """SIGINT and SIGTERM while nothing may be lost for one: the first calls `then`, which may make
    the work shorter, and is kept as `signalled`; the next one ends tracer at once.

    Use as a context manager. Ignored signals stay so; outside of the main thread nothing changes.
    """

    def __init__(self, then: Callable[[], None]) -> None:
        self._then = then
        self._before: dict[int, Any] = {}
        self.signalled: int | None = None

    def __enter__(self) -> FirstKept:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._keep) for number in answered()}
        return self

    def __exit__(self, *_: object) -> None:
        if self.signalled is None:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def _keep(self, number: int, _frame: FrameType | None) -> None:
        for again in self._before:
            signal.signal(again, signal.SIG_DFL)
        self.signalled = number
        self._then()
