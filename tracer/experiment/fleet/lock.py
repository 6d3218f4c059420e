"""The lock of a host, held while something is measured there: one measurement at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.files import lines_of
from tracer.host.processes import arguments, started_s
from tracer.units import plain

#: Held while something is measured on this host.
LOCK = Path("/run/lock/tracer-measuring")
_LOOK_S = 0.25
#: A host is given up after as long: the reason has to arrive before that.
_EARLIER_S = 5.0
_LONGEST_COMMAND = 80


@contextlib.contextmanager
def measuring(limit_s: float, require_wanted: Callable[[], None]) -> Iterator[int]:
    """Hold the lock; gives its descriptor. Whoever holds it is waited for, somewhat less than
    `limit_s`, for as long as `require_wanted` raises nothing.

    TracerError, which names the holder, when it is not free by then.
    """
    try:
        fd = os.open(LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        fd = os.open(LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    began_s = time.monotonic()
    deadline_s = began_s + max(limit_s - _EARLIER_S, limit_s / 2)
    taken: Future[None] = Future()
    own = os.dup(fd)  # of the same open file, which has the lock

    def take() -> None:
        try:
            fcntl.flock(own, fcntl.LOCK_EX)
            taken.set_result(None)
        except OSError as error:
            taken.set_exception(error)
        finally:
            os.close(own)

    # The kernel wakes those that wait in turn; whoever only looks now and then may find it taken
    # again each time. A wait that is given up ends once the lock is free, and leaves it free.
    threading.Thread(target=take, daemon=True).start()
    try:
        while not wait([taken], _LOOK_S).done:
            require_wanted()
            if time.monotonic() > deadline_s:
                raise _held(time.monotonic() - began_s)
        taken.result()
        yield fd
    finally:
        os.close(fd)


def _held(waited_s: float) -> TracerError:
    what = f"something else is measured there, for more than {waited_s:.0f} s"
    pid = holder()
    if pid is None:
        return TracerError(
            f"{what}, by a process that cannot be seen from there",
            f"who has {LOCK} open? lslocks shows it to root outside of containers",
        )
    command = plain(shlex.join(arguments(pid)))
    if len(command) > _LONGEST_COMMAND:
        command = f"{command[:_LONGEST_COMMAND]}..."
    since = time.strftime("%H:%M:%S", time.localtime(started_s(pid)))
    return TracerError(
        f"{what}: process {pid}, started at {since}, holds {LOCK}: {command}",
        f"wait for its end, or end it with what it runs, there: kill -HUP {pid}",
    )


def holder() -> int | None:
    """The process that holds the lock, of several the one that started first: a worker before the
    run that it has started. None where /proc does not show it."""
    holders = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdecimal()]
    return min(filter(_holds, holders), key=started_s, default=None)


def _holds(pid: int) -> bool:
    """Whether one of its descriptors is the lock, taken, and not only waited for."""
    with contextlib.suppress(OSError):
        for fd in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if fd.readlink() == LOCK:
                    about = lines_of(f"/proc/{pid}/fdinfo/{fd.name}")
                    if any(line.startswith("lock:") for line in about):
                        return True
    return False
