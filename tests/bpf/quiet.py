"""How busy the host is with other work, and waiting until it is not."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def _idle_ticks() -> tuple[int, int]:
    """Ticks that the CPUs which this process may use were idle, and all of their ticks."""
    idle = total = 0
    allowed = {f"cpu{cpu}" for cpu in os.sched_getaffinity(0)}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *words = line.split()
        if name in allowed:
            ticks = [int(word) for word in words[:8]]  # guest time is in user time already
            idle += ticks[3] + ticks[4]
            total += sum(ticks)
    return idle, total


def idle_share(seconds: float = 0.2) -> float:
    """The share of the next `seconds` in which the CPUs are idle."""
    before = _idle_ticks()
    time.sleep(seconds)
    after = _idle_ticks()
    return (after[0] - before[0]) / max(after[1] - before[1], 1)


def wait_until_idle(deadline_s: float, least: float = 0.8) -> float:
    """Wait until the CPUs are idle for that share of the time, or the deadline (time.monotonic)
    has passed; the share that was seen last."""
    while (share := idle_share()) < least and time.monotonic() < deadline_s:
        pass
    return share


def busy_blocks(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The blocks of an experiment's document that met load: no verdict rests on them."""
    return [block for block in document["load"]["blocks"] if block["disturbed"]]
