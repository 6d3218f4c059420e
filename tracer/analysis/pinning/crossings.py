"""What a wake-up to another CPU costs beyond one on the same CPU, from one traced run."""

from __future__ import annotations

from dataclasses import dataclass

from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document


@dataclass(frozen=True)
class CrossingCosts:
    """Wake-ups to another CPU per unit, and the mean ns of one of them and of one on the same CPU:
    from the wake-up until the woken thread runs, and on until it wakes the next thread."""

    count: float
    cross_ns: float
    same_ns: float

    @property
    def extra_ns(self) -> float:
        """What crossing costs, ns per unit."""
        return self.count * (self.cross_ns - self.same_ns)


def crossing_costs(document: Document) -> CrossingCosts | None:
    """None without the probe `sched`.

    Without any wake-up on the same CPU there is no cost to compare with, and crossing counts as
    costing nothing extra.
    """
    count, wakeups = reader.crossings(document), reader.wakeups(document)
    if count is None or wakeups is None:
        return None
    costs = [
        (wakeups[kind], cost_ns)
        for kind in ("cross_cpu_idle", "cross_cpu_busy")
        if (cost_ns := _cost_ns(document, kind)) is not None
    ]
    times = sum(n for n, _ in costs)
    cross_ns = sum(n * cost_ns for n, cost_ns in costs) / times if times else 0.0
    same_ns = _cost_ns(document, "same_cpu")
    return CrossingCosts(count, cross_ns, cross_ns if same_ns is None else same_ns)


def _cost_ns(document: Document, kind: str) -> float | None:
    """Wake-up to handing on of one kind of wake-up; None when there was none."""
    latency_ns = reader.mean_wakeup_ns(document, kind)
    handover_ns = reader.mean_handover_ns(document, kind)
    return None if latency_ns is None else latency_ns + (handover_ns or 0.0)


def cross_ns(document: Document) -> float | None:
    """`CrossingCosts.cross_ns`."""
    costs = crossing_costs(document)
    return None if costs is None else costs.cross_ns


def same_ns(document: Document) -> float | None:
    """`CrossingCosts.same_ns`."""
    costs = crossing_costs(document)
    return None if costs is None else costs.same_ns


def extra_ns(document: Document) -> float | None:
    """`CrossingCosts.extra_ns`."""
    costs = crossing_costs(document)
    return None if costs is None else costs.extra_ns
