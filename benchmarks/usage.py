"""What a process has used, from /proc."""

from __future__ import annotations

from tracer.errors import TracerError
from tracer.host.load import TICK_NS
from tracer.host.processes import descendants, stat_fields

#: utime and stime, then cutime and cstime: fields 14 to 17 of proc_pid_stat(5), whose third is the
#: first of `stat_fields`.
_OWN, _WITH_WAITED_FOR = slice(11, 13), slice(11, 15)


def cpu_ns(pid: int) -> int:
    """CPU time of a process's threads, ns in whole clock ticks; TracerError where it has ended."""
    fields = stat_fields(f"/proc/{pid}")
    if not fields:
        raise TracerError(f"process {pid} has ended early")
    return TICK_NS * sum(map(int, fields[_OWN]))


def cpu_ns_of_tree(pid: int) -> int:
    """The same with what it has forked, and with those of these that have ended."""
    fields = (stat_fields(f"/proc/{each}") for each in descendants([pid]))
    return TICK_NS * sum(sum(map(int, found[_WITH_WAITED_FOR])) for found in fields if found)
