"""The clocks of the CPUs: a BPF program runs at each tick, whatever runs there.

A software event per CPU (perf_event_open(2)). A program whose rounds take as long as a period would
always be met at the same places, so the length of the period is drawn anew some times a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import random
import struct
import threading
from collections.abc import Sequence

from tracer.kernel.perf import opened, start_unsignalled

_CPU_CLOCK, _DISABLED = 0, 1
_SET_BPF, _ENABLE, _PERIOD = 0x40042408, 0x2400, 0x40082404
#: A new period every so many seconds, each time on so many CPUs at most: it interrupts them.
_ANEW_S, _AT_ONCE = 0.05, 16
#: How far a period is from the mean, as a share of it: far enough that between two draws ticks
#: drift by several periods against what is in step with the mean.
_NEAR, _FAR = 0.05, 0.15


class Clocks:
    """Ticks on `cpus`, on average every `period_ns`, each running the BPF program (its descriptor),
    until `close`; raises OSError."""

    def __init__(self, cpus: Sequence[int], period_ns: int, program: int) -> None:
        self._period_ns = period_ns
        self._events: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw, name="clocks", daemon=True)
        try:
            for cpu in cpus:
                self._events.append(_event(cpu, period_ns, program))
        except OSError:
            self.close()
            raise
        start_unsignalled(self._thread)

    def _draw(self) -> None:
        turn = itertools.cycle(self._events)
        while not self._over.wait(_ANEW_S):
            for event in itertools.islice(turn, min(_AT_ONCE, len(self._events))):
                away = random.choice((-1, 1)) * random.uniform(_NEAR, _FAR)
                period_ns = int(self._period_ns * (1 + away))
                with contextlib.suppress(OSError):  # a CPU that went off line has no clock
                    fcntl.ioctl(event, _PERIOD, struct.pack("=Q", period_ns))

    def close(self) -> None:
        """No tick comes after this."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()
        while self._events:
            os.close(self._events.pop())


def _event(cpu: int, period_ns: int, program: int) -> int:
    fd = opened(cpu, _CPU_CLOCK, period_ns, flags=_DISABLED)
    try:
        fcntl.ioctl(fd, _SET_BPF, program)
        fcntl.ioctl(fd, _ENABLE, 0)
    except OSError:
        os.close(fd)
        raise
    return fd
