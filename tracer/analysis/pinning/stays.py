"""How long threads stay on a CPU, from coming in to leaving it, by the wake-up before: on the same
CPU, from another one, and by how long the CPU had slept. What a crossing costs after the thread
runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document
from tracer.model.states import WAKEUP_KINDS
from tracer.units import duration

SAME, CROSSED = ("same_cpu",), ("cross_cpu_idle", "cross_cpu_busy")


@dataclass(frozen=True)
class Stays:
    """So many stays, and of all of them together the ns, those in calls for I/O, and those in own
    code; the rest is other calls. None: the run did not tell them apart."""

    count: int = 0
    ns: float = 0.0
    io_ns: float | None = 0.0
    user_ns: float | None = 0.0

    def __add__(self, other: Stays) -> Stays:
        return Stays(
            self.count + other.count,
            self.ns + other.ns,
            _sum(self.io_ns, other.io_ns),
            _sum(self.user_ns, other.user_ns),
        )

    @property
    def mean_ns(self) -> float:
        return self.ns / max(self.count, 1)

    def text(self) -> str:
        """The means of a stay: calls for I/O and own code, or the whole."""
        if self.io_ns is None or self.user_ns is None:
            return duration(self.mean_ns)
        n = max(self.count, 1)
        return f"{duration(self.io_ns / n)} in I/O and {duration(self.user_ns / n)} in own code"


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def after(documents: Sequence[Document], kinds: Sequence[str]) -> Stays | None:
    """Stays after waits of these kinds, of all these runs; None where too few were seen, and of
    reports that do not have them."""
    found, every = Stays(), 0
    for document in documents:
        sched = document.get("sched")
        if not sched or not sched.get("ran_ns"):
            return None
        ran, parts = sched["ran_ns"], sched.get("ran_parts_ns")
        every += sum(ran[kind]["count"] for kind in WAKEUP_KINDS if kind in ran)
        for kind in kinds:
            times = ran[kind]
            found += Stays(
                times["count"],
                times["count"] * float(times["mean"] or 0.0),
                float(parts[kind]["io"]) if parts else None,
                float(parts[kind]["user"]) if parts else None,
            )
    return found if reader.is_seen(found.count, every) else None


@dataclass(frozen=True)
class BySleep:
    """Stays on CPUs that had slept for less than `limit_ns`, and on those that had for longer."""

    limit_ns: float
    short: Stays
    long: Stays


def by_sleep(documents: Sequence[Document]) -> BySleep | None:
    """Of all these runs, where the limit divides the stays most evenly; None where one of the two
    was hardly seen, and of reports that do not have them."""
    octaves: dict[float, Stays] = {}
    for document in documents:
        rows = _octaves(document)
        if rows is None:
            return None
        for from_ns, stays in rows.items():
            octaves[from_ns] = octaves.get(from_ns, Stays()) + stays
    divided = [divide(octaves, limit_ns) for limit_ns in sorted(octaves)[1:]]
    if not divided:
        return None
    best = min(divided, key=lambda two: abs(two.short.count - two.long.count))
    every = best.short.count + best.long.count
    is_seen = all(reader.is_seen(side.count, every) for side in (best.short, best.long))
    return best if is_seen else None


def divide(octaves: dict[float, Stays], limit_ns: float) -> BySleep:
    """The two sides of a limit that is the beginning of an octave."""
    short = [stays for from_ns, stays in octaves.items() if from_ns < limit_ns]
    long = [stays for from_ns, stays in octaves.items() if from_ns >= limit_ns]
    return BySleep(limit_ns, sum(short, Stays()), sum(long, Stays()))


def longer_after_sleep_ns(document: Document, limit_ns: float) -> float | None:
    """What stays on CPUs that had slept longer take beyond those on the others, ns per unit; 0
    where one of the two did not occur, None of reports that do not have them."""
    rows = _octaves(document)
    if rows is None:
        return None
    two = divide(rows, limit_ns)
    if not two.short.count or not two.long.count:
        return 0.0
    return two.long.count * (two.long.mean_ns - two.short.mean_ns) / reader.units(document)


def _octaves(document: Document) -> dict[float, Stays] | None:
    """By the octave of the CPU's sleep: ns from which on."""
    idle = document.get("idle")
    rows = idle.get("sleeps") if idle else None
    if rows is None or any("stays" not in row for row in rows):
        return None
    is_split = reader.is_split(document)
    return {
        float(row["from_ns"]): Stays(
            row["stays"],
            float(row["ran_ns"]),
            float(row["ran_io_ns"]) if is_split else None,
            float(row["ran_user_ns"]) if is_split else None,
        )
        for row in rows
    }
