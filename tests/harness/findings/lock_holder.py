"""A thread that waits for Python's lock beside one that computes; idle and short waits."""

from harness.findings import run
from harness.findings._locks import futex, group, lock, waiter

S, MS = 1_000_000_000, 1_000_000
_ANSWER = waiter("answer", 673, 2_546 * MS, waits=796, timed_out=496, timed_ns=2_539 * MS)
_GIL = lock(_ANSWER, "compute", kind="GIL", where="GIL: _PyRuntime + 0x1b0",
            holder_ran_ns=2_500 * MS, holder_ready_ns=20 * MS, wakes=692)  # fmt: skip
_MUTEX = lock(waiter("request", 105, 637 * MS), "janitor", where=None, holder_ran_ns=66 * MS,
              holder_ready_ns=572 * MS)  # fmt: skip
FIRES = [
    run(3 * S, **futex(_GIL)),
    run(3 * S, **futex(lock(waiter("x", 9, MS), "y"), _MUTEX)),
    run(3 * S, **futex({**_MUTEX, "holder_ready_ns": 5, "holder_ran_ns": 6})),
]
SILENT = [
    run(),
    run(3 * S, **futex(lock(waiter("answer", 3, 117_000), "python3"))),
    run(3 * S, **futex(lock(waiter("main", 1, 3 * S), "worker"))),  # one wait is no pattern
    run(3 * S, **futex({**_MUTEX, "holders": []})),
    run(3 * S, **futex({**_MUTEX, "instead": [group("batch", 2 * S)]})),  # an inversion
]
