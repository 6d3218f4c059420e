"""Rows of events written by hand, under every builder of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracer.model.events import EVENT_DTYPE, Kind


class EventRows:
    """Collects rows of EVENT_DTYPE. Times, slots, tids and the numbers of calls are as given."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, int, int, int]] = []

    def add(
        self, t_ns: int, cpu: int, kind: Kind, thread: int = 0, extra: int = 0, what: int = 0
    ) -> None:
        self.rows.append((t_ns, what & (1 << 64) - 1, thread, extra & 0xFFFFFFFF, cpu, kind))

    def add_switch(
        self,
        t_ns: int,
        cpu: int,
        out: int,
        to: int,
        to_tid: int,
        state: int,
        *,
        preempt: bool = False,
        early: bool = False,
        yielded: bool = False,
    ) -> None:
        what = to | state << 32 | preempt << 40 | early << 41 | yielded << 42
        self.add(t_ns, cpu, Kind.SWITCH, out, to_tid, what)

    def add_waking(
        self, t_ns: int, cpu: int, by: int, woken: int, source: int, outcome: int, holder: int = 0
    ) -> None:
        self.add(t_ns, cpu, Kind.WAKING, by, holder, woken | source << 32 | outcome << 40)

    def add_new(self, t_ns: int, cpu: int, by: int, child: int, tid: int, tgid: int) -> None:
        self.add(t_ns, cpu, Kind.NEW, by, tid, child | tgid << 32)

    def ordered(self) -> NDArray[np.void]:
        """All of them in order of time; those of one time as they were added."""
        rows = np.array(self.rows, EVENT_DTYPE)
        return rows[np.argsort(rows["t_ns"], kind="stable")]
