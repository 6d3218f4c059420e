"""What the runs of the pinning experiment say: the gap, what each change of it recovers, and the
signals that the theories look at. A signal or a run that is missing gives None, never zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracer.analysis import document as doc
from tracer.analysis.blocks import Blocks
from tracer.analysis.document import Document
from tracer.analysis.statistics import Interval, Ratio, median_interval
from tracer.outcome import Outcome

FREE, PINNED = "unpinned", "one CPU"
POLLING, BATCH, SPINNERS = "idle CPUs polling", "no wake-up preemption", "CPUs kept busy"
PINNED_BATCH = "one CPU, no wake-up preemption"
PROCESSES, PROCESSES_PINNED = "processes", "processes, one CPU"
MEMORY, MEMORY_PINNED = "no I/O", "no I/O, one CPU"
FLOOR = "one thread"


class Evidence:
    """Outcomes of the experiment, asked by condition.

    `one_address_space`: the base workload's tasks are threads of one process.
    """

    def __init__(self, outcomes: Sequence[Outcome], one_address_space: bool = True) -> None:
        self.blocks = Blocks([o for o in outcomes if o.trial.block >= 0])
        self.one_address_space = one_address_space
        self._untraced: dict[str, list[Outcome]] = {}
        for outcome in outcomes:
            if not outcome.trial.traced and outcome.trial.block >= 0:
                self._untraced.setdefault(outcome.trial.condition, []).append(outcome)

    # ---- the gap ----

    @property
    def ratio(self) -> Ratio | None:
        """Unpinned against pinned, untraced."""
        return self.blocks.ratio(FREE, PINNED)

    @property
    def gap(self) -> Interval | None:
        """ns per unit that pinning saves."""
        return self.blocks.combined(FREE, PINNED, lambda a, b: a - b)

    @property
    def has_gap(self) -> bool:
        """Free to move is slower than pinned, beyond noise."""
        ratio = self.ratio
        return ratio is not None and ratio.low > 1

    @property
    def is_reversed(self) -> bool:
        """Pinned is slower than free to move, beyond noise."""
        ratio = self.ratio
        return ratio is not None and ratio.high < 1

    def ns(self, label: str) -> Interval | None:
        return self.blocks.interval(label)

    def recovered(self, label: str) -> Interval | None:
        """Share of the gap that is gone in this condition, block by block."""
        times = {
            name: {o.trial.block: o.ns_per_unit for o in self._untraced.get(name, [])}
            for name in (FREE, PINNED, label)
        }
        blocks = sorted(set.intersection(*(set(found) for found in times.values())))
        gap = self.gap
        if not blocks or gap is None or gap.median <= 0:
            return None
        # a block's own gap can be near zero: the common one divides
        shares = [(times[FREE][n] - times[label][n]) / gap.median for n in blocks]
        return median_interval(shares)

    # ---- signals of traced runs ----

    def documents(self, label: str) -> Sequence[Document]:
        return self.blocks.documents(label)

    def measured(self, label: str, of: Callable[[Document], float | None]) -> Interval | None:
        """`of` over the traced runs of a condition; None where it is None in any."""
        values = [of(document) for document in self.documents(label)]
        known = [value for value in values if value is not None]
        return median_interval(known) if known and len(known) == len(values) else None

    def share_of_gap(self, of: Callable[[Document], float | None]) -> Interval | None:
        """By how much `of` (ns per unit) is larger unpinned than pinned, as a share of the traced
        gap between them."""
        free, pinned = self.documents(FREE), self.documents(PINNED)
        count = min(len(free), len(pinned))
        if not count:
            return None
        gap = float(np.median([doc.ns_per_unit(d) for d in free])) - float(
            np.median([doc.ns_per_unit(d) for d in pinned])
        )
        shares = []
        for a, b in zip(free[:count], pinned[:count], strict=True):
            x, y = of(a), of(b)
            if x is None or y is None or gap <= 0:
                return None
            shares.append((x - y) / gap)
        return median_interval(shares)

    def around(self, label: str, of: Callable[[Outcome], float]) -> Interval | None:
        """`of` over the untraced runs of a condition."""
        found = self._untraced.get(label)
        return median_interval([of(outcome) for outcome in found]) if found else None


# ---- signals: what a document says per unit of work, None where its probe was off ----


def count_of(name: str) -> Callable[[Document], float | None]:
    """One of analysis.document.counts, per unit."""
    return lambda document: doc.counts(document).get(name)


def line_of(*names: str) -> Callable[[Document], float | None]:
    """Lines of the wall ledger, ns per unit."""

    def read(document: Document) -> float | None:
        lines = doc.wall_lines(document)
        return sum(lines[name] for name in names)

    return read


def idle_part(*names: str) -> Callable[[Document], float | None]:
    """Parts of the path's wake-ups onto sleeping CPUs, ns per unit."""

    def read(document: Document) -> float | None:
        idle = document.get("idle")
        if not idle:
            return None
        return float(sum(idle["path"][name] for name in names)) / doc.units(document)

    return read


def wakes(document: Document, polling: bool | None = None) -> Sequence[Mapping[str, Any]] | None:
    """Wake-ups from another CPU to idle ones, by state; `polling` chooses the states."""
    idle = document.get("idle")
    if not idle:
        return None
    return [w for w in idle["wakeups"] if polling is None or w["polling"] == polling]


def crossings(document: Document) -> float | None:
    """Wake-ups that went to another CPU, per unit."""
    sched = document.get("sched")
    if not sched:
        return None
    woken = sched["wakeups"]
    return float(woken["cross_cpu_idle"] + woken["cross_cpu_busy"]) / doc.units(document)


def interrupts_sent(document: Document) -> float | None:
    """Interrupts that wake-ups sent to idle CPUs, per unit."""
    found = wakes(document)
    if found is None:
        return None
    sent = sum(w["sent"]["call_function"] + w["sent"]["reschedule"] for w in found)
    return float(sent) / doc.units(document)


def latency_ns(document: Document, kind: str) -> float | None:
    """Mean time from wake-up to running of one kind; None when there was none."""
    sched = document.get("sched")
    times = sched["wakeup_latency_ns"][kind] if sched else None
    return float(times["mean"]) if times and times["mean"] is not None else None


def handover_ns(document: Document, kind: str) -> float | None:
    """Mean time on a CPU from coming in, after a wait of this kind, to waking another thread."""
    sched = document.get("sched")
    times = sched["handover_ns"].get(kind) if sched else None
    return float(times["mean"]) if times and times["mean"] is not None else None


def held_ns(document: Document) -> float | None:
    """What senders were held up by interrupts beyond what a flag costs them, ns per unit."""
    idle = document.get("idle")
    if not idle:
        return None
    held = idle["sender_held_ns"]
    base = held["flag"]["mean"] or 0
    total = sum(
        (held[kind]["mean"] - base) * held[kind]["count"]
        for kind in ("call_function", "reschedule")
        if held[kind]["count"]
    )
    return max(float(total), 0.0) / doc.units(document)
