"""A name server that does not answer, a socket's time-out; the ticks of loops."""

from harness.findings import run
from harness.findings._waits import on, rows, wait

MS = 1_000_000
_NAMES = [on("udp", own_port=40000, peer_port=53, peer="10.0.0.53")]
_DATABASE = [on("tcp", own_port=40000, peer_port=5432)]


def _run(row: dict[str, object], part: str = "timed_wait") -> dict[str, object]:
    return run(12_000 * MS, {part: 10_000 * MS}, waits=rows(row))


FIRES = [
    _run(wait("poll", "poll", 2, 5000 * MS, "timer", "timed_out", descriptors=_NAMES)),
    _run(
        wait("recvfrom", "io", 40, 250 * MS, "timer", "timed_out", descriptors=_DATABASE), "sleep"
    ),
]
SILENT = [
    _run(wait("epoll_wait", "poll", 100, 100 * MS, "timer", "timed_out",
              descriptors=[on("eventpoll")])),
    _run(wait("futex", "futex", 100, 100 * MS, "timer", "timed_out")),
    _run(wait("poll", "poll", 2, 5000 * MS, "softirq", descriptors=_NAMES)),
    _run(wait("poll", "poll", 2, 5000 * MS, "timer", "timed_out", descriptors=_NAMES,
              longest_ns=9000 * MS)),
    _run(wait("poll", "poll", 2, 5000 * MS, "timer", "timed_out", descriptors=_NAMES), "external"),
]  # fmt: skip
