"""Which CPUs the target's threads were allowed, at the window's start and end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tracer.analysis.run.ledger import cpu_times, in_window
from tracer.model.recording import Recording

_BITS = 64


@dataclass(frozen=True)
class Allowed:
    """The CPUs that at least one thread was allowed; `end` is empty where it is not known.

    `narrowed` of the `threads` had chosen fewer CPUs by sched_setaffinity, or had them from a
    thread that had: together `narrowed_to`. The first such call was `narrowed_ns` after the
    window's start (0: before it); None where there was none, or calls were not seen.
    """

    start: tuple[int, ...]
    end: tuple[int, ...]
    threads: int
    narrowed: int = 0
    narrowed_to: tuple[int, ...] = ()
    narrowed_ns: int | None = None


def allowed(recording: Recording) -> Allowed:
    """From what the living target showed at the edges, and from the calls that were seen."""
    edges, online = recording.edges, frozenset(recording.online_cpus)
    start = frozenset(edges.allowed_start) or online
    rows = recording.threads["affinity"][in_window(recording)].tolist()
    last = len(recording.affinities) - 1
    if not recording.is_split or last in rows:
        return Allowed(tuple(sorted(start)), edges.allowed_end, len(rows))
    choices = {row: _cpus(recording.affinities[row]) & online for row in set(rows) if row}
    narrow = {row: cpus for row, cpus in choices.items() if cpus and cpus < start}
    every = {choices.get(row) or start for row in set(rows)}
    first_ns = min((int(recording.affinities["ns"][row]) for row in narrow), default=None)
    return Allowed(
        start=tuple(sorted(start)),
        end=edges.allowed_end or tuple(sorted(frozenset().union(*every))),
        threads=len(rows),
        narrowed=sum(row in narrow for row in rows),
        narrowed_to=tuple(sorted(frozenset().union(*narrow.values()))),
        narrowed_ns=None if first_ns is None else max(first_ns - recording.start_ns, 0),
    )


def not_allowed_ns(recording: Recording, behind: Mapping[str, int]) -> int:
    """Of the path's waits `behind` other threads, the time for which a CPU was idle that no thread
    of the target was allowed, at least: two times overlap by what they are longer together than
    the window. 0 where all CPUs were allowed, or it is not known which."""
    window_ns, found = recording.window_ns, allowed(recording)
    usable, open_ns = set(found.start) | set(found.end), 0
    if found.narrowed and found.narrowed == found.threads:
        rows = recording.threads["affinity"][in_window(recording)]
        last_ns = int(recording.affinities["ns"][rows].max())
        usable, open_ns = set(found.narrowed_to), max(last_ns - recording.start_ns, 0)
    waited_ns = behind["own"] + behind["other"]
    idle_ns = max(
        (cpu_times(recording, n).idle_ns for n in recording.online_cpus if n not in usable),
        default=0,
    )
    return min(max(waited_ns + idle_ns - window_ns - open_ns, 0), waited_ns)


def _cpus(row: np.void) -> frozenset[int]:
    """The CPUs of a `struct affinity`."""
    words = [int(word) for word in row["mask"]]
    return frozenset(
        at * _BITS + bit for at, word in enumerate(words) for bit in range(_BITS) if word >> bit & 1
    )
