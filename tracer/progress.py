"""One changing line on standard error that tells what is going on and how long it still takes."""

from __future__ import annotations

import os
import sys
import time

#: A run that is expected to be shorter than this needs no progress.
_WORTH_S = 2.0
#: How often a waiting program looks at the clock.
TICK_S = 0.5


class Progress:
    """Nothing is written unless standard error is a terminal that can move its cursor, and the
    caller wants it (`shown`).

    `expect(seconds)` says how long all the rest is going to take; until it is called, and when
    the rest is shorter than 2 s, the line has no time in it.
    """

    def __init__(self, shown: bool = True) -> None:
        self._on = shown and sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
        self._text = ""
        self._end_s: float | None = None

    @property
    def is_shown(self) -> bool:
        return self._on

    def expect(self, seconds: float) -> None:
        self._end_s = time.monotonic() + seconds if seconds >= _WORTH_S else None
        self.tick()

    def say(self, text: str) -> None:
        """Show `text` from now on."""
        self._text = text
        self.tick()

    def tick(self) -> None:
        """Show the time left as it is now."""
        if not self._on or not self._text:
            return
        left = "" if self._end_s is None else f", {_left(self._end_s - time.monotonic())}"
        self._write(f"{self._text}{left}")

    def clear(self) -> None:
        """Take the line away."""
        self._text = ""
        if self._on:
            self._write("")

    def _write(self, text: str) -> None:
        width = _columns() - 1
        sys.stderr.write(f"\r\x1b[K{text[:width]}")
        sys.stderr.flush()


def _columns() -> int:
    try:
        return os.get_terminal_size(2).columns or 80
    except OSError:
        return 80


def _left(seconds: float) -> str:
    if seconds < 1:
        return "about to end"
    if seconds < 90:
        return f"about {seconds:.0f} s left"
    return f"about {seconds / 60:.0f} min left"
