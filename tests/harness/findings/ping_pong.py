"""Two threads that hand one byte to and fro; many threads; two that compute."""

from typing import Any

from harness.findings import run
from harness.findings._locks import row

S = 1_000_000_000


def _group(name: str, voluntary: int, threads: int = 1) -> dict[str, Any]:
    return row(name=name, threads=threads, idle=0, idle_ns=0, voluntary=voluntary)


def _run(
    waking_ns: int, *threads: dict[str, Any], interrupts: int = 100, others: int = 0
) -> dict[str, Any]:
    times = sum(thread["voluntary"] for thread in threads)
    by_kind = {"same_cpu": times // 10, "cross_cpu_idle": times - times // 10, "cross_cpu_busy": 0}
    wakeups = {"total": times + interrupts, **by_kind, "interrupt": interrupts, "pending": 0}
    switches = {"voluntary": times, "involuntary": 9, "yielded": 0, "per_unit": None}
    outside = {"hard_irq": interrupts, "other_process": others}
    sched = {"switches": switches, "wakeups": wakeups, "outside_wakers": outside}
    return {**run(3 * S, {"wakeup:idle": waking_ns}, sched=sched), "thread_groups": [*threads]}


_PING, _PONG = _group("ping", 40_000), _group("pong", 39_900)
FIRES = [
    _run(S, _PING, _PONG, _group("main", 20)),
    _run(S, _group("app", 80_001, 2), _group("logger", 12)),
]
SILENT = [
    _run(S // 20, _PING, _PONG),
    _run(S, _PING, _PONG, interrupts=200_000),
    _run(S, _PING, _PONG, others=60_000),  # two workers and their clients
    _run(S, _PING, _PONG, _group("pang", 40_000)),
    _run(S, _PING, _group("pong", 400)),
    run(),
    run(sched=None),
]
