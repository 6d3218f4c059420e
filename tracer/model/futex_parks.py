"""Threads that sleep at futex words of their own until another thread wakes them.

Those of a JVM do: its locks are words that no futex call names.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tracer.model.futex_words import each_group, groups_of, threads_of
from tracer.model.probe import Arrays, Context

#: Kinds that are kept.
TOP = 16


@dataclass(frozen=True)
class Park:
    """Threads `name` of a process that slept where no other thread waits, and that threads `waker`
    woke: how many they are, how often, and for how long in all, ns."""

    tgid: int
    name: str
    waker: str
    threads: int
    slept: int
    asleep_ns: int


def data_of(park: Park) -> dict[str, Any]:
    """As in the JSON document."""
    return asdict(park)


def parks(words: Sequence[NDArray[np.void]], arrays: Arrays, context: Context) -> tuple[Park, ...]:
    """The longest sleeps of all; those that ended by their time-out are not in them."""
    sums: defaultdict[tuple[int, str, str], list[float]] = defaultdict(lambda: [0.0, 0.0])
    threads: defaultdict[tuple[int, str, str], set[tuple[int, int]]] = defaultdict(set)
    for rows in words:
        waiting = rows[rows["slept"] > 0]
        who = set(threads_of(waiting))
        woken = Counter(dict(groups_of(rows, "woken", arrays, context.groups)))
        if len(who) != 1 or not woken:
            continue
        (name,) = each_group(waiting[:1], arrays, context.groups)
        slept = int(waiting["slept"].sum()) - int(waiting["timed_out"].sum())
        asleep_ns = int(waiting["asleep_ns"].sum()) - int(waiting["timed_ns"].sum())
        for waker, times in woken.items():
            key = int(rows["tgid"][0]), name, waker
            sums[key][0] += slept * times / woken.total()
            sums[key][1] += asleep_ns * times / woken.total()
            threads[key] |= who
    found = [
        Park(*key, len(threads[key]), round(slept), round(asleep_ns))
        for key, (slept, asleep_ns) in sums.items()
    ]
    return tuple(sorted(found, key=lambda one: (-one.asleep_ns, one.name, one.waker))[:TOP])
