"""Threads of a JVM at a monitor, the same of another program, a pool that waits for work."""

from typing import Any

from harness.findings import run
from harness.findings._locks import futex
from harness.findings._waits import group

MS = 1_000_000
_JVM = [group("VM Thread"), group("worker-*", threads=4)]


def park(name: str, waker: str, slept: int, each_ns: int, threads: int = 4) -> dict[str, Any]:
    kind = {"tgid": 4711, "name": name, "waker": waker, "threads": threads}
    return {**kind, "slept": slept, "asleep_ns": slept * each_ns}


def _run(*parks: dict[str, Any], groups: Any = _JVM) -> dict[str, Any]:
    section = futex()["futex"]
    return run(2000 * MS, futex={**section, "parks": list(parks)}, thread_groups=groups)


_OWN = park("worker-*", "worker-*", 290, 5 * MS)
_WORK = park("worker-*", "main", 290, 5 * MS)
FIRES = [_run(_OWN), _run(_WORK | {"slept": 10, "asleep_ns": 3000 * MS}, _OWN)]
SILENT = [
    _run(_OWN, groups=[group("worker-*", threads=4)]),
    _run(_WORK, park("worker-*", "worker-*", 100, 5 * MS)),
    _run(park("worker-*", "worker-*", 40, 50 * MS)),
    _run(park("worker-*", "worker-*", 290, MS // 10)),
    _run(park("worker-*", "worker-*", 290, 5 * MS, threads=1)),
    _run(),
    run(),
]
