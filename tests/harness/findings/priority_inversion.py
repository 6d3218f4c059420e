"""A janitor of nice 19 that has the lock, behind two threads that compute; the same at nice 0."""

from harness.findings import run
from harness.findings._locks import OTHER, futex, group, lock, nice, waiter

S, MS = 1_000_000_000, 1_000_000
_REQUEST = waiter("request", 11, 1_819 * MS)
_LOCK = {
    **lock(_REQUEST, "janitor", holder_ready_ns=1_811 * MS, holder_ran_ns=8 * MS),
    "holders": [group("janitor", 1_819 * MS, nice(19))],
    "instead": [group("batch-*", 2_782 * MS)],
}
_REAL_TIME = {"policy": "fifo", "nice": None, "priority": 50}
_IDLE = {"policy": "idle", "nice": 0, "priority": None}
FIRES = [
    run(3 * S, **futex(_LOCK)),
    run(3 * S, **futex({**_LOCK, "longest": waiter("request", 1, 975 * MS)})),
    run(
        3 * S,
        **futex(
            {
                **_LOCK,
                "holders": [group("janitor", 1_819 * MS, _IDLE)],
                "instead": [group("control", 2 * S, _REAL_TIME), group("x", S), group("y", S)],
            }
        ),
    ),
]
SILENT = [
    run(3 * S, **futex({**_LOCK, "instead": [], "holders": [group("janitor", S, OTHER)]})),
    run(3 * S, **futex({**_LOCK, "holder_ready_ns": 300 * MS, "holder_ran_ns": S})),
    run(3 * S, **futex({**_LOCK, "longest": waiter("request", 105, 200 * MS)})),
    run(),
]
