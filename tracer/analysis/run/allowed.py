"""Which CPUs the target's threads were allowed, at the window's start and end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tracer.analysis.run.ledger import in_window
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
    if recording.light or last in rows:
        return Allowed(tuple(sorted(start)), edges.allowed_end, len(rows))
    choices = {row: _cpus(recording.affinities[row]) & online for row in set(rows) if row}
    narrow = {row: cpus for row, cpus in choices.items() if cpus and cpus < start}
    by_thread = [choices.get(row) or start for row in rows]
    first_ns = min((int(recording.affinities["ns"][row]) for row in narrow), default=None)
    return Allowed(
        start=tuple(sorted(start)),
        end=edges.allowed_end or tuple(sorted(frozenset().union(*by_thread))),
        threads=len(rows),
        narrowed=sum(row in narrow for row in rows),
        narrowed_to=tuple(sorted(frozenset().union(*narrow.values()))),
        narrowed_ns=None if first_ns is None else max(first_ns - recording.start_ns, 0),
    )


def _cpus(row: np.void) -> frozenset[int]:
    """The CPUs of a `struct affinity`."""
    words = [int(word) for word in row["mask"]]
    return frozenset(
        at * _BITS + bit for at, word in enumerate(words) for bit in range(_BITS) if word >> bit & 1
    )
