"""What tracer needs of the host it runs on: each condition that is not met, with what to do.

Everything here is read from files, so that a command is refused before it does or prints anything.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.files import fields_of, line_of, lines_of
from tracer.host.user import require_rights

#: The first kernel with BPF atomics with a result: commit 5ffa25502b5a ("bpf: Add instructions for
#: atomic_[cmp]xchg"), 5.12; in the compiler for aarch64: 1902472b4fa9 ("bpf, arm64: Support more
#: atomic operations"), 5.18.
OLDEST_KERNELS = {"x86_64": (5, 12), "aarch64": (5, 18)}

_PROC, _SYS = Path("/proc"), Path("/sys")
#: Inode numbers of the first namespaces, PROC_PID_INIT_INO, PROC_USER_INIT_INO and
#: PROC_TIME_INIT_INO: fixed since Linux 3.8, commit 98f842e675f9, and 5.6, commit 769071ac9f20.
_FIRST_PID, _FIRST_USER, _FIRST_TIME = 0xEFFFFFFC, 0xEFFFFFFD, 0xEFFFFFFA
_FILTERED = "2"  # Seccomp in /proc/PID/status


def require_host() -> None:
    """TracerError where tracer cannot work on this host, or not with the rights of this user."""
    require_conditions()
    require_rights()


def require_conditions() -> None:
    """TracerError where tracer cannot work on this host, whoever runs it."""
    for error in host_errors():
        raise error


def host_errors() -> Iterator[TracerError]:
    """Why tracer cannot work on this host, whoever runs it; nothing where it can."""
    for error in (kernel_error(), namespace_error(), lockdown_error(), btf_error()):
        if error is not None:
            yield error


# ---- the kernel ----


def is_too_old(release: str, machine: str = "x86_64") -> bool:
    """Whether a kernel of this release, as in `uname -r`, cannot run the programs."""
    match = re.match(r"(\d+)\.(\d+)", release)
    oldest = OLDEST_KERNELS.get(machine, (0, 0))
    return match is not None and (int(match[1]), int(match[2])) < oldest


def kernel_error() -> TracerError | None:
    """A kernel that is too old, or of a machine that tracer does not know."""
    release, machine = platform.release(), platform.machine()
    if machine not in OLDEST_KERNELS:
        return TracerError(
            f"tracer knows the system calls of {' and '.join(OLDEST_KERNELS)}, not of {machine}",
            "run it on one of these",
        )
    if not is_too_old(release, machine):
        return None
    needed = "{}.{}".format(*OLDEST_KERNELS[machine])
    where = "" if machine == "x86_64" else f" on {machine}"
    return TracerError(
        f"Linux {release} is too old: tracer's BPF programs need {needed} or newer{where}, whose"
        " compiler (JIT) knows atomic operations with a result",
        "run it on a newer kernel",
    )


def lockdown_error() -> TracerError | None:
    """The kernel is locked down for confidentiality, as far as it says so."""
    return locked_down() if lockdown() == "confidentiality" else None


def locked_down() -> TracerError:
    """That the kernel is locked down for confidentiality."""
    return TracerError(
        "this kernel is locked down for confidentiality (/sys/kernel/security/lockdown): it lets no"
        " BPF program read its memory, and tracer reads the kernel's tasks",
        "boot without lockdown=confidentiality; lockdown=integrity, which Secure Boot sets, is"
        " enough for tracer",
    )


def lockdown() -> str:
    """The mode in force: none, integrity, confidentiality; empty where securityfs is not there."""
    text = line_of(_SYS / "kernel/security/lockdown")
    return (re.search(r"\[(\w+)\]", text) or ["", text])[1]


def btf_error() -> TracerError | None:
    """The kernel has no type information of its own."""
    path = _SYS / "kernel/btf/vmlinux"
    if path.exists():
        return None
    return TracerError(
        f"no kernel type information at {path}: tracer takes the places of all that it reads from"
        " there",
        "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions' are; in a container"
        " /sys must be mounted",
    )


# ---- namespaces ----


def namespace_error() -> TracerError | None:
    """Why tracer cannot work in the namespaces it is in; None where it can.

    The BPF programs see the thread numbers and the monotonic clock of the host, and its rights.
    """
    if not (_is_first("pid", _FIRST_PID) and _is_first("pid_for_children", _FIRST_PID)):
        return TracerError(
            "tracer, or what it would start, is in a PID namespace of its own, as in a container:"
            " the kernel's events have the numbers of the host, which are other ones",
            "run tracer on the host: tracer attach --cgroup PATH takes a whole container; or start"
            " the container with the host's numbers (docker run --pid=host)",
        )
    if not _is_first("user", _FIRST_USER):
        return TracerError(
            "tracer is in a user namespace of its own, as in a rootless container: its root has no"
            " rights on the host, so the kernel loads no BPF program for it",
            "run tracer on the host, as the host's root: tracer attach --cgroup PATH takes a whole"
            " container",
        )
    shift_s = 0 if _is_first("time", _FIRST_TIME) else _monotonic_shift_s()
    if shift_s:
        return TracerError(
            f"tracer is in a time namespace whose clock is shifted by {shift_s:g} s: its times"
            " and those of the kernel's events do not agree",
            "run tracer outside of it, on the host; it can attach to programs inside",
        )
    return None


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


# ---- what shows only when it is tried ----


def why_forbidden() -> str:
    """What to do where the kernel refuses bpf(2) although no condition above is unmet."""
    if fields_of(_PROC / "self/status").get("Seccomp") == _FILTERED:
        return (
            "a seccomp filter is on this process, as in a container, and may forbid bpf(2): run"
            " tracer on the host, or start the container without it (docker run --security-opt"
            " seccomp=unconfined)"
        )
    return "is BPF allowed here? root or CAP_BPF + CAP_PERFMON is needed"
