"""Limits of this system and what is left of them: descriptors, threads, memory, memory areas.

Read before a run starts, so that one that cannot fit is refused with the limit's name instead of
failing half-way. Reads only.

workloads/native/src/culprit.rs reads some of these limits again when a run fails nevertheless: it
does so while the threads still exist, and tracer learns of the failure when they are gone.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.cgroups import own_groups
from tracer.host.files import fields_of, number_in, text_of
from tracer.host.user import has_capability, target_uid
from workloads import Needs

_PROC = Path("/proc")
_NO_LIMIT = 1 << 60  # version 1 writes a number about 2^63 for "no limit"
#: After the numbers have wrapped around the kernel reuses none below this (kernel/pid.c).
_RESERVED_PIDS = 300
#: With a larger pid_max it does not matter which numbers are in use.
_MANY_PIDS = 1 << 17


@dataclass(frozen=True)
class Limit:
    """One limit: `left` of `value` are free (in the resource's own unit); `remedy` raises it."""

    resource: str
    name: str
    value: int
    left: int
    remedy: str

    def raised_to(self, needed: int) -> str:
        """What to type so that `needed` of it are left."""
        return self.remedy.replace("NUMBER", str(self.value - self.left + needed))


#: The resources by name, as a reader calls them.
WHAT = {
    "descriptors": "open files",
    "threads": "threads",
    "areas": "memory areas",
    "watches": "files watched by epoll",
    "memory_bytes": "bytes of memory",
    "virtual_bytes": "bytes of address space",
    "committed_bytes": "bytes of committed memory",
}


def _hard(which: int, option: str) -> tuple[int | None, str]:
    """A hard limit (None: there is none) and the command that raises it for a shell."""
    _soft, hard = resource.getrlimit(which)
    who = "" if os.geteuid() or has_capability("CAP_SYS_RESOURCE") else " (with CAP_SYS_RESOURCE)"
    remedy = f"sudo prlimit --pid $$ --{option}=NUMBER:NUMBER{who}"
    return None if hard == resource.RLIM_INFINITY else hard, remedy


def _handed_down() -> int:
    """Descriptors that a child of this process inherits beside the standard streams."""
    count = 0
    for entry in (_PROC / "self/fd").iterdir():
        with contextlib.suppress(OSError):
            count += int(entry.name) > 2 and os.get_inheritable(int(entry.name))
    return count


def _descriptors(uid: int) -> Iterator[Limit]:
    hard, remedy = _hard(resource.RLIMIT_NOFILE, "nofile")
    if hard is not None:
        most = number_in(_PROC / "sys/fs/nr_open")
        if most is not None and hard >= most:
            remedy = f"sudo sysctl fs.nr_open=NUMBER; {remedy}"
        yield Limit("descriptors", "RLIMIT_NOFILE (hard)", hard, hard - _handed_down(), remedy)
    files = text_of(_PROC / "sys/fs/file-nr").split()
    if uid and len(files) == 3:  # the kernel lets root pass
        used, _free, most = map(int, files)
        yield Limit("descriptors", "fs.file-max", most, most - used,
                    "sudo sysctl fs.file-max=NUMBER")  # fmt: skip
    watches = number_in(_PROC / "sys/fs/epoll/max_user_watches")
    if watches is not None:
        yield Limit("watches", "fs.epoll.max_user_watches", watches, watches,
                    "sudo sysctl fs.epoll.max_user_watches=NUMBER")  # fmt: skip


def _threads_of(uid: int) -> int:
    """Threads whose real user is `uid`, as far as /proc shows them."""
    total = 0
    for path in _PROC.glob("[0-9]*/status"):
        status = fields_of(path)
        if status.get("Uid", "").split()[:1] == [str(uid)]:
            total += int(status.get("Threads", 0))
    return total


def _tids_in_use(most: int) -> int:
    """Number of threads whose tid lies in the range that the kernel reuses."""
    tids = (int(path.name) for path in _PROC.glob("[0-9]*/task/[0-9]*"))
    return sum(_RESERVED_PIDS <= tid < most for tid in tids)


def _threads(uid: int) -> Iterator[Limit]:
    load = re.search(r"\d+/(\d+)", text_of(_PROC / "loadavg"))
    running = int(load[1]) if load else 0
    most = number_in(_PROC / "sys/kernel/threads-max")
    if most is not None:
        yield Limit("threads", "kernel.threads-max", most, most - running,
                    "sudo sysctl kernel.threads-max=NUMBER")  # fmt: skip
    most = number_in(_PROC / "sys/kernel/pid_max")
    if most is not None:
        used = running if most > _MANY_PIDS else _tids_in_use(most)
        left = most - _RESERVED_PIDS - used
        yield Limit("threads", "kernel.pid_max", most, left, "sudo sysctl kernel.pid_max=NUMBER")
    if uid:  # the kernel lets root pass
        hard, remedy = _hard(resource.RLIMIT_NPROC, "nproc")
        if hard is not None:
            yield Limit("threads", "RLIMIT_NPROC (hard)", hard, hard - _threads_of(uid), remedy)


def _group_remedy(directory: Path, path: Path) -> str:
    """The command that raises the limit in this file; systemd overwrites what others write."""
    if path.name == "pids.max" and directory.suffix in (".slice", ".scope", ".service"):
        return f"sudo systemctl set-property --runtime {directory.name} TasksMax=NUMBER"
    return f"echo NUMBER | sudo tee {path}"


def _control_groups() -> Iterator[Limit]:
    files = (
        ("threads", "pids.max", "pids.current"),
        ("memory_bytes", "memory.max", "memory.current"),
        ("memory_bytes", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    )
    for directory in own_groups():
        for what, most, used in files:
            path = directory / most
            value = number_in(path)
            if value is not None and value < _NO_LIMIT:
                left = value - (number_in(directory / used) or 0)
                yield Limit(what, str(path), value, left, _group_remedy(directory, path))


def _memory() -> Iterator[Limit]:
    areas = number_in(_PROC / "sys/vm/max_map_count")
    if areas is not None:
        remedy = "sudo sysctl vm.max_map_count=NUMBER"
        yield Limit("areas", "vm.max_map_count", areas, areas, remedy)
    hard, remedy = _hard(resource.RLIMIT_AS, "as")
    if hard is not None:
        yield Limit("virtual_bytes", "RLIMIT_AS (hard)", hard, hard, remedy)
    found = meminfo()
    if "MemAvailable" in found:
        yield Limit("memory_bytes", "memory of this machine", found.get("MemTotal", 0),
                    found["MemAvailable"], "a machine with more memory")  # fmt: skip
    if number_in(_PROC / "sys/vm/overcommit_memory") == 2 and "CommitLimit" in found:
        left = found["CommitLimit"] - found["Committed_AS"]
        yield Limit("committed_bytes", "vm.overcommit_memory=2", found["CommitLimit"], left,
                    "sudo sysctl vm.overcommit_memory=0")  # fmt: skip


def meminfo() -> dict[str, int]:
    """/proc/meminfo in bytes by name; empty where it cannot be read."""
    values = {name: value.split() for name, value in fields_of(_PROC / "meminfo").items()}
    return {name: int(words[0]) << 10 for name, words in values.items() if words[1:] == ["kB"]}


def limits(uid: int) -> list[Limit]:
    """Every limit that can be read, for a workload that runs as `uid`."""
    return [*_descriptors(uid), *_threads(uid), *_memory(), *_control_groups()]


def remarks() -> list[str]:
    """Limits that seem to matter, and why they do not."""
    soft, _hard_stack = resource.getrlimit(resource.RLIMIT_STACK)
    named = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft >> 10:,} KiB"
    found = [
        f"RLIMIT_STACK ({named}) does not bind: the workloads' threads have stacks of their own"
        " size, 1 MiB, which take address space and no memory until they are touched"
    ]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        found.append(f"RLIMIT_NOFILE (soft, {soft:,}) does not bind: tracer raises it to the hard"
                     " one for the workload")  # fmt: skip
    mode = number_in(_PROC / "sys/vm/overcommit_memory")
    if mode in (0, 1):
        found.append(f"vm.overcommit_memory={mode} does not bind: untouched stacks are not counted")
    return found


def most_tasks(needs: Needs, limit: Limit) -> int | None:
    """The largest number of tasks that `limit` allows; None when it does not bind."""
    per_task, fixed = getattr(needs, limit.resource)
    if per_task:
        return int(max((limit.left - fixed) // per_task, 0))
    return 0 if fixed > limit.left else None


def binding(needs: Needs, known: Sequence[Limit]) -> tuple[int, Limit] | None:
    """The largest number of tasks that fits, and the limit that allows no more; None: any."""
    found = [(most, limit) for limit in known if (most := most_tasks(needs, limit)) is not None]
    return min(found, key=lambda pair: pair[0]) if found else None


def require(needs: Needs, tasks: int, known: Sequence[Limit] | None = None) -> None:
    """TracerError (exit status 2) when `tasks` tasks do not fit, with the limit that binds."""
    found = binding(needs, limits(target_uid()) if known is None else known)
    if found is None or found[0] >= tasks:
        return
    most, limit = found
    per_task, fixed = getattr(needs, limit.resource)
    needed = per_task * tasks + fixed
    raise TracerError(
        f"{tasks:,} tasks need about {needed:,} {WHAT[limit.resource]}; {limit.name} is"
        f" {limit.value:,} and leaves {limit.left:,}",
        f"--tasks {most} fits; or raise the limit: {limit.raised_to(needed)}",
        exit_code=2,
    )
