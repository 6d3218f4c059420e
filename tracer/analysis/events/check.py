"""The replay of a recording against the books that the kernel side kept of the same run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.events.replay import Replayed
from tracer.host.vectors import Kept
from tracer.model.states import OWN_PARTS, PATH_PARTS
from tracer.model.syscalls import name_of

_VECTORS = {"path": PATH_PARTS, "own": OWN_PARTS}
_COUNTS = ("voluntary", "involuntary", "migrations", "yielded")


@dataclass(frozen=True)
class Difference:
    """`what` of thread `tid` (0: of the whole run), ns or a count."""

    what: str
    tid: int
    kernel: int
    replay: int


@dataclass(frozen=True)
class Check:
    """How many parts of the path, threads and system calls were compared, and what differs."""

    path_parts: int
    threads: int
    calls: int
    differences: tuple[Difference, ...]

    @property
    def agrees(self) -> bool:
        return not self.differences

    def data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "agrees": self.agrees,
            "path_parts": self.path_parts,
            "threads": self.threads,
            "calls": self.calls,
            "differences": [asdict(one) for one in self.differences],
        }


def check(found: Replayed, kept: Kept, calls: Sequence[Mapping[str, Any]] | None) -> Check:
    """Path and own time by part, switches and migrations of every thread that had an event in the
    window; `calls`: the rows of the run's report (number, time, errors), None: were not counted."""
    here = kept.threads["epoch"] == kept.epoch
    # a slot's last life is the one that the kernel still has
    row_of = {int(slot): row for row, slot in enumerate(found.threads["slot"])}
    differences: list[Difference] = []
    compared = 0
    for index in np.flatnonzero(here).tolist():
        slot, tid = int(kept.slots[index]), int(kept.threads["tid"][index])
        row = row_of.get(slot)
        if row is None:
            differences.append(Difference("no event of it", tid, 1, 0))
            continue
        compared += 1
        _compare(found.threads[row], kept.threads, index, tid, differences)
    counted = 0
    if calls is not None:
        counted = _compare_calls(found, calls, differences)
    path_row = kept.slots == found.end_slot
    parts = len(PATH_PARTS) if (path_row & here).any() else 0
    return Check(parts, compared, counted, tuple(differences))


def _compare(
    row: np.void,
    kept: Mapping[str, NDArray[np.generic]],
    index: int,
    tid: int,
    differences: list[Difference],
) -> None:
    for vector, names in _VECTORS.items():
        ours, theirs = row[vector], kept[vector][index].astype(np.int64)
        differences += [
            Difference(f"{vector} {names[part]}", tid, int(theirs[part]), int(ours[part]))
            for part in np.flatnonzero(ours != theirs).tolist()
        ]
    differences += [
        Difference(name, tid, int(kept[name][index]), int(row[name]))
        for name in _COUNTS
        if int(kept[name][index]) != int(row[name])
    ]


def _compare_calls(
    found: Replayed, calls: Sequence[Mapping[str, Any]], differences: list[Difference]
) -> int:
    ours = {name_of(int(row["nr"])): row for row in found.calls}
    theirs = {str(row["name"]): row for row in calls}
    counted = 0
    for name in sorted(ours.keys() | theirs.keys()):
        row, kept = ours.get(name), theirs.get(name, {})
        mine = (0, 0, 0, 0)
        if row is not None:
            times = row["ns"]
            mine = (int(times["buckets"].sum()), int(times["sum"]), int(row["off_ns"]),
                    int(row["errors"].sum()))  # fmt: skip
        told = (kept.get("calls", 0), kept.get("total_ns", 0), kept.get("off_cpu_ns", 0),
                sum(kept.get("errors", {}).values()))  # fmt: skip
        counted += told[0]
        what = ("calls", "time in calls", "time off the CPU in calls", "errors")
        differences += [
            Difference(f"{label} of {name}", 0, kernel, replay)
            for label, kernel, replay in zip(what, told, mine, strict=True)
            if kernel != replay
        ]
    return counted
