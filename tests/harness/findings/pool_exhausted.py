"""Four threads of libuv that read slow FIFOs, eight of them, and threads that are no pool."""

from harness.findings import run
from harness.findings._waits import on, rows, wait

MS = 1_000_000
_PIPES = [on("pipe", "a"), on("pipe", "b"), on("pipe", "c"), on("pipe", "d")]


def _reads(threads: int, span_ns: int, of_pool: int, **more: object) -> dict[str, object]:
    kind = {"threads": threads, "span_ns": span_ns, "of_pool": of_pool, "group": "libuv-worker"}
    return wait("openat", "io", 40, 250 * MS, **{**kind, "descriptors": _PIPES, **more})  # type: ignore[arg-type]


def _run(row: dict[str, object]) -> dict[str, object]:
    return run(2700 * MS, {"sleep": 2500 * MS}, waits=rows(row))


FIRES = [
    _run(_reads(4, 2530 * MS, 4)),
    _run(_reads(4, 2700 * MS, 4, group="worker", descriptors=[])),
]
SILENT = [
    _run(_reads(8, 2530 * MS, 8)),
    _run(_reads(4, 2530 * MS, 0)),  # threads that wait for no work: readers
    _run(_reads(4, 2530 * MS, 4, descriptors=[on("tcp", own_port=80, peer_port=40000)])),
    _run({**_reads(4, 2530 * MS, 4), "class": "futex", "call": "futex"}),
    _run(_reads(1, 10_000 * MS, 1)),
]
