"""A command's standard output through a pipe, and the number of units that it says it did."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import select
import threading

from tracer.errors import TracerError
from tracer.units import plain

#: So much of the end is kept, bytes: a count stands at the end of an output.
_KEPT = 4 << 20
#: After the command's end: what the pipe can still hold. More comes from what it left behind.
_PIPE_SIZE = 1 << 20
#: Between two reads: a command that writes line by line is not to wake tracer each time.
_NAP_MS = 5
_NUMBER = re.compile(
    r"((?:\d{1,3}(?:[,_']\d{3})+|\d+)(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([kKMG]?)", re.ASCII
)
_TIMES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_LONGEST_SHOWN = 80


class Output:
    """Reads a command's standard output from its beginning to its end, in a thread.

    Parameters
    ----------
    passes_on:
        What is read is written to tracer's own standard output too.
    """

    def __init__(self, passes_on: bool) -> None:
        self._read_end, self.write_end = os.pipe()
        with contextlib.suppress(OSError):  # an ordinary user's limit: the pipe is smaller then
            fcntl.fcntl(self._read_end, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
        self._stop_read, self._stop_write = os.pipe()
        self._passes_on = passes_on
        self._kept = bytearray()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """In tracer, once the child has its end of the pipe."""
        os.close(self.write_end)
        self.write_end = -1
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """The end of the output, after the command has ended: 4 MiB at most."""
        if self._thread is not None:
            os.write(self._stop_write, b"s")
            self._thread.join()
            self._thread = None
        return self._kept.decode(errors="replace")

    def close(self) -> None:
        """Close the pipe; call once."""
        self.text()
        for fd in (self._read_end, self.write_end, self._stop_read, self._stop_write):
            if fd >= 0:
                os.close(fd)

    def _read(self) -> None:
        both, stop = select.poll(), select.poll()
        both.register(self._read_end, select.POLLIN)
        both.register(self._stop_read, select.POLLIN)
        stop.register(self._stop_read, select.POLLIN)
        left = _PIPE_SIZE
        while left > 0:
            ready = dict(both.poll())
            if self._read_end not in ready:
                return
            chunk = os.read(self._read_end, _PIPE_SIZE)
            if not chunk or not self._take(chunk):
                return
            if self._stop_read in ready:  # read after the end: of what the pipe held then
                left -= len(chunk)
            else:
                stop.poll(_NAP_MS)

    def _take(self, chunk: bytes) -> bool:
        """Keep it and pass it on; False when nobody reads what is passed on: then the command is
        to find its own pipe closed, as it would without tracer."""
        self._kept += chunk
        if len(self._kept) > 2 * _KEPT:
            del self._kept[:-_KEPT]
        if not self._passes_on:
            return True
        try:
            while chunk:
                chunk = chunk[os.write(1, chunk) :]
        except OSError:
            os.close(self._read_end)
            self._read_end = -1
            return False
        return True


def number(text: str) -> float:
    """`1,234`, `12.5k`, `3M`, `1e6` as a number; ValueError for anything else."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    return float(re.sub("[,_']", "", match[1])) * _TIMES[match[2]]


def units_in(text: str, pattern: str) -> int:
    """The units of work that an output counts: the first group of the last match of `pattern`.

    TracerError when nothing matches, and when what matches is no number from 1 on.
    """
    found = None
    for match in re.finditer(pattern, text, re.MULTILINE):
        found = match
    if found is None:
        raise TracerError(
            f"--unit-from '{plain(pattern)}' matches nothing in the command's standard output,"
            f" {_end(text)}",
            "a regular expression with the count in parentheses: --unit-from 'requests: ([0-9,]+)'",
        )
    counted = found[1] or ""
    try:
        units = round(number(counted))
    except ValueError:
        units = 0
    if units < 1:
        raise TracerError(
            f"--unit-from '{plain(pattern)}' found '{plain(counted)[:_LONGEST_SHOWN]}' in the"
            " command's standard output, which is not a count from 1 on",
            "put the number alone in parentheses: --unit-from 'requests: ([0-9,]+)'",
        )
    return units


def _end(text: str) -> str:
    lines = text.split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if not last:
        return "which is empty"
    return f"whose last line is '{plain(last)[:_LONGEST_SHOWN]}'"
