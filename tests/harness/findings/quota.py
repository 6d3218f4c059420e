"""A group with a quota of 0.3 CPUs, and runs in which it was not in the way."""

from harness.findings import run

S = 1_000_000_000
_QUOTA = {"group": "/sys/fs/cgroup/cpu/batch", "cpus": 0.3, "periods": 33,
          "throttled_periods": 13, "throttled_ns": 1_100_000_000,
          "period_ns": 100_000_000}  # fmt: skip


def _run(held_ns: int, *quotas: object) -> dict[str, object]:
    path = {"preempted": S, "sleep": S}
    return run(3 * S, path, host={"quotas": list(quotas)}, ledgers={"wall": {"held_ns": held_ns}})


FIRES = [
    _run(830_000_000, {name: _QUOTA[name] for name in _QUOTA if name != "period_ns"}),
    _run(830_000_000, _QUOTA),
    _run(830_000_000, {**_QUOTA, "group": "/a", "throttled_ns": 1}, _QUOTA),
]
SILENT = [
    _run(830_000_000),
    _run(30_000_000, _QUOTA),
    _run(830_000_000, {**_QUOTA, "throttled_ns": 0}),
]
