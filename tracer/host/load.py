"""CPU time of the whole host, from /proc/stat."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from tracer.host.files import text_of
from tracer.model.recording import HostLoad

_STAT = Path("/proc/stat")
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class HostTimes:
    """CPU time since boot, ns over all CPUs or some; `at_ns`: CLOCK_MONOTONIC then."""

    steal_ns: int
    busy_ns: int
    total_ns: int
    at_ns: int

    @classmethod
    def now(cls, cpus: Collection[int] = ()) -> HostTimes:
        """As /proc/stat has it, in whole clock ticks; over these CPUs, or the whole host."""
        names = {f"cpu{cpu}" for cpu in cpus} or {"cpu"}
        rows = [
            [int(number) for number in words[:8]]
            for name, *words in map(str.split, text_of(_STAT).splitlines())
            if name in names
        ]
        fields = [sum(column) for column in zip(*rows, strict=True)]
        user, nice, system, _idle, _wait, irq, softirq, steal = fields
        busy = user + nice + system + irq + softirq
        return cls(steal * TICK_NS, busy * TICK_NS, sum(fields) * TICK_NS, time.monotonic_ns())

    def load_since(self, before: HostTimes) -> HostLoad:
        """Steal and busy time between two moments; the kernel's counters can step back a little."""
        return HostLoad(
            max(self.steal_ns - before.steal_ns, 0), max(self.busy_ns - before.busy_ns, 0)
        )
