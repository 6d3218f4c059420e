"""Running processes by the name of their program, as pgrep(1) and pidof(8) find them."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracer.host.files import text_of
from tracer.host.processes import arguments, is_kernels, stat_fields
from tracer.host.roles import script

_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Running:
    """A process that runs: `began_s` seconds after the host's start, `argv` its command line."""

    pid: int
    parent: int
    user: str
    began_s: float
    name: str
    argv: tuple[str, ...]

    @property
    def age_s(self) -> float:
        """Seconds since its start."""
        return max(time.clock_gettime(time.CLOCK_BOOTTIME) - self.began_s, 0.0)


def by_name(name: str) -> list[Running]:
    """The processes whose program has this name, the oldest first; neither threads of the kernel,
    nor zombies, nor tracer itself.

    A program's name is that of its file, that by which it was called, the kernel's name of it, and
    for an interpreter that of the script it runs (`server.py`), or its module (`http.server`).
    """
    return _sorted(process for process in _all() if name in _names(process))


def similar(name: str) -> list[str]:
    """Names of running programs that contain this one, or are much like it; each once."""
    import difflib

    known = sorted({n for process in _all() for n in _names(process)})
    part = [one for one in known if name.lower() in one.lower()]
    return part or difflib.get_close_matches(name, known, 3)


def running(pids: list[int]) -> list[Running]:
    """What is known of these processes, without those that have ended, the oldest first."""
    return _sorted(process for pid in pids if (process := _read(pid)) is not None)


def _sorted(found: Iterator[Running]) -> list[Running]:
    return sorted(found, key=lambda process: (process.began_s, process.pid))


def _all() -> Iterator[Running]:
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            process = _read(int(entry.name))
            if process is not None and not is_kernels(process.pid):
                yield process


def _read(pid: int) -> Running | None:
    directory = _PROC / str(pid)
    fields = stat_fields(directory)
    if not fields or fields[0] in "ZX":
        return None
    return Running(
        pid,
        int(fields[1]),
        _user_of(directory),
        int(fields[19]) / _TICKS,  # field 22 of proc_pid_stat(5)
        text_of(directory / "comm").removesuffix("\n"),
        arguments(pid),
    )


def _user_of(directory: Path) -> str:
    try:
        uid = directory.stat().st_uid
        return pwd.getpwuid(uid).pw_name
    except OSError:
        return ""
    except KeyError:
        return str(uid)


def _names(process: Running) -> set[str]:
    argv = process.argv
    names = {process.name, _file_of(process.pid)}
    if argv:
        # a title may be written over the command line: `nginx: worker process`
        called = argv[0].partition(": ")[0].rpartition("/")[2].removeprefix("-")
        names |= {called, called.partition(" ")[0], script(argv).removeprefix("-m ")}
    return {name for name in names if name and not name.startswith("-")}


def _file_of(pid: int) -> str:
    try:
        target = (_PROC / str(pid) / "exe").readlink().name
    except OSError:
        return ""
    return target.removesuffix(" (deleted)")
