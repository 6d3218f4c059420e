"""Signals from joint counts of the probes: how long threads stay on a CPU by the wake-up before,
where wake-ups go by how many threads can run, how long delivery takes by how long a CPU slept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracer.analysis.pinning import crossings, signals, stays
from tracer.analysis.pinning.conditions import FREE, PINNED
from tracer.analysis.pinning.evidence import Evidence
from tracer.analysis.pinning.signals import Signal, crossing_without_sleep
from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document
from tracer.analysis.statistics.intervals import Interval
from tracer.units import count, duration, percent

#: With two runnable threads wake-ups must cross so many times as often as with one.
_TWICE = 2
#: A share that is certainly above this is one that contributes (see theories.py).
_SURELY = 0.05
#: After long sleeps delivery must take so many times as long as after short ones.
_LONGER = 1.25


def slower_on_cpu(evidence: Evidence) -> Signal | None:
    """What threads take longer on a CPU after crossing: cold caches, data that move, a CPU that has
    just woken. Where none stayed on its CPU free to move, the pinned runs tell what is usual."""
    there = evidence.measured(
        FREE, lambda d: crossings.on_cpu_ns(d, ("cross_cpu_idle", "cross_cpu_busy"))
    )
    here = evidence.measured(FREE, _here) or evidence.measured(PINNED, _here)
    if there is None or here is None:
        return None
    share = evidence.share_of_gap(lambda d: crossings.extra_on_cpu_ns(d, here.median))
    if share is None:
        return None
    text = (
        f"on a CPU until it wakes the next, a thread takes {duration(there.median)} after a"
        f" crossing and {duration(here.median)} after a wake-up on the same CPU"
    )
    return Signal(text + _stays_text(evidence), share)


def _stays_text(evidence: Evidence) -> str:
    """Whole stays on a CPU by what they are made of and by the wake-up before; empty where the runs
    do not tell."""
    free, pinned = evidence.documents(FREE), evidence.documents(PINNED)
    there = stays.after(free, stays.CROSSED)
    here = stays.after(free, stays.SAME) or stays.after(pinned, stays.SAME)
    if there is None or here is None:
        return ""
    text = (
        f"; a whole stay after a crossing is {there.text()}, after a wake-up on the same CPU"
        f" {here.text()}"
    )
    two = stays.by_sleep(free)
    if two is not None:
        text += (
            f"; after a crossing to a CPU that had slept for less than {duration(two.limit_ns)}"
            f" {two.short.text()}, for longer {two.long.text()}"
        )
    return text


def slower_cpu(evidence: Evidence) -> Signal | None:
    """A CPU that is slow: around the runs, by a fixed piece of work, or after a sleep, by how much
    longer threads stay on one that slept long. Caches cool down in a long sleep too, so the latter
    is an upper bound."""
    around, asleep = signals.speed(evidence), _slower_after_sleep(evidence)
    if around is None or asleep is None:
        return around or asleep
    assert around.share is not None and asleep.share is not None
    text = f"{around.text}; {asleep.text}"
    if around.share.low > _SURELY or around.share.high >= asleep.share.high:
        return Signal(text, around.share)
    return Signal(text, asleep.share, at_most=True)


def _slower_after_sleep(evidence: Evidence) -> Signal | None:
    two = stays.by_sleep(evidence.documents(FREE))
    if two is None:
        return None
    share = evidence.share_of_gap(lambda d: stays.longer_after_sleep_ns(d, two.limit_ns))
    if share is None:
        return None
    text = (
        f"a thread stays on a CPU that had slept for less than {duration(two.limit_ns)} for"
        f" {duration(two.short.mean_ns)}, on one that had for longer {duration(two.long.mean_ns)}"
    )
    return Signal(text, share, at_most=True)


def _here(document: Document) -> float | None:
    return crossings.on_cpu_ns(document, ("same_cpu",))


def slower_without_sleep(evidence: Evidence) -> Signal | None:
    """The same as an upper bound; or, where threads still cross while no CPU sleeps, what is left
    of the gap then: the smaller of the two."""
    bounds = [s for s in (slower_on_cpu(evidence), crossing_without_sleep(evidence)) if s]
    known = [signal for signal in bounds if signal.share is not None]
    if not known:
        return None
    least = min(known, key=lambda signal: signal.share.high if signal.share else 1.0)
    return Signal(least.text, least.share, at_most=True)


def two_runnable(evidence: Evidence) -> Signal | None:
    """How many wake-ups cross by how many threads can run on the waker's CPU; the share of the gap
    is that of the crossings with two or more."""
    runs = evidence.documents(FREE)
    rows, of = _placements(runs, by_queue=True), ""
    if rows is None:
        rows, of = _placements(runs), "; only the target's own threads are counted"
    if rows is None:
        return None
    (alone_here, alone_away), (two_here, two_away) = rows
    alone, two = alone_here + alone_away, two_here + two_away
    if not reader.is_seen(two, alone + two):
        return Signal(
            f"the waker's CPU hardly ever has two runnable threads ({count(two)} of"
            f" {count(alone + two)} times{of})",
            present=False,
        )
    text = f"with two or more runnable threads {percent(two_away / two)} of the wake-ups cross"
    if reader.is_seen(alone, alone + two):
        text += f", with one {percent(alone_away / alone)}"
        if two_away * alone < _TWICE * alone_away * two:
            return Signal(text + of, present=False)
    crossed = two_away + alone_away
    share = evidence.share_of_gap(lambda d: _extra(d, evidence)) if crossed else None
    part = two_away / max(crossed, 1)
    text += of
    return Signal(text, share and Interval(*(part * end for end in _ends(share))), two_away > 0)


def _ends(interval: Interval) -> tuple[float, float, float]:
    return interval.median, interval.low, interval.high


def _extra(document: Document, evidence: Evidence) -> float | None:
    return crossings.extra_ns(document, evidence.same_cpu_ns)


def _placements(
    documents: Sequence[Document], *, by_queue: bool = False
) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Wake-ups onto the same and another CPU, with one and with more that could run: threads of the
    target or, `by_queue`, tasks of all programs."""
    totals = [[0, 0], [0, 0]]
    for document in documents:
        rows = reader.placed(document, by_queue=by_queue)
        if rows is None:
            return None
        for runnable, here, away in rows:
            totals[runnable > 1][0] += here
            totals[runnable > 1][1] += away
    (a, b), (c, d) = totals
    return ((a, b), (c, d)) if documents else None


def longer_sleep(evidence: Evidence) -> Signal | None:
    """How long a wake-up takes to reach a CPU by how long that has slept: what deliveries take
    beyond those after the shortest sleeps that were seen."""
    runs = [rows for d in evidence.documents(FREE) if (rows := reader.sleeps(d)) and len(rows) > 1]
    if not runs or len(runs) < len(evidence.documents(FREE)):
        return None
    shortest, longest = _merged(runs, 0), _merged(runs, -1)
    text = (
        f"delivery takes {duration(shortest[1])} after sleeps of {duration(shortest[0])} or more,"
        f" {duration(longest[1])} after {duration(longest[0])} or more"
    )
    if longest[1] < _LONGER * shortest[1]:
        return Signal(text, present=False)
    share = evidence.share_of_gap(_beyond_the_shortest)
    return None if share is None else Signal(text, share)


def _merged(runs: Sequence[Sequence[tuple[float, int, float]]], row: int) -> tuple[float, float]:
    """The median over runs of one of their rows: ns of sleep, mean delivery."""
    return (
        float(np.median([rows[row][0] for rows in runs])),
        float(np.median([rows[row][2] for rows in runs])),
    )


def _beyond_the_shortest(document: Document) -> float | None:
    rows = reader.sleeps(document)
    if rows is None:
        return None
    if not rows:
        return 0.0
    beyond_ns = sum(times * (mean_ns - rows[0][2]) for _, times, mean_ns in rows)
    return beyond_ns / reader.units(document)
