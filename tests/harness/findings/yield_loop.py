"""Threads at a barrier that yield, and threads that were pushed off their CPU."""

from harness.findings import call, run
from harness.findings._locks import row

S = 1_000_000_000


def _switches(yielded: int, involuntary: int) -> dict[str, object]:
    switches = {"voluntary": 5, "involuntary": involuntary, "yielded": yielded}
    return {"switches": {**switches, "per_unit": None}}


_PATH = {"yielded": 2 * S, "syscall:process": S}
_ALL = {"user": 3 * S, "syscall:process": 4 * S, "yielded": 6 * S}
_YIELDS = call("sched_yield", "process", 1_130_000, 9 * S, 3 * S)
_GROUPS = [
    row(name=name, threads=n, idle=0, idle_ns=0, parts={"yielded": ns})
    for name, n, ns in (("blas-*", 3, 5 * S), ("yield", 1, S), ("logger", 1, S // 100))
]
FIRES = [
    run(
        5 * S,
        _PATH,
        _ALL,
        sched=_switches(1_100_000, 1_110_000),
        syscalls=[_YIELDS],
        thread_groups=_GROUPS,
    ),
    run(5 * S, _PATH, _ALL, sched=_switches(1_100_000, 1_110_000), syscalls=[_YIELDS]),
    run(5 * S, _PATH, _ALL, sched=_switches(1_100_000, 1_110_000), syscalls=None),
]
SILENT = [
    run(5 * S, {"preempted": 2 * S}, _ALL, sched=_switches(40, 1_110_000)),
    run(5 * S, _PATH, _ALL, sched=_switches(400_000, 1_110_000)),
    run(5 * S, _PATH, _ALL, sched=None),
]
