"""Waits for answers, pipes and disks, and waits that have other names."""

from harness.findings import run
from harness.findings._waits import on, rows, wait

MS = 1_000_000
_REMOTE = [on("tcp", own_port=40000, peer_port=5432, peer="10.0.0.2")]
_LOCAL = [on("tcp", own_port=40000, peer_port=5432)]
_SERVED = [on("tcp", own_port=5432, peer_port=40000)]


_BY = {"for": "network", "call": "recvfrom", "waker": {"pid": 77, "name": "postgres"},
       "times": 100, "total_ns": 900 * MS}  # fmt: skip


def _run(*found: dict[str, object], part: str = "external", by: object = None
         ) -> dict[str, object]:  # fmt: skip
    return run(2000 * MS, {part: 1000 * MS}, waits=rows(*found), outside_waits=[by] if by else [])


FIRES = [
    _run(wait("recvfrom", "io", 100, 9 * MS, "softirq", descriptors=_REMOTE)),
    _run(wait("recvfrom", "io", 100, 9 * MS, "other_process", descriptors=_LOCAL)),
    _run(wait("poll", "poll", 100, 9 * MS, "softirq", descriptors=_REMOTE)),
    _run(wait("read", "io", 100, 9 * MS, "other_process", descriptors=[on("pipe"), on("pipe")])),
    _run(wait("read", "io", 100, 9 * MS, "softirq", descriptors=[on("file", "table.db")])),
    _run(wait("recvfrom", "io", 100, 9 * MS, "other_process", descriptors=_LOCAL), by=_BY),
    _run(wait("flock", "other", 1, 900 * MS, "other_process")),
]
SILENT = [
    _run(wait("recvfrom", "io", 100, 9 * MS, descriptors=_REMOTE)),
    _run(wait("recvfrom", "io", 100, 9 * MS, "softirq", descriptors=_SERVED)),
    _run(wait("accept4", "io", 1, 900 * MS, "softirq", descriptors=[on("tcp", own_port=80)])),
    _run(wait("epoll_wait", "poll", 100, 9 * MS, "softirq", descriptors=[on("eventpoll")])),
    _run(wait("fsync", "io", 100, 9 * MS, "softirq", descriptors=[on("file", "wal")])),
    _run(wait("nanosleep", "sleep", 100, 9 * MS, "timer"), part="sleep"),
    _run(wait("recvfrom", "io", 20, 44 * MS, "softirq", descriptors=_LOCAL)),
    _run(wait("recvfrom", "io", 9, 10 * MS, "softirq", descriptors=_REMOTE)),
]
