"""Control groups, version 1 and 2: those of this process, and their members. Reads only."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.files import line_of, lines_of, number_in, text_of
from tracer.model.recording import Quota

_PROC = Path("/proc")
_ROOT = Path("/sys/fs/cgroup")


#: Of more control groups quotas are not looked for.
_MOST_GROUPS = 4096


def quotas() -> dict[Path, Quota]:
    """Every control group with a CPU quota, version 1 or 2."""
    found = {}
    bases = [_ROOT] if versions() == "v2" else [_ROOT / "cpu", _ROOT / "cpu,cpuacct"]
    for base in bases:
        if not base.is_dir() or base.is_symlink():
            continue
        for at, _below, _files in islice(os.walk(base), _MOST_GROUPS):
            if (own := quota_of(Path(at))) is not None:
                found[own.group] = own
    return found


def quota_of(group: Path) -> Quota | None:
    """The CPU quota of a control group, of either version; None where it has none or is gone."""
    limit_us, period_us = [*text_of(group / "cpu.max").split(), "", ""][:2]
    if not limit_us:
        limit_us = text_of(group / "cpu.cfs_quota_us").strip()
        period_us = text_of(group / "cpu.cfs_period_us").strip()
    if not limit_us.isdecimal() or not period_us.isdecimal():  # max, -1, or gone
        return None
    stat = dict(line.split()[:2] for line in lines_of(group / "cpu.stat") if " " in line)
    throttled_ns = int(stat.get("throttled_time", 0)) or 1000 * int(stat.get("throttled_usec", 0))
    return Quota(
        group,
        int(limit_us) / int(period_us),
        int(stat.get("nr_periods", 0)),
        int(stat.get("nr_throttled", 0)),
        throttled_ns,
        1000 * int(period_us),
    )


def own_groups(process: int | str = "self") -> Iterator[Path]:
    """Directories of a process's control groups and of all their ancestors."""
    for line in lines_of(_PROC / str(process) / "cgroup", has_paths=True):
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
    for directory in own_groups():
        if (directory / "memory.kmem.usage_in_bytes").exists():
            return number_in(directory / "memory.kmem.usage_in_bytes")
        counters = dict(line.split()[:2] for line in lines_of(directory / "memory.stat"))
        # Linux 5.18, commit a8c49af3be5f ("memcg: add per-memcg total kernel memory stat")
        if "kernel" in counters:
            return int(counters["kernel"])
    return None


def quota() -> tuple[Path, str] | None:
    """The quota file of the nearest group with a CPU quota, and its content; None without one."""
    for directory in own_groups():
        for name in ("cpu.max", "cpu.cfs_quota_us"):
            path = directory / name
            text = line_of(path)
            if text and not text.startswith(("max", "-1")):
                return path, text
    return None


def cgroup_directory(path: str) -> Path:
    """The directory of a control group, version 1 or 2, from a path or a name below the mount.

    TracerError (exit status 2) when there is none.
    """
    if not path:
        raise TracerError(
            "--cgroup names no control group: is a variable empty?",
            "name a directory below /sys/fs/cgroup",
            exit_code=2,
        )
    below = path.lstrip("/")
    candidates: Sequence[Path] = [Path(path), _ROOT / below]
    if _ROOT.is_dir():
        candidates = [*candidates, *(base / below for base in sorted(_ROOT.iterdir()))]
    for directory in candidates:
        if directory.is_absolute() and (directory / "cgroup.procs").is_file():
            return directory
    raise TracerError(
        f"there is no control group {path}",
        "name a directory below /sys/fs/cgroup: the path in /proc/PID/cgroup of one process",
        exit_code=2,
    )


def members(directory: Path) -> list[int]:
    """The processes of a control group and of the groups below it, without tracer."""

    def listed() -> Iterator[int]:
        for at, _below, files in os.walk(directory):
            if "cgroup.procs" in files:
                yield from map(int, text_of(Path(at) / "cgroup.procs").split())

    return sorted({pid for pid in listed() if pid and pid != os.getpid()})
