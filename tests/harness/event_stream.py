"""Streams of events written by hand, as a recording has them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tracer.host import parquet_events
from tracer.host.recordings import FORMAT, META, VERSION
from tracer.model.events import EVENT_DTYPE, IDLE_LEFT, Events, Kind, Outcome
from tracer.model.states import OWN_PARTS
from tracer.model.syscalls import numbers

NR = numbers("x86_64")


class Stream:
    """Collects events; times are ns from the window's start.

    Slots and tids: slot n has tid 100 + n. CPU 0 unless told otherwise.
    """

    ORIGIN = 1_000_000

    def __init__(self) -> None:
        self._rows: list[tuple[Any, ...]] = []

    def _add(self, t: int, kind: Kind, cpu: int, thread: int, extra: int, what: int) -> None:
        self._rows.append((self.ORIGIN + t, what & (1 << 64) - 1, thread, extra, cpu, int(kind)))

    def switch(
        self,
        t: int,
        out: int,
        to: int,
        *,
        cpu: int = 0,
        state: int = 1,
        preempt: bool = False,
        early: bool = False,
        tid: int | None = None,
    ) -> None:
        """`out` leaves the CPU in `state` (0: still runnable), `to` comes; slot 0 is the idle task
        unless `tid` says that it is another program."""
        extra = tid if tid is not None else 100 + to if to else 0
        what = to | state << 32 | preempt << 40 | early << 41
        self._add(t, Kind.SWITCH, cpu, out, extra, what)

    def waking(
        self,
        t: int,
        by: int,
        woken: int,
        *,
        cpu: int = 0,
        outcome: Outcome = Outcome.ENDED_SLEEP,
        source: int = 0,
    ) -> None:
        self._add(t, Kind.WAKING, cpu, by, 0, woken | source << 32 | int(outcome) << 40)

    def enter(self, t: int, slot: int, call: str, first: int = 0, *, cpu: int = 0) -> None:
        self._add(t, Kind.ENTER, cpu, slot, first, NR[call])

    def leave(self, t: int, slot: int, call: str, result: int = 0, *, cpu: int = 0) -> None:
        self._add(t, Kind.EXIT, cpu, slot, NR[call], result)

    def call(self, t: int, end: int, slot: int, call: str, fd: int = 0, result: int = 0) -> None:
        """A whole call on CPU 0."""
        self.enter(t, slot, call, fd)
        self.leave(end, slot, call, result)

    def idle(self, t: int, cpu: int, state: int | None) -> None:
        """The CPU enters the idle state, or leaves it (None)."""
        self._add(t, Kind.IDLE, cpu, 0, IDLE_LEFT if state is None else state, 0)

    def ipi(self, t: int, by: int, to_cpu: int, *, cpu: int = 0) -> None:
        self._add(t, Kind.IPI, cpu, by, to_cpu, 0)

    def new(self, t: int, parent: int, child: int, *, tgid: int = 100) -> None:
        self._add(t, Kind.NEW, 0, parent, 100 + child, child | tgid << 32)

    def events(self, end: int, end_slot: int = 0) -> Events:
        """All of them in order of time; the window ends at `end`."""
        rows = np.array(self._rows, EVENT_DTYPE)
        rows = rows[np.argsort(rows["t_ns"], kind="stable")]
        return Events(rows, self.ORIGIN, self.ORIGIN + end, end_slot)


def save(events: Events, directory: Path, threads: Sequence[Mapping[str, Any]] = ()) -> None:
    """A recording's directory with these events, without a report."""
    directory.mkdir()
    fd = os.open(directory, os.O_RDONLY)
    parquet_events.write(iter([events.rows]), fd)
    os.close(fd)
    window = {"start_ns": events.start_ns, "end_ns": events.end_ns, "end_slot": events.end_slot}
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "complete": True,
        "truncated": None,
        "command": ["/bin/pass", "on"],
        "host": {},
        "machine": "x86_64",
        "cpus": [0, 1],
        "window": window,
        "events": len(events.rows),
        "losses": {"total": 0, "by_cpu_second": []},
        "own_parts": list(OWN_PARTS),
        "threads": [dict(thread) for thread in threads],
    }
    (directory / META).write_text(json.dumps(meta))
