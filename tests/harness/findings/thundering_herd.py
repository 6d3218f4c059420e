"""Threads that are all woken for each connection; one that accepts until there is none."""

from typing import Any

from harness.findings import call, run
from harness.findings._locks import row
from harness.findings._waits import rows, wait

S, MS = 1_000_000_000, 1_000_000


def _run(made: int, vain: int, threads: int, **more: Any) -> dict[str, Any]:
    group = row(name="worker-*", threads=threads, idle=0, idle_ns=0, parts={"blocked:poll": S})
    accepts = call("accept4", "io", made, 300 * MS, 300 * MS, errors={"EAGAIN": vain})
    waits = call("epoll_wait", "poll", made, 9 * S, 500 * MS)
    return run(3 * S, thread_groups=[group], syscalls=[accepts, waits], **more)


def _woken(slept: int, voluntary: int, **more: Any) -> dict[str, Any]:
    """The calls look again by themselves: no accept fails."""
    slept_row = wait("epoll_wait", "poll", slept, 3_000_000, group="worker-*", threads=8)
    found = _run(3_000, 0, 8, waits=rows(slept_row), **more)
    return {**found, "thread_groups": [{**found["thread_groups"][0], "voluntary": voluntary}]}


FIRES = [_run(40_000, 35_000, 8), _run(400, 300, 3), _woken(3_100, 15_500)]
SILENT = [
    _woken(3_100, 3_150),
    _run(20_000, 10_000, 8),  # they accept until there is none
    _run(40_000, 35_000, 1),
    _run(100, 90, 8),
    run(syscalls=None),
    run(),
]
