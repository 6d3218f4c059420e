"""What a context switch costs on this host; measured beside the run."""

from __future__ import annotations

import os
import threading

from tracer.kernel.engine import Engine
from tracer.model.histogram import Histogram

_ROUNDS = 300
_NEEDED = 100


def ping_pong(rounds: int) -> None:
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
    records = engine.calibration(lambda: ping_pong(_ROUNDS))
    if records is None:
        return None
    times = Histogram.merged(records)
    return times.percentile_ns(50) if times.count >= _NEEDED else None
