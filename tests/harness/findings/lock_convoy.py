"""Threads that hand a lock from one to the next, and two that do not queue."""

from harness.findings import run
from harness.findings._locks import futex, lock, waiter
from harness.findings._waits import group

S, MS = 1_000_000_000, 1_000_000


def _queue(threads: int, asleep_ns: int) -> dict[str, object]:
    all_of_them = waiter("worker-*", 400_000, asleep_ns, threads=threads)
    longest = waiter("worker-*", 26_000, asleep_ns // threads)
    return futex({**lock(all_of_them, "worker-*"), "longest": longest})


def _requests(asleep_ns: int) -> dict[str, object]:
    """A thread for each request, that has the lock while it sleeps."""
    each = waiter("server", 866, asleep_ns, threads=814)
    asleep = {"holder_ran_ns": asleep_ns // 50}
    locked = {**lock(each, "server", **asleep), "longest": waiter("server", 3, 60 * MS)}
    lives = [group("server", threads=873, blocked__futex=asleep_ns, user=8 * S)]
    return {**futex(locked), "thread_groups": lives}


FIRES = [
    run(10 * S, **_queue(16, 120 * S)),
    run(10 * S, **_queue(3, 6 * S)),
    run(3 * S, **_requests(17 * S)),
]
SILENT = [
    run(10 * S, **_queue(2, 12 * S)),
    run(10 * S, **_queue(16, 5 * MS)),
    run(3 * S, **_requests(S // 2)),
    run(10 * S, **futex(lock(waiter("reader", 900, 6 * S, threads=4), "writer"))),
    run(),
]
