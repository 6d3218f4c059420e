"""What the runs of the pinning experiment say: the gap, what each change of it recovers, and the
signals that the theories look at. A signal or a run that is missing gives None, never zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracer.analysis.blocks import Blocks
from tracer.analysis.run import document as doc
from tracer.analysis.run.document import Document
from tracer.analysis.statistics.intervals import Interval, Ratio, median_interval, share_interval
from tracer.model.trial import Outcome

FREE, PINNED = "unpinned", "one CPU"
POLLING, BATCH, SPINNERS = "idle CPUs polling", "no wake-up preemption", "CPUs kept busy"
PINNED_BATCH = "one CPU, no wake-up preemption"
PROCESSES, PROCESSES_PINNED = "processes", "processes, one CPU"
MEMORY, MEMORY_PINNED = "no I/O", "no I/O, one CPU"
FLOOR = "one thread"

#: A smaller difference between the placements is no gap to explain.
SMALLEST_GAP = 0.05


class Evidence:
    """Outcomes of the experiment, asked by condition.

    `one_address_space`: the base workload's tasks are threads of one process. `unit`: what its
    unit of work is called.
    """

    def __init__(
        self, outcomes: Sequence[Outcome], one_address_space: bool = True, unit: str = "unit"
    ) -> None:
        self.blocks = Blocks([o for o in outcomes if o.trial.block >= 0])
        self.one_address_space = one_address_space
        self.unit = unit
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
        """Free to move is slower than pinned, beyond noise; one block tells nothing of noise."""
        r = self.ratio
        return r is not None and r.blocks > 1 and r.low > 1 and r.median > 1 + SMALLEST_GAP

    @property
    def is_reversed(self) -> bool:
        """Pinned is slower than free to move, beyond noise."""
        r = self.ratio
        return r is not None and r.blocks > 1 and r.high < 1 and 1 / r.median > 1 + SMALLEST_GAP

    def ns(self, label: str) -> Interval | None:
        return self.blocks.interval(label)

    def recovered(self, label: str) -> Interval | None:
        """Share of the gap that is gone in this condition, block by block."""
        times = [
            {o.trial.block: o.ns_per_unit for o in self.untraced(name)}
            for name in (FREE, PINNED, label)
        ]
        blocks = sorted(set.intersection(*map(set, times)))
        free, pinned, other = ([side[n] for n in blocks] for side in times)
        return share_interval(np.subtract(free, other), np.subtract(free, pinned))

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
        pairs = list(zip(self.documents(FREE), self.documents(PINNED), strict=False))
        parts = [(of(a), of(b)) for a, b in pairs]
        known = [x - y for x, y in parts if x is not None and y is not None]
        if len(known) < len(pairs):
            return None
        return share_interval(known, [doc.ns_per_unit(a) - doc.ns_per_unit(b) for a, b in pairs])

    def untraced(self, label: str) -> Sequence[Outcome]:
        return self._untraced.get(label, [])

    def around(self, label: str, of: Callable[[Outcome], float]) -> Interval | None:
        """`of` over the untraced runs of a condition."""
        found = self.untraced(label)
        return median_interval([of(outcome) for outcome in found]) if found else None

    def paired(self, of: Callable[[Outcome, Outcome], float]) -> Interval | None:
        """`of` the untraced unpinned and pinned run of each block, as a share of the gap."""
        free, pinned = ({o.trial.block: o for o in self.untraced(n)} for n in (FREE, PINNED))
        pairs = [(free[n], pinned[n]) for n in sorted(free.keys() & pinned.keys())]
        gaps = [a.ns_per_unit - b.ns_per_unit for a, b in pairs]
        return share_interval([of(a, b) for a, b in pairs], gaps)


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


def pulled(document: Document) -> float | None:
    """Preempted threads that another CPU pulled over, per unit."""
    sched = document.get("sched")
    return float(sched["pulled"]) / doc.units(document) if sched else None


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


@dataclass(frozen=True)
class Crossings:
    """Wake-ups that went to another CPU, per unit, and the mean ns of one of them and of one on the
    same CPU: from the wake-up until the woken thread ran, and on until it woke the next."""

    count: float
    cross_ns: float
    same_ns: float

    @property
    def extra_ns(self) -> float:
        """What crossing costs, ns per unit."""
        return self.count * (self.cross_ns - self.same_ns)


def crossing_costs(document: Document) -> Crossings | None:
    """None without the probe `sched`. Without a wake-up on the same CPU there is no price to
    compare with: crossing then costs nothing extra."""
    count = crossings(document)
    if count is None:
        return None

    def cost(kind: str) -> float | None:
        woken, ran = latency_ns(document, kind), handover_ns(document, kind)
        return None if woken is None else woken + (ran or 0.0)

    counts = document["sched"]["wakeups"]
    known = [
        (counts[kind], value)
        for kind in ("cross_cpu_idle", "cross_cpu_busy")
        if (value := cost(kind)) is not None
    ]
    total = sum(n for n, _ in known)
    cross = sum(n * value for n, value in known) / total if total else 0.0
    same = cost("same_cpu")
    return Crossings(count, cross, cross if same is None else same)


def extra_of_crossings(document: Document) -> float | None:
    """What crossing costs, ns per unit."""
    found = crossing_costs(document)
    return None if found is None else found.extra_ns
