"""Hops without a wake-up: data that was there already, and bytes that one thread passes to itself,
as the thread of an async runtime does."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.events.index import (
    Bools,
    Calls,
    Columns,
    Index,
    Ints,
    Presence,
    byte_of,
    low_half,
    rows_of,
)
from tracer.model import syscalls
from tracer.model.events import Kind, Outcome
from tracer.model.hops import FOUND, HOP_DTYPE, ONE_THREAD, PART

_EAGAIN = -11
RECEIVES = ("read", "readv", "recvfrom", "recvmsg", "recvmmsg")
SENDS = ("write", "writev", "sendto", "sendmsg", "sendmmsg")
_OTHER, _SEND, _RECEIVE, _POLL = range(4)
#: The parts that time on a CPU is counted under here.
_COUNTED = ("send", "runtime", "again", "poll", "receive", "other_calls")


def _kinds_of_calls(machine: str) -> NDArray[np.int8]:
    table = np.zeros(syscalls.TABLE_LENGTH, np.int8)
    for number in range(syscalls.TABLE_LENGTH):
        name = syscalls.name_of(number, machine)
        is_poll = syscalls.class_of(name) == "poll"
        table[number] = (
            _SEND if name in SENDS
            else _RECEIVE if name in RECEIVES
            else _POLL if is_poll and "ctl" not in name and "create" not in name
            else _OTHER
        )  # fmt: skip
    return table


def in_one_thread(
    rows: Columns,
    times: Ints,
    calls: Calls,
    presence: Presence,
    woken: NDArray[np.void],
    machine: str,
) -> NDArray[np.void]:
    """Both kinds; `woken` are the hops by a wake-up.

    A thread that receives from the same descriptor after a wake-up too *found* its data: such a hop
    is the call alone. Otherwise the hop began when the thread itself last sent.
    """
    at, owner = calls.index.rows, calls.index.owners
    if len(at) < 2:
        return np.zeros(0, HOP_DTYPE)
    number = np.where(calls.is_enter, rows["what"][at].astype(np.int64), rows["extra"][at])
    kind = _kinds_of_calls(machine)[np.clip(number, 0, syscalls.TABLE_LENGTH - 1)]
    result = np.where(calls.is_exit, rows["what"][at].view(np.int64), 0)
    is_call = calls.is_exit & np.append(False, calls.is_enter[:-1] & (owner[1:] == owner[:-1]))
    got = np.flatnonzero(is_call & (kind == _RECEIVE) & (result > 0))
    sent = np.zeros(len(at), bool)
    sent[np.flatnonzero(is_call & (kind == _SEND) & (result > 0)) - 1] = True
    found = _is_found(rows, calls, got, woken)
    start = np.where(found, got - 1, _last(sent, len(at))[got])
    before = _last_of(got, owner)
    slots = owner[got]
    first = np.maximum(start, 0)
    inside = found | ((start > before) & (start >= 0) & (owner[first] == slots))
    wakings = _wakings(rows)
    kept = inside & (wakings.count(slots, at[first], at[got]) == 0)
    start, got, found = start[kept], got[kept], found[kept]
    hops = np.zeros(len(got), HOP_DTYPE)
    if not len(got):
        return hops
    hops["row"], hops["waking_ns"], hops["switch_in_ns"] = at[start], -1, -1
    hops["start_ns"], hops["end_ns"], hops["slept_ns"] = times[at[start]], times[at[got]], -1
    hops["waker"] = hops["woken"] = owner[got]
    hops["waker_nr"], hops["woken_nr"] = number[start], number[got]
    hops["waker_cpu"], hops["cpu"] = rows["cpu"][at[start]], rows["cpu"][at[got]]
    hops["kind"] = np.where(found, FOUND, ONE_THREAD)
    _fill(
        hops, start, got, times[at], presence.off_until(owner, at), _categories(calls, kind, result)
    )
    return hops


def _is_found(rows: Columns, calls: Calls, got: Ints, woken: NDArray[np.void]) -> Bools:
    """Whether a thread also receives after wake-ups from the descriptor of each of its receives."""
    at, owner = calls.index.rows, calls.index.owners
    descriptor = rows["extra"][at[got - 1]].astype(np.int64)
    pairs = owner[got] << 32 | descriptor
    ended = calls.open_at(woken["woken"].astype(np.int64), woken["row"].astype(np.int64))
    known = woken["woken"].astype(np.int64) << 32 | rows["extra"][at[ended]]
    return np.isin(pairs, np.unique(known[ended >= 0]))


def _wakings(rows: Columns) -> Index:
    at = rows_of(rows, Kind.WAKING)
    what = rows["what"][at]
    acted = byte_of(what, 40) != Outcome.ON_ITS_WAY
    return Index(low_half(what)[acted], at[acted])


def _last(marked: Bools, length: int) -> Ints:
    """For each entry the last marked one up to it; -1."""
    return np.maximum.accumulate(np.where(marked, np.arange(length), -1))


def _last_of(got: Ints, owner: Ints) -> Ints:
    """For each of these entries the one before it, of the same thread; -1."""
    before = np.append(-1, got[:-1])[: len(got)]
    return np.where((before >= 0) & (owner[before] == owner[got]), before, -1)


def _categories(calls: Calls, kind: NDArray[np.int8], result: Ints) -> NDArray[np.int8]:
    """What the time from each entry to the next one counts as: an index into _COUNTED."""
    following_result = np.append(result[1:], 0)
    receive = np.where(
        following_result > 0, _COUNTED.index("receive"),
        np.where(following_result == _EAGAIN, _COUNTED.index("again"),
                 _COUNTED.index("other_calls")))  # fmt: skip
    inside = np.select(
        [kind == _SEND, kind == _RECEIVE, kind == _POLL],
        [_COUNTED.index("send"), receive, _COUNTED.index("poll")],
        _COUNTED.index("other_calls"),
    )
    return np.where(calls.is_enter, inside, _COUNTED.index("runtime")).astype(np.int8)


def _fill(
    hops: NDArray[np.void],
    start: Ints,
    got: Ints,
    times: Ints,
    off: Ints,
    categories: NDArray[np.int8],
) -> None:
    """The parts: time on a CPU between entries by what it was, and all time off it."""
    on = np.append(np.diff(times - off), 0)
    for number, name in enumerate(_COUNTED):
        until = np.append(0, np.cumsum(np.where(categories == number, on, 0)))
        hops["parts_ns"][:, PART[name]] = until[got] - until[start]
    hops["parts_ns"][:, PART["off_cpu"]] = off[got] - off[start]
