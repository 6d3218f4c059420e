"""Threads that are all woken for each connection; one that accepts until there is none."""

from typing import Any

from harness.findings import call, run
from harness.findings._locks import row

S, MS = 1_000_000_000, 1_000_000


def _run(made: int, vain: int, threads: int, **more: Any) -> dict[str, Any]:
    group = row(name="worker-*", threads=threads, idle=0, idle_ns=0, parts={"blocked:poll": S})
    accepts = call("accept4", "io", made, 300 * MS, 300 * MS, errors={"EAGAIN": vain})
    waits = call("epoll_wait", "poll", made, 9 * S, 500 * MS)
    return run(3 * S, thread_groups=[group], syscalls=[accepts, waits], **more)


FIRES = [_run(40_000, 35_000, 8), _run(400, 300, 3)]
SILENT = [
    _run(20_000, 10_000, 8),  # they accept until there is none
    _run(40_000, 35_000, 1),
    _run(100, 90, 8),
    run(syscalls=None),
    run(),
]
