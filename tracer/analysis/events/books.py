"""The replay of a recording as a Recording: what the analyses of a run take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer import probes
from tracer.analysis.events.replay import CALL_DTYPE, Replayed
from tracer.host.vectors import Kept
from tracer.model.probe import Context
from tracer.model.recording import HostLoad, Missed, Recording
from tracer.model.states import BEHIND, LOSSES, OWN_PARTS, REPAIRS, SOURCES
from tracer.model.syscalls import TABLE_LENGTH
from tracer.probes.syscalls import SHARED

#: The window's number in the rows of threads and CPUs.
_EPOCH = 1
#: Members of both the replay's rows of threads and `struct thread`.
_SAME = (
    *("tid", "tgid", "state", "on_cpu_part", "blocked_part", "last_ns", "birth_ns", "death_ns"),
    *("voluntary", "involuntary", "migrations", "yielded", "path", "path_behind"),
    *("path_awaited", "resumed", "own", "own_behind", "comm"),
)
_RECYCLED = ("voluntary", "involuntary", "migrations", "yielded")


def recording_of(
    found: Replayed,
    *,
    online_cpus: Sequence[int],
    attached_cpus: Sequence[int],
    names: Mapping[int, str],
    kept: Kept | None = None,
    light: bool = False,
    **also: Any,
) -> Recording:
    """The run as the events tell it, with the probes sched and syscalls.

    `names`: of threads, by slot. Threads without any event are taken from `kept`, where their state
    is. `also`: further members of the Recording, which no event tells.
    """
    is_latest = _latest(found)
    return Recording(
        light=light,
        epoch=_EPOCH,
        start_ns=found.start_ns,
        end_ns=found.end_ns,
        end_slot=found.end_slot,
        online_cpus=tuple(online_cpus),
        attached_cpus=tuple(attached_cpus),
        cpus=_cpus(found, found.threads[~is_latest], max(online_cpus, default=0) + 1),
        threads=_threads(found.threads[is_latest], kept),
        names=names,
        probes={"sched": _sched(found), **({} if light else {"syscalls": _calls(found)})},
        missed=Missed(),
        load=HostLoad(0, 0),
        **also,
    )


def _latest(found: Replayed) -> NDArray[np.bool_]:
    """Of each slot's lives the last one that began before the window's end."""
    rows = found.threads
    _slots, from_the_end = np.unique(rows["slot"][::-1], return_index=True)
    is_last = np.zeros(len(rows), dtype=bool)
    is_last[len(rows) - 1 - from_the_end] = True
    return is_last


def _threads(rows: NDArray[np.void], kept: Kept | None) -> NDArray[np.void]:
    """A row for each slot, as `struct thread`; `rows`: the latest life of each."""
    slots = rows["slot"].astype(np.int64)
    others = np.zeros(0, np.int64) if kept is None else kept.slots
    size = max(slots.max(initial=0), others.max(initial=0)) + 1
    dtype = np.dtype(
        [
            *((name, rows.dtype[name]) for name in _SAME),
            *((name, "<u4") for name in ("epoch", "affinity", "call_nr")),
        ]
    )
    table = np.zeros(size, dtype)
    for name in _SAME:
        table[name][slots] = rows[name]
    table["epoch"][slots] = rows["window"]
    table["call_nr"][slots] = np.maximum(rows["call_nr"], 0)
    if kept is not None:
        _add_unseen(table, kept, set(slots[rows["is_seen"] != 0].tolist()))
    return table


def _add_unseen(table: NDArray[np.void], kept: Kept, seen: set[int]) -> None:
    """Threads that slept through the whole recording."""
    new = np.array([slot not in seen for slot in kept.slots.tolist()], dtype=bool)
    for name in ("tid", "tgid", "state", "on_cpu_part", "blocked_part", "birth_ns", "death_ns",
                 "call_nr"):  # fmt: skip
        if name in kept.threads:
            table[name][kept.slots[new]] = kept.threads[name][new]


def _cpus(found: Replayed, gone: NDArray[np.void], online: int) -> NDArray[np.void]:
    """A row for each CPU, as `struct cpu`. `gone`: the lives of threads whose slot was given to
    another one; they are in the first row."""
    dtype = np.dtype(
        [
            *((name, "<u4") for name in ("seen", "tid", "slot", "epoch")),
            *((name, "<i8") for name in ("since_ns", "idle_ns", "other_ns", "unseen_ns")),
            *(("sources", "<u8", (len(SOURCES),)), ("losses", "<u8", (len(LOSSES),))),
            *(("repairs", "<u8", (len(REPAIRS),)), ("unnamed_ns", "<u8", (len(REPAIRS),))),
            *(("blind", "<u8"), ("inferred_ns", "<u8")),
            *((f"recycled_{name}", "<u8") for name in _RECYCLED),
            *(("recycled", "<u8"), ("recycled_life_ns", "<i8")),
            ("recycled_own", "<i8", (len(OWN_PARTS),)),
            ("recycled_behind", "<i8", (len(BEHIND),)),
        ]
    )
    table = np.zeros(max(online, len(found.cpus)), dtype)
    rows = found.cpus
    for name in ("seen", "tid", "slot", "since_ns", "idle_ns", "other_ns", "unseen_ns", "sources"):
        table[name][: len(rows)] = rows[name]
    table["epoch"][: len(rows)] = rows["window"]
    first = table[0]
    first["epoch"] = _EPOCH
    first["repairs"] = [found.numbers[name] for name in REPAIRS]
    first["losses"][LOSSES.index("unmatched_exit")] = found.numbers["unmatched_exits"]
    first["inferred_ns"] = found.numbers["inferred_ns"]
    gone = gone[gone["window"] == _EPOCH]
    first["recycled"] = len(gone)
    begin = np.maximum(gone["birth_ns"], found.start_ns)
    first["recycled_life_ns"] = np.maximum(gone["death_ns"] - begin, 0).sum()
    for name in (*_RECYCLED, "own"):
        first[f"recycled_{name}"] = gone[name].sum(axis=0)
    first["recycled_behind"] = gone["own_behind"].sum(axis=0)
    return table


def _sched(found: Replayed) -> Any:
    return probes.available()["sched"].read({"sched_cpus": found.sched}, Context())


def _calls(found: Replayed) -> Any:
    """As if each call had counted in the row that all CPUs share."""
    shared = np.zeros(TABLE_LENGTH, CALL_DTYPE)
    shared[found.calls["nr"].astype(np.int64)] = found.calls
    info: NDArray[Any] = np.zeros(TABLE_LENGTH, np.uint64)
    info[found.calls["nr"].astype(np.int64)] = SHARED
    arrays: dict[str, NDArray[np.void]] = {
        "call_stats": shared[:0],
        "shared_call_stats": shared,
        "call_info": info,
    }
    return probes.available()["syscalls"].read(arrays, Context())
