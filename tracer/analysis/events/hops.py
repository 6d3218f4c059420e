"""The hops of a recording and their parts, from its events alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tracer.analysis.events.in_one_thread import in_one_thread
from tracer.analysis.events.index import (
    Bools,
    Calls,
    Columns,
    Index,
    Ints,
    Presence,
    byte_of,
    columns_of,
    low_half,
    rows_of,
)
from tracer.model.events import IDLE_LEFT, Events, Kind, Outcome
from tracer.model.hops import (
    CPU_ASLEEP,
    CPU_BUSY,
    CPU_POLLING,
    HOP_DTYPE,
    NOT_ASLEEP,
    PART,
    SAME_CPU,
    WAKER_PUSHED_OFF,
    Hops,
)
from tracer.model.syscalls import MACHINE

_PROCESS = 0  # the first of SOURCES
_EARLY, _PREEMPT, _YIELDED = 1 << 41, 1 << 40, 1 << 42
_POLLING = 0  # the idle state in which a CPU polls, where it has one
_CPU_BITS = 16


@dataclass(frozen=True)
class Lookups:
    """The events of a recording, and where to find them."""

    rows: Columns
    times: Ints
    calls: Calls
    presence: Presence
    switches: Index  # by CPU

    @staticmethod
    def of(events: Events) -> Lookups:
        rows = columns_of(events)
        times = rows["t_ns"]
        at = rows_of(rows, Kind.SWITCH)
        switches = Index(rows["cpu"][at].astype(np.int64), at)
        return Lookups(rows, times, Calls.of(rows), Presence.of(rows, times), switches)


def hops_of(events: Events, machine: str = MACHINE) -> Hops:
    """Every hop that lies in the window whole; `machine`: whose numbers the calls have."""
    found = Lookups.of(events)
    wakings = _Wakings.of(found)
    woken = _woken(found, wakings)
    unwoken = in_one_thread(found.rows, found.times, found.calls, found.presence, woken, machine)
    every = np.concatenate([woken, unwoken]) if len(unwoken) else woken
    inside = (every["start_ns"] >= events.start_ns) & (every["end_ns"] <= events.end_ns)
    order = np.argsort(every["end_ns"], kind="stable")
    every = every[order[inside[order]]]  # one copy: these rows are wide
    at = wakings.rows[wakings.ended_sleep]
    in_window = (found.times[at] >= events.start_ns) & (found.times[at] <= events.end_ns)
    by_wakeup = every["row"][every["waking_ns"] >= 0]
    others = int(np.sum(in_window & ~np.isin(at, by_wakeup)))
    return Hops(every, events.end_ns - events.start_ns, others)


@dataclass(frozen=True)
class _Wakings:
    """Wake-ups that ended a sleep, or came before it began."""

    rows: Ints
    woken: Ints
    ended_sleep: Bools
    is_handed_over: Bools  # by a thread of the target

    @staticmethod
    def of(found: Lookups) -> _Wakings:
        at = rows_of(found.rows, Kind.WAKING)
        what, waker = found.rows["what"][at], found.rows["thread"][at]
        outcome = byte_of(what, 40)
        at, what, waker, outcome = (
            column[outcome != Outcome.ON_ITS_WAY] for column in (at, what, waker, outcome)
        )
        source = byte_of(what, 32)
        woken = low_half(what)
        is_other = (waker > 0) & (waker != woken) & (source == _PROCESS)
        return _Wakings(at, woken, outcome == Outcome.ENDED_SLEEP, is_other)


def _causes(found: Lookups, wakings: _Wakings) -> tuple[Ints, Ints, Ints]:
    """Of each call that a wake-up ended: the wake-up (an index), the entries of its ENTER and EXIT.

    Of several in one call the last is the cause. One that came while the thread still ran is only
    one where the thread was about to sleep: its next switch says so, or there is no other.
    """
    enters = found.calls.open_at(wakings.woken, wakings.rows)
    exits = found.calls.return_of(enters)
    left = found.presence.outs.row(found.presence.outs.after(wakings.woken, wakings.rows))
    is_in_call = (left >= 0) & (left < found.calls.index.row(exits))
    is_early = (found.rows["what"][np.where(is_in_call, left, 0)] & np.uint64(_EARLY)) > 0
    acted = wakings.ended_sleep | (is_in_call & is_early)
    order = np.lexsort((wakings.rows, acted, exits))
    order = order[exits[order] >= 0]
    last = np.append(exits[order][1:] != exits[order][:-1], True)[: len(order)]
    cause = order[last]
    return cause, enters[cause], exits[cause]


def _woken(found: Lookups, wakings: _Wakings) -> NDArray[np.void]:
    """Hops from one thread's call to another's, by a wake-up."""
    cause, enters, exits = _causes(found, wakings)
    waker = found.rows["thread"][wakings.rows[cause]].astype(np.int64)
    sends = found.calls.open_at(waker, wakings.rows[cause])
    kept = wakings.is_handed_over[cause] & (sends >= 0)
    cause, enters, exits, sends = cause[kept], enters[kept], exits[kept], sends[kept]
    rows, times, calls = found.rows, found.times, found.calls.index
    at = wakings.rows[cause]
    hops = np.zeros(len(cause), HOP_DTYPE)
    hops["row"], hops["waker"], hops["woken"] = at, rows["thread"][at], wakings.woken[cause]
    hops["waker_nr"] = rows["what"][calls.row(sends)]
    hops["woken_nr"] = rows["what"][calls.row(enters)]
    hops["waker_cpu"] = rows["cpu"][at]
    hops["start_ns"], hops["waking_ns"] = times[calls.row(sends)], times[at]
    hops["end_ns"], hops["slept_ns"] = times[calls.row(exits)], -1
    _fill(found, hops, calls.row(sends), calls.row(exits), wakings.ended_sleep[cause])
    return hops


def _fill(found: Lookups, hops: NDArray[np.void], sent: Ints, ended: Ints, slept: Bools) -> None:
    """Kind and parts of hops by a wake-up; rows of the ENTER and the EXIT are given."""
    times, presence, parts = found.times, found.presence, hops["parts_ns"]
    at, woken = hops["row"].astype(np.int64), hops["woken"].astype(np.int64)
    waker = hops["waker"].astype(np.int64)
    off = presence.off_until(waker, at) - presence.off_until(waker, sent)
    parts[:, PART["call_off_cpu"]] = off
    parts[:, PART["call"]] = times[at] - times[sent] - off
    came = presence.ins.row(presence.ins.after(woken, at))
    has_come = (came >= 0) & (came < ended) & slept
    came = np.where(has_come, came, at)
    hops["switch_in_ns"] = np.where(has_come, times[came], -1)
    hops["cpu"] = found.rows["cpu"][np.where(has_come, came, ended)]
    # just after the switch, which off_until() does not include
    since = np.where(has_come, came + 1, at)
    off = presence.off_until(woken, ended) - presence.off_until(woken, since)
    off = np.clip(off, 0, times[ended] - times[came])
    parts[:, PART["off_again"]] = off
    parts[:, PART["return"]] = times[ended] - times[came] - off
    began = found.switches.row(found.switches.before(hops["waker_cpu"].astype(np.int64), at))
    hops["had_pushed_off"] = (began >= 0) & _pushed_off(found.rows, began)
    hops["kind"] = NOT_ASLEEP
    lost = slept & ~has_come
    parts[lost, PART["not_seen"]] = parts[lost, PART["return"]]
    parts[lost, PART["return"]] = 0
    _fill_same(found, hops, has_come & (hops["cpu"] == hops["waker_cpu"]), came)
    _fill_crossed(found, hops, has_come & (hops["cpu"] != hops["waker_cpu"]), came)


def _fill_same(found: Lookups, hops: NDArray[np.void], where: Bools, came: Ints) -> None:
    """Those on the waker's CPU: behind the waker until it leaves, then in the queue."""
    rows, times = found.rows, found.times
    at, cpu = hops["row"].astype(np.int64)[where], hops["cpu"].astype(np.int64)[where]
    left = found.switches.row(found.switches.after(cpu, at))
    is_waker = (left >= 0) & (rows["thread"][left] == hops["waker"][where])
    until = np.where(is_waker, np.minimum(times[left], times[came[where]]), times[at])
    parts = hops["parts_ns"]
    parts[where, PART["behind_waker"]] = until - times[at]
    parts[where, PART["queue"]] = times[came[where]] - until
    by_waker = rows["thread"][came[where]] == hops["waker"][where]
    pushed = by_waker & _pushed_off(rows, came[where])
    hops["kind"][where] = np.where(pushed, WAKER_PUSHED_OFF, SAME_CPU)


def _pushed_off(rows: Columns, at: Ints) -> Bools:
    """Whether the thread that leaves in each of these switches is still ready to run, and had not
    asked to leave."""
    what = rows["what"][at]
    state = byte_of(what, 32)
    ready = (state == 0) | ((what & np.uint64(_PREEMPT)) > 0)
    pushed: Bools = (rows["thread"][at] > 0) & ready & ((what & np.uint64(_YIELDED)) == 0)
    return pushed


def _fill_crossed(found: Lookups, hops: NDArray[np.void], where: Bools, came: Ints) -> None:
    """Those on another CPU: until it is interrupted, awake, and has switched; or in its queue."""
    times, parts = found.times, hops["parts_ns"]
    at, cpu = hops["row"].astype(np.int64)[where], hops["cpu"].astype(np.int64)[where]
    begin, end = times[at], times[came[where]]
    slept_ns, is_idle = _idle(found, cpu, at)
    sent = _interrupted(found, hops["waker_cpu"].astype(np.int64)[where], cpu, at)
    awake = _left_sleep(found, cpu, at)
    awake_ns = np.where((awake >= 0) & (awake < came[where]), times[awake], end)
    sent_ns = np.where((sent >= 0) & (sent < came[where]), times[sent], begin)
    sent_ns = np.where(is_idle, np.minimum(sent_ns, awake_ns), begin)
    asleep = is_idle & (slept_ns >= 0)
    awake_ns = np.where(asleep, awake_ns, sent_ns)
    switching = np.where(is_idle, end - awake_ns, 0)
    hops["kind"][where] = np.where(asleep, CPU_ASLEEP, np.where(is_idle, CPU_POLLING, CPU_BUSY))
    hops["slept_ns"][where] = slept_ns
    parts[where, PART["send_interrupt"]] = sent_ns - begin
    parts[where, PART["leave_sleep"]] = awake_ns - sent_ns
    parts[where, PART["switch_in"]] = switching
    parts[where, PART["queue"]] = end - awake_ns - switching


def _idle(found: Lookups, cpu: Ints, at: Ints) -> tuple[Ints, Bools]:
    """How long each CPU had slept at a row (-1: it did not), and whether its idle task ran."""
    rows, times = found.rows, found.times
    idles = rows_of(rows, Kind.IDLE)
    last = found.switches.row(found.switches.before(cpu, at))
    is_idle = (last >= 0) & (rows["extra"][last] == 0)
    states = Index(rows["cpu"][idles].astype(np.int64), idles)
    entered = states.row(states.before(cpu, at))
    if not len(idles):  # a recording without idle states: idle is asleep
        return np.where(is_idle, times[at] - times[last], -1), is_idle
    state = rows["extra"][entered]
    asleep = is_idle & (entered > last) & (state != IDLE_LEFT) & (state != _POLLING)
    return np.where(asleep, times[at] - times[entered], -1), is_idle


def _left_sleep(found: Lookups, cpu: Ints, at: Ints) -> Ints:
    """The row at which each CPU next leaves an idle state; -1."""
    idles = rows_of(found.rows, Kind.IDLE)
    left = idles[found.rows["extra"][idles] == IDLE_LEFT]
    index = Index(found.rows["cpu"][left].astype(np.int64), left)
    return index.row(index.after(cpu, at))


def _interrupted(found: Lookups, sender: Ints, cpu: Ints, at: Ints) -> Ints:
    """The row at which a CPU next sends an interrupt to another; -1."""
    rows = found.rows
    sent = rows_of(rows, Kind.IPI)
    pairs = rows["cpu"][sent].astype(np.int64) << _CPU_BITS | rows["extra"][sent] & 0x7FFF
    index = Index(pairs & 0x7FFFFFFF, sent)
    return index.row(index.after((sender << _CPU_BITS | cpu) & 0x7FFFFFFF, at))
