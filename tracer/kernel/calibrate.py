"""What a context switch, and what one traced event, costs on this host; measured before the run."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from tracer.kernel.engine import Engine
from tracer.model.histogram import Histogram

_ROUNDS = 300
_NEEDED = 100
_CALLS = 4000
_REPEATS = 5


def _ping_pong(rounds: int) -> None:
    """Two threads on one CPU wake each other through pipes."""
    here_read, here_write = os.pipe()
    there_read, there_write = os.pipe()
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})  # inherited by the new thread

    def answer() -> None:
        for _ in range(rounds):
            os.read(there_read, 1)
            os.write(here_write, b"p")

    other = threading.Thread(target=answer)
    try:
        other.start()
        for _ in range(rounds):
            os.write(there_write, b"p")
            os.read(here_read, 1)
        other.join()
    finally:
        os.sched_setaffinity(0, allowed)
        for fd in (here_read, here_write, there_read, there_write):
            os.close(fd)


def switch_cost_ns(engine: Engine) -> int | None:
    """Median time from sched_switch to the end of the switch, same CPU, same address space.

    None where the kernel has no sched_exit_tp (added in Linux 6.17): then the cost stays in the
    calls that the switches resumed, and the report says so. Takes about 10 ms.
    """
    records = engine.calibration(lambda: _ping_pong(_ROUNDS))
    if records is None:
        return None
    times = Histogram.merged(records)
    return times.percentile_ns(50) if times.count >= _NEEDED else None


def _call() -> None:
    for _ in range(_CALLS):
        os.getppid()


def _fastest_ns(work: Callable[[], None]) -> int:
    found = []
    for _ in range(_REPEATS):
        began = time.perf_counter_ns()
        work()
        found.append(time.perf_counter_ns() - began)
    return min(found)


def event_cost_ns(engine: Engine) -> float:
    """What one event adds to a thread of the target, ns: short system calls of tracer itself with
    the programs attached and without, the fastest of five; switches with --light. Takes 50 ms.
    """
    work = (lambda: _ping_pong(_ROUNDS)) if engine.light else _call
    engine.arrays.reset()
    engine.arrays.seed(threading.get_native_id())
    try:
        engine.attach()
        before = engine.arrays.events
        traced_ns = _fastest_ns(work)
        events = (engine.arrays.events - before) / _REPEATS
    finally:
        engine.detach()
    return max(traced_ns - _fastest_ns(work), 0) / max(events, 1)
