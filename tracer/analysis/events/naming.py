"""Threads and events of a recording in words."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tracer.model import syscalls
from tracer.model.events import IDLE_LEFT, Kind, Outcome
from tracer.model.states import SOURCES
from tracer.units import plain


class Naming:
    """`threads`: of the recording's metadata; `machine`: as in `uname -m`."""

    def __init__(self, threads: Sequence[Mapping[str, Any]], machine: str) -> None:
        self._machine = machine
        #: slot -> (tid, name); the last thread of a slot.
        self._of = {int(t["slot"]): (int(t["tid"]), str(t.get("name") or "")) for t in threads}

    def thread(self, slot: int) -> str:
        """`python3 1234`; `-` for slot 0."""
        if not slot:
            return "-"
        tid, name = self._of.get(slot, (0, ""))
        return f"{plain(name)} {tid}".strip() if tid else f"thread {slot}"

    def name(self, slot: int) -> str:
        """Without the number; empty where it is not known."""
        return plain(self._of.get(slot, (0, ""))[1])

    def tid(self, slot: int) -> int | None:
        return self._of[slot][0] if slot in self._of else None

    def call(self, number: int) -> str:
        return syscalls.name_of(number, self._machine)

    def event(self, row: np.void) -> str:
        """What happened, without the thread that it happened to."""
        kind, what, extra = Kind(int(row["kind"])), int(row["what"]), int(row["extra"])
        slot = what & 0xFFFFFFFF
        if kind == Kind.SWITCH:
            return f"switch: {self._left(row)}{self._came(slot, extra)}"
        if kind == Kind.WAKING:
            source = SOURCES[what >> 32 & 0xFF]
            by = "" if source == SOURCES[0] else f" (by {source})"
            outcome = Outcome(what >> 40 & 0xFF)
            was = {Outcome.ON_ITS_WAY: ", on its way already", Outcome.EARLY: ", which still ran"}
            return f"wakes {self.thread(slot)}{was.get(outcome, '')}{by}"
        if kind == Kind.ENTER:
            return f"enters {self.call(what)}({extra}, ...)"
        if kind == Kind.EXIT:
            return f"returns from {self.call(extra)}: {_result(what)}"
        return self._other(kind, extra, slot)

    def _other(self, kind: Kind, extra: int, slot: int) -> str:
        if kind == Kind.IDLE:
            return "leaves idle" if extra == IDLE_LEFT else f"enters idle state {extra}"
        if kind == Kind.IPI:
            return f"sends an interrupt to CPU {extra}"
        if kind == Kind.MIGRATE:
            return f"is queued on CPU {extra}" if slot else f"goes to CPU {extra}"
        if kind == Kind.NEW:
            return f"creates {self.thread(slot & 0x7FFFFFFF)}"
        return kind.name.lower()

    def _left(self, row: np.void) -> str:
        if not int(row["thread"]):
            return ""
        state = int(row["what"]) >> 32
        how = "pushed off" if not state & 0xFF or state & 0x100 else "sleeps"
        return f"{how}, "

    def _came(self, slot: int, tid: int) -> str:
        if slot:
            return f"{self.thread(slot)} comes"
        return f"another program comes (tid {tid})" if tid else "the CPU is idle"


def _result(what: int) -> str:
    value = what - (1 << 64) if what >> 63 else what
    if -4096 < value < 0:
        return errno.errorcode.get(-value, str(value))
    return str(value)
