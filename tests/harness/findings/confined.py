"""Threads that queue for one CPU while another is idle, and threads that have all they can use."""

from typing import Any

from harness.findings import run
from harness.findings._locks import futex
from harness.findings.priority_inversion import FIRES as INVERSIONS

S = 1_000_000_000


def _run(
    behind_ns: int,
    idle_ns: int,
    online: int = 2,
    cpus: Any = None,
    part: str = "preempted",
    **allowed: Any,
) -> dict[str, Any]:
    allowed = {"start": [0, 1], "end": [0], "threads": 5, "narrowed": 0, "narrowed_to": [],
               "narrowed_ns": None, **allowed}  # fmt: skip
    return run(
        3 * S,
        {part: behind_ns},
        target={"allowed_cpus": allowed, "cpus": list(range(online)) if cpus is None else cpus},
        host={"online_cpus": list(range(online))},
        ledgers={
            "wall": {"behind_own_ns": behind_ns, "parts": {part: behind_ns}},
            "cpu": {"parts": {"idle": idle_ns}},
        },
    )


_OWN = {"narrowed": 5, "narrowed_to": [0], "narrowed_ns": 870_000}
FIRES = [
    _run(2 * S, 3 * S, **_OWN),
    _run(2 * S, 3 * S, start=[0]),
    _run(2 * S, S, 8, start=[0, 1, 2, 3, 4, 5]),
]
SILENT = [
    _run(2 * S, 3 * S),
    _run(2 * S, S // 10, **_OWN),
    _run(S // 10, 3 * S, **_OWN),
    _run(2 * S, 3 * S, start=[0], cpus=[0]),  # --cpus
    _run(2 * S, 3 * S, start=[0], part="wakeup:queued"),  # they hand over to each other
    {**_run(2 * S, 3 * S, **_OWN), **futex(*INVERSIONS[0]["futex"]["locks"])},
]
