"""A JVM whose threads wait for one that computes; one that stops at once; no JVM."""

from harness.findings import run
from harness.findings._waits import group, rows, wait

MS = 1_000_000
_NAPS = wait("clock_nanosleep", "sleep", 1600, MS, "timer", group="VM Thread")
_SERVER = wait("futex", "futex", 7, 230 * MS, group="server")
_GROUPS = [
    group("cruncher", user=2900 * MS, preempted=100 * MS),
    group("server", user=40 * MS, blocked__futex=2900 * MS),
    group("C* CompilerThre", user=3000 * MS),
]


def _run(*found: dict[str, object]) -> dict[str, object]:
    path = {"sleep": 1600 * MS}
    return run(3200 * MS, path, waits=rows(*found), thread_groups=_GROUPS)


_JOIN = wait("futex", "futex", 2, 3000 * MS, group="main")
_ONCE = wait("futex", "futex", 1, 1500 * MS, group="server")
FIRES = [_run(_NAPS, _SERVER), _run(_JOIN, _NAPS, _SERVER), _run(_NAPS, _ONCE)]
SILENT = [
    _run(_SERVER),
    _run(_NAPS, wait("futex", "futex", 2400, MS, "timer", "timed_out", group="server")),
    _run(_NAPS, _JOIN),
    _run({**_NAPS, "total_ns": 100 * MS}, _SERVER),
    run(),
]
