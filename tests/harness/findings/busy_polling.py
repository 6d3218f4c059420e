"""Polls that find nothing: of the kernel for a ring, of epoll, of a socket; and such that sleep."""

from harness.findings import call, run
from harness.findings._waits import group

S = 1_000_000_000
MS = 1_000_000


def _ring(ns: int, *submitted: int) -> dict[str, object]:
    ways = {"poll": 0, "worker": 0, "later": 0}
    operations = [
        {"name": "nop", "submitted": n, "completed": {"inline": n, **ways}, "failed": 0,
         "latency_ns": _TIMES}
        for n in submitted
    ]  # fmt: skip
    ring = {
        "enters": 0, "submitted_by_enters": 0, "enters_per_completion": None, "waits": 0,
        "task_work": {"runs": 0, "items": 0}, "local_work": {"runs": 0, "items": 0},
        "further_completions": 0, "overflows": 0, "untracked": 0, "operations": operations,
    }  # fmt: skip
    groups = [group("main", user=16 * MS), group("iou-sqp-77", kernel_workers=ns)]
    found = {"io_uring": ring} if submitted else {}
    return run(3 * S, {"sleep": 2900 * MS}, thread_groups=groups, **found)


_TIMES = {"count": 0, "mean": None, "p50": None, "p90": None, "p99": None, "max": None}


def _polls(calls: int, on_cpu_ns: int, events: int, total_ns: int = 0) -> dict[str, object]:
    row = call("epoll_wait", "poll", calls, total_ns or on_cpu_ns, on_cpu_ns, events=events)
    return run(3 * S, {"syscall:poll": S}, syscalls=[row])


_AGAIN = call("recvfrom", "io", 900_000, S, S, errors={"EAGAIN": 890_000})
FIRES = [
    _ring(2930 * MS, 287),
    _ring(2930 * MS),
    _polls(1_000_000, S, 1000),
    run(3 * S, {"syscall:io": S}, syscalls=[_AGAIN]),
]
SILENT = [
    _ring(2930 * MS, 500_000),
    _ring(200 * MS, 287),
    _polls(1_000_000, S, 1_000_000),
    _polls(1000, 5 * MS, 0, 3 * S),
    run(3 * S, syscalls=[{**_AGAIN, "errors": {"EAGAIN": 90_000}}]),
    run(syscalls=None),
]
