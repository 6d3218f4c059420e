"""Other programs on its CPU, and some that ran beside it."""

from harness.findings import run

S, MS = 1_000_000_000, 1_000_000


def _other(name: str, ns: int, pid: int = 4711) -> dict[str, object]:
    return {"name": name, "pid": pid, "ns": ns}


def _run(behind_ns: int, *others: object) -> dict[str, object]:
    ledgers = {"wall": {"behind_other_ns": behind_ns}, "cpu": {"parts": {"other": 5 * S}}}
    return run(3 * S, {"preempted": 2 * S}, others=list(others), ledgers=ledgers)


_MAKE = (_other("cc1", 900 * MS), _other("cc1", 800 * MS, 4712), _other("make", 90 * MS))
FIRES = [
    _run(S, *_MAKE, _other("stress", 2 * S), _other("cron", MS)),
    _run(300 * MS, *_MAKE),
]
SILENT = [_run(100 * MS, *_MAKE), _run(S), run()]
