"""Threads that hand a lock from one to the next, and two that do not queue."""

from harness.findings import run
from harness.findings._locks import futex, lock, waiter

S, MS = 1_000_000_000, 1_000_000


def _queue(threads: int, asleep_ns: int) -> dict[str, object]:
    all_of_them = waiter("worker-*", 400_000, asleep_ns, threads=threads)
    longest = waiter("worker-*", 26_000, asleep_ns // threads)
    return futex({**lock(all_of_them, "worker-*"), "longest": longest})


FIRES = [run(10 * S, **_queue(16, 120 * S)), run(10 * S, **_queue(3, 6 * S))]
SILENT = [
    run(10 * S, **_queue(2, 12 * S)),
    run(10 * S, **_queue(16, 5 * MS)),
    run(10 * S, **futex(lock(waiter("reader", 900, 6 * S, threads=4), "writer"))),
    run(),
]
