"""Opening and closing a window from user space: the writes to the programs' settings, in order.

Whoever has the settings (`struct ctl` of tracer/kernel/machine/core.h) mapped can do it: tracer, or
the traced process itself, at the very moment that its block begins or ends. Needs no numpy.
"""

from __future__ import annotations

import time
from typing import Any, Protocol

from tracer.model.states import Phase


class Settings(Protocol):
    """The members of `struct ctl` by name, live."""

    def __getitem__(self, name: str, /) -> Any: ...

    def __setitem__(self, name: str, value: int, /) -> None: ...


def open_window(ctl: Settings, command_tgid: int = 0) -> None:
    """Open a window at this moment; that of a process `command_tgid` ends with its exit.

    The programs read its start before its epoch, and both before its phase.
    """
    ctl["end_slot"] = 0
    ctl["start_ns"] = time.monotonic_ns()
    ctl["epoch"] += 1
    ctl["window_tgid"] = command_tgid
    ctl["phase"] = Phase.OPEN
    ctl["command_tgid"] = command_tgid


def close_window(ctl: Settings, end_ns: int | None = None) -> None:
    """Close the window at this moment, or at an end that has just passed."""
    ctl["end_ns"] = time.monotonic_ns() if end_ns is None else end_ns
    ctl["phase"] = Phase.CLOSED
