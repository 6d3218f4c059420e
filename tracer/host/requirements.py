"""What tracer needs of the kernel it runs on."""

from __future__ import annotations

import re
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.files import lines_of

#: Atomics with a result: commit 5ffa25502b5a ("bpf: Add instructions for atomic_[cmp]xchg"), 5.12.
_OLDEST_KERNEL = (5, 12)


def is_too_old(release: str) -> bool:
    """Whether a kernel of this release, as in `uname -r`, cannot run the programs."""
    match = re.match(r"(\d+)\.(\d+)", release)
    return match is not None and (int(match[1]), int(match[2])) < _OLDEST_KERNEL


_PROC = Path("/proc")
#: Inode numbers of the first namespaces, PROC_PID_INIT_INO and PROC_TIME_INIT_INO: fixed since
#: Linux 3.8, commit 98f842e675f9, and 5.6, commit 769071ac9f20.
_FIRST_PID, _FIRST_TIME = 0xEFFFFFFC, 0xEFFFFFFA


def namespace_error() -> TracerError | None:
    """Why tracer cannot work in the namespaces it is in; None where it can.

    The BPF programs see the thread numbers and the monotonic clock of the host.
    """
    if not (_is_first("pid", _FIRST_PID) and _is_first("pid_for_children", _FIRST_PID)):
        return TracerError(
            "tracer, or what it would start, is in a PID namespace of its own, as in a container:"
            " the kernel's events have the numbers of the host, which are other ones",
            "run tracer on the host: tracer attach --cgroup PATH takes a whole container; or start"
            " the container with the host's numbers (docker run --pid=host)",
        )
    shift_s = 0 if _is_first("time", _FIRST_TIME) else _monotonic_shift_s()
    if shift_s:
        return TracerError(
            f"tracer is in a time namespace whose clock is shifted by {shift_s:g} s: its times"
            " and those of the kernel's events do not agree",
            "run tracer outside of it, on the host; it can attach to programs inside",
        )
    return None


def require_first_namespaces() -> None:
    """TracerError where tracer is in a PID namespace, or in a time namespace with another clock."""
    error = namespace_error()
    if error is not None:
        raise error


def _is_first(kind: str, number: int) -> bool:
    """Whether this process is in the first namespace of its kind, or the kernel has no other."""
    link = _PROC / "self/ns" / kind
    try:
        return link.stat().st_ino == number
    except OSError:  # a PID namespace for children that has no process yet cannot be followed to
        return not link.is_symlink()


def _monotonic_shift_s() -> float:
    """What this time namespace adds to CLOCK_MONOTONIC (time_namespaces(7))."""
    for line in lines_of(_PROC / "self/timens_offsets"):
        clock, *numbers = line.split()
        if clock in ("monotonic", "1"):
            return int(numbers[0]) + int(numbers[1]) / 1e9
    return 0.0
