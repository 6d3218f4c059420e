"""Small files of /proc, /sys and control groups. A file that is gone or unreadable is no error.

Names in them are whatever programs set, any bytes but newlines: those that are not UTF-8 are
replaced, in a path that is to be opened they are kept.
"""

from __future__ import annotations

import mmap
import os
import stat
from pathlib import Path

_PART = 1 << 16


def _content(path: str | Path) -> bytes | None:
    """The whole file; None where it cannot be read."""
    try:  # by hand: of the threads of a large program, pathlib takes most of the time
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    content = []
    try:
        while part := os.read(descriptor, _PART):
            content.append(part)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return b"".join(content)


def text_of(path: str | Path, missing: str = "") -> str:
    """The whole content; `missing` where it cannot be read."""
    content = _content(path)
    return missing if content is None else content.decode(errors="replace")


def lines_of(path: str | Path, *, has_paths: bool = False) -> list[str]:
    """The lines, none without the file. A line ends at a newline alone: str.splitlines() also
    splits at form feeds and the like, which names can contain.

    With `has_paths` bytes that are not UTF-8 stay what they are, as os.fsdecode() keeps them.
    """
    content = _content(path) or b""
    text = os.fsdecode(content) if has_paths else content.decode(errors="replace")
    return text.removesuffix("\n").split("\n") if text else []


def memory_of(path: Path) -> mmap.mmap:
    """A file as memory, to read from; OSError where it cannot be read, ValueError where it is
    empty."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


def descriptor_of(path: Path) -> int | None:
    """Opens a regular file to read from; None where there is none that can be opened."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError):
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def line_of(path: Path, missing: str = "") -> str:
    """The content as one line, its words separated by single blanks; `missing` where there is
    none."""
    return " ".join(text_of(path).split()) or missing


def number_in(path: str | Path) -> int | None:
    """The number that the file begins with; None for `max`, for another word, for no file."""
    try:
        return int(text_of(path).split()[0])
    except (ValueError, IndexError):
        return None


def fields_of(path: str | Path) -> dict[str, str]:
    """A file of `Name: value` lines by name, such as /proc/PID/status; empty without the file."""
    pairs = (line.partition(":") for line in lines_of(path))
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}
