"""Streams of events written by hand, as a recording has them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.event_rows import EventRows
from tracer.host import parquet_events
from tracer.host.recordings import FORMAT, META, VERSION
from tracer.model.events import IDLE_LEFT, Events, Kind, Outcome
from tracer.model.states import OWN_PARTS
from tracer.model.syscalls import numbers

NR = numbers("x86_64")


class Stream(EventRows):
    """Collects events; times are ns from the window's start.

    Slots and tids: slot n has tid 100 + n. CPU 0 unless told otherwise.
    """

    ORIGIN = 1_000_000

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
        at = self.ORIGIN + t
        self.add_switch(at, cpu, out, to, extra, state, preempt=preempt, early=early)

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
        self.add_waking(self.ORIGIN + t, cpu, by, woken, source, outcome)

    def enter(self, t: int, slot: int, call: str, first: int = 0, *, cpu: int = 0) -> None:
        self.add(self.ORIGIN + t, cpu, Kind.ENTER, slot, first, NR[call])

    def leave(self, t: int, slot: int, call: str, result: int = 0, *, cpu: int = 0) -> None:
        self.add(self.ORIGIN + t, cpu, Kind.EXIT, slot, NR[call], result)

    def call(self, t: int, end: int, slot: int, call: str, fd: int = 0, result: int = 0) -> None:
        """A whole call on CPU 0."""
        self.enter(t, slot, call, fd)
        self.leave(end, slot, call, result)

    def idle(self, t: int, cpu: int, state: int | None) -> None:
        """The CPU enters the idle state, or leaves it (None)."""
        self.add(self.ORIGIN + t, cpu, Kind.IDLE, 0, IDLE_LEFT if state is None else state)

    def ipi(self, t: int, by: int, to_cpu: int, *, cpu: int = 0) -> None:
        self.add(self.ORIGIN + t, cpu, Kind.IPI, by, to_cpu)

    def new(self, t: int, parent: int, child: int, *, tgid: int = 100) -> None:
        self.add_new(self.ORIGIN + t, 0, parent, child, 100 + child, tgid)

    def events(self, end: int, end_slot: int = 0) -> Events:
        """All of them in order of time; the window ends at `end`."""
        return Events(self.ordered(), self.ORIGIN, self.ORIGIN + end, end_slot)


def pushed_off(writer: int, reader: int) -> Stream:
    """One hop, from 10 to 36: the writer wakes the reader, is pushed off by another program, and
    then the reader comes."""
    stream = Stream()
    stream.enter(-100, reader, "recvfrom", 7)
    stream.switch(-90, reader, writer)
    stream.enter(10, writer, "sendto", 6)
    stream.waking(13, writer, reader)
    stream.leave(15, writer, "sendto", 1)
    stream.switch(24, writer, 0, tid=999, state=0, preempt=True)
    stream.switch(31, 0, reader)
    stream.leave(36, reader, "recvfrom", 1)
    return stream


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
