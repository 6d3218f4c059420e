"""A request in two small writes, with and without TCP_NODELAY; timers that are no ACK."""

from harness.findings import run
from harness.findings._waits import on, rows, wait

MS = 1_000_000
_SERVER = [on("tcp", own_port=7000, peer_port=40000)]
_REMOTE = [on("tcp", own_port=7000, peer_port=40000, peer="10.0.0.7")]
_CLIENT = [on("tcp", own_port=40000, peer_port=7000)]


def _run(*found: dict[str, object]) -> dict[str, object]:
    return run(2640 * MS, {"sleep": 2600 * MS}, waits=rows(*found))


_HELD = wait("recvfrom", "io", 59, 44 * MS, "timer", descriptors=_SERVER, group="python3")
_ANSWERED = wait("recvfrom", "io", 60, 43 * MS, descriptors=_CLIENT, pid=4712, group="client")
FIRES = [
    _run(_HELD, _ANSWERED),
    _run(wait("recvfrom", "io", 59, 44 * MS, "softirq", descriptors=_SERVER)),
    _run(wait("poll", "poll", 10, 205 * MS, "timer", descriptors=_SERVER)),
]
SILENT = [
    _run(_ANSWERED, wait("recvfrom", "io", 60, 20_000, descriptors=_SERVER)),
    _run(wait("recvfrom", "io", 59, 44 * MS, "softirq", descriptors=_REMOTE)),
    _run(wait("recvfrom", "io", 59, 44 * MS, "timer", "timed_out", descriptors=_SERVER)),
    _run(wait("read", "io", 59, 44 * MS, "timer", descriptors=[on("timerfd")])),
    _run(wait("recvfrom", "io", 59, 100 * MS, "timer", descriptors=_SERVER)),
    run(),
]
