"""What this system has left of the things that run out: descriptors, threads, memory areas.

Read before a run starts, so that a run that cannot fit is refused with the limit's name and not
found out half-way. Nothing here changes anything.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import TracerError
from workloads import Needs

_PROC = Path("/proc")
_CGROUPS = Path("/sys/fs/cgroup")
_NO_LIMIT = 1 << 60  # version 1 writes a number about 2^63 for "no limit"


@dataclass(frozen=True)
class Limit:
    """One limit: `left` of `value` are free (in the resource's own unit); `cure` raises it."""

    resource: str
    name: str
    value: int
    left: int
    cure: str


_WHAT = {
    "descriptors": "open files",
    "threads": "threads",
    "areas": "memory areas",
    "memory_bytes": "bytes of memory",
}


def _number(path: Path) -> int | None:
    """The number in a file; None for `max`, for no number, or where it cannot be read."""
    try:
        return int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None


def _descriptors() -> Iterator[Limit]:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY:
        yield Limit(
            "descriptors", "RLIMIT_NOFILE (hard)", hard, hard,
            "ulimit -Hn NUMBER in a root shell (LimitNOFILE= of a service), up to fs.nr_open",
        )  # fmt: skip
    try:
        used, _free, most = map(int, (_PROC / "sys/fs/file-nr").read_text().split())
    except (OSError, ValueError):
        return
    yield Limit("descriptors", "fs.file-max", most, most - used, "sysctl fs.file-max=NUMBER")


def _threads(uid: int) -> Iterator[Limit]:
    try:
        running = int((_PROC / "loadavg").read_text().split()[3].split("/")[1])
    except (OSError, ValueError, IndexError):
        running = 0
    for name in ("kernel.threads-max", "kernel.pid_max"):
        value = _number(_PROC / "sys" / name.replace(".", "/"))
        if value is not None:
            yield Limit("threads", name, value, value - running, f"sysctl {name}=NUMBER")
    if uid:
        _soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        if hard != resource.RLIM_INFINITY:
            yield Limit("threads", "RLIMIT_NPROC (hard)", hard, hard,
                        "ulimit -Hu NUMBER in a root shell (LimitNPROC= of a service)")  # fmt: skip


def _groups() -> Iterator[Path]:
    """Directories of this process's control groups (version 1 and 2) and their ancestors."""
    try:
        lines = (_PROC / "self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        names = controllers.split(",") if controllers else ["", "unified"]
        for base in (_CGROUPS / name for name in names):
            directory = base / path.lstrip("/")
            if directory.is_dir():
                yield from (d for d in (directory, *directory.parents) if d.is_relative_to(base))
                break


def _cgroup() -> Iterator[Limit]:
    files = (
        ("threads", "pids.max", "pids.current"),
        ("memory_bytes", "memory.max", "memory.current"),
        ("memory_bytes", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    )
    for directory in _groups():
        for what, most, used in files:
            path = directory / most
            value = _number(path)
            if value is not None and value < _NO_LIMIT:
                left = value - (_number(directory / used) or 0)
                yield Limit(what, str(path), value, left, f"echo NUMBER > {path}")


def _memory() -> Iterator[Limit]:
    areas = _number(_PROC / "sys/vm/max_map_count")
    if areas is not None:
        yield Limit("areas", "vm.max_map_count", areas, areas, "sysctl vm.max_map_count=NUMBER")
    try:
        lines = (_PROC / "meminfo").read_text().splitlines()
    except OSError:
        return
    found = {line.split(":")[0]: int(line.split()[1]) << 10 for line in lines if " kB" in line}
    if "MemAvailable" in found:
        yield Limit("memory_bytes", "memory of this machine", found.get("MemTotal", 0),
                    found["MemAvailable"], "a machine with more memory")  # fmt: skip


def limits(uid: int) -> list[Limit]:
    """Every limit that can be read, for a workload that runs as `uid`."""
    return [*_descriptors(), *_threads(uid), *_memory(), *_cgroup()]


def most_tasks(needs: Needs, limit: Limit) -> int | None:
    """The largest number of tasks that `limit` allows; None when it does not bind."""
    per_task, fixed = getattr(needs, limit.resource)
    return max((limit.left - fixed) // per_task, 0) if per_task else None


def require(needs: Needs, tasks: int, known: list[Limit] | None = None) -> None:
    """TracerError (exit status 2) when `tasks` tasks do not fit, with the limit that binds most."""
    binding: tuple[int, Limit] | None = None
    for limit in limits(os.geteuid()) if known is None else known:
        most = most_tasks(needs, limit)
        if most is not None and most < tasks and (binding is None or most < binding[0]):
            binding = most, limit
    if binding is None:
        return
    most, limit = binding
    per_task, fixed = getattr(needs, limit.resource)
    needed = per_task * tasks + fixed
    raised = limit.value - limit.left + needed
    raise TracerError(
        f"{tasks:,} tasks need about {needed:,} {_WHAT[limit.resource]}; {limit.name} is"
        f" {limit.value:,} and leaves {limit.left:,}",
        f"--tasks {most} fits; or raise the limit: {limit.cure.replace('NUMBER', str(raised))}",
        exit_code=2,
    )
