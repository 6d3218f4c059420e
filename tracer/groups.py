"""The control groups that this process is in, version 1 and 2. Nothing here changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_ROOT = Path("/sys/fs/cgroup")


def number(path: Path) -> int | None:
    """The number in a file; None for `max`, for no number, or where it cannot be read."""
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def groups() -> Iterator[Path]:
    """Directories of this process's control groups and of all their ancestors."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",") if controllers else ["", "unified"]
        for base in (_ROOT / name for name in names):
            directory = base / path.lstrip("/")
            if directory.is_dir():
                yield from (d for d in (directory, *directory.parents) if d.is_relative_to(base))
                break


def versions() -> str:
    """`v2`, `v1`, or `v1, v2 beside it`."""
    if (_ROOT / "cgroup.controllers").exists():
        return "v2"
    if not _ROOT.is_dir() or not any(_ROOT.iterdir()):
        return "none"
    beside = (_ROOT / "unified" / "cgroup.controllers").exists()
    return "v1, v2 beside it" if beside else "v1"


def kernel_bytes() -> int | None:
    """Kernel memory charged to this process's own group; None where it is not counted."""
    for directory in groups():
        if (directory / "memory.kmem.usage_in_bytes").exists():
            return number(directory / "memory.kmem.usage_in_bytes")
        try:
            lines = (directory / "memory.stat").read_text().splitlines()
        except OSError:
            continue
        found = dict(line.split()[:2] for line in lines)
        if "kernel" in found:  # since 5.18 (commit a8c49af3be5f)
            return int(found["kernel"])
    return None


def quota() -> tuple[Path, str] | None:
    """The file of the group that may not use all the CPUs, and its content; None without one."""
    for directory in groups():
        for name in ("cpu.max", "cpu.cfs_quota_us"):
            path = directory / name
            try:
                text = " ".join(path.read_text().split())
            except OSError:
                continue
            if not text.startswith(("max", "-1")):
                return path, text
    return None
