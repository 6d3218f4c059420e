"""Events of a recording, one by one: what the kernel writes down, and the same in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

#: A record of a CPU's ring (`struct record`): kind, time and lap share `when`.
RECORD_DTYPE = np.dtype([("when", "<u8"), ("thread", "<u4"), ("extra", "<u4"), ("what", "<u8")])
#: An event in memory; `t_ns`: CLOCK_MONOTONIC.
EVENT_DTYPE = np.dtype(
    [
        ("t_ns", "<i8"),
        ("what", "<u8"),
        ("thread", "<u4"),
        ("extra", "<u4"),
        ("cpu", "<u2"),
        ("kind", "u1"),
    ]
)
#: `extra` of an event IDLE at which the CPU leaves its idle state.
IDLE_LEFT = 0xFFFFFFFF


#: Of a record's time; what comes before `near_ns` all the same is from no longer ago than this.
_TIME_BITS, _ROOM_NS = 55, 1 << 54


class Kind(IntEnum):
    """What happened; what `thread`, `extra` and `what` hold for each: docs/recordings.md."""

    SWITCH = 1
    WAKING = 2
    ENTER = 3
    EXIT = 4
    NEW = 5
    NAME = 6
    EXEC = 7
    BEGIN = 8
    MIGRATE = 9
    IDLE = 10
    IPI = 11
    WINDOW = 12
    DYING = 13


class Outcome(IntEnum):
    """What a wake-up did."""

    ON_ITS_WAY = 0
    EARLY = 1
    ENDED_SLEEP = 2


@dataclass(frozen=True)
class Events:
    """The events of a recording.

    Attributes
    ----------
    rows:
        Structured, EVENT_DTYPE, shape (events,), in order of time; those of one CPU stay in the
        order in which they were written.
    start_ns, end_ns:
        The window, CLOCK_MONOTONIC.
    end_slot:
        The thread that closed it; 0: not known.
    """

    rows: NDArray[np.void]
    start_ns: int
    end_ns: int
    end_slot: int


@dataclass(frozen=True)
class Kept:
    """What became of the events of a run: how many are in `directory`; `losses`, by CPU and second
    of CLOCK_MONOTONIC, found no room in memory; `truncated`: why the later ones are missing."""

    directory: str
    events: int
    start_ns: int
    losses: Mapping[tuple[int, int], int]
    truncated: str = ""

    @property
    def lost(self) -> int:
        return sum(self.losses.values())

    @property
    def is_whole(self) -> bool:
        return not self.lost and not self.truncated


def decoded(records: NDArray[np.void], cpu: int, near_ns: int = 0) -> NDArray[np.void]:
    """Records (RECORD_DTYPE) of one CPU's ring as events (EVENT_DTYPE), in the same order.

    `near_ns`: a time before them, whose upper bits are theirs."""
    rows = np.empty(len(records), EVENT_DTYPE)
    rows["t_ns"] = (records["when"] & np.uint64((1 << 56) - 1)) >> np.uint64(1)
    rows["t_ns"] += near_ns >> _TIME_BITS << _TIME_BITS
    rows["t_ns"][rows["t_ns"] < near_ns - _ROOM_NS] += 1 << _TIME_BITS
    rows["kind"] = records["when"] >> np.uint64(56)
    rows["cpu"] = cpu
    for name in ("thread", "extra", "what"):
        rows[name] = records[name]
    return rows
