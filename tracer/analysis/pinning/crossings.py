"""What a wake-up to another CPU costs beyond one on the same CPU, from one traced run."""

from __future__ import annotations

from dataclasses import dataclass

from tracer.analysis.run import reader
from tracer.analysis.run.reader import Document
from tracer.model.states import WAKEUP_KINDS


@dataclass(frozen=True)
class CrossingCosts:
    """Wake-ups to another CPU per unit, and the mean ns of one of them and of one on the same CPU:
    from the wake-up until the woken thread runs, and on until it wakes the next thread.

    A mean of too few wake-ups (`reader.is_seen`) is None: it was not seen. `hardly` crosses: so few
    wake-ups do that they count as none.
    """

    count: float
    cross_ns: float | None
    same_ns: float | None
    hardly: bool = False

    def extra_ns(self, same_ns: float | None = None) -> float | None:
        """What crossing costs, ns per unit; None where one of the two prices was not seen.
        `same_ns` is the price of a wake-up on the same CPU from elsewhere, for where it was not."""
        if self.hardly:
            return 0.0
        price_ns = self.same_ns if self.same_ns is not None else same_ns
        if self.cross_ns is None or price_ns is None:
            return None
        return self.count * (self.cross_ns - price_ns)


def crossing_costs(document: Document) -> CrossingCosts | None:
    """None without the probe `sched`."""
    count, wakeups = reader.crossings(document), reader.wakeups(document)
    if count is None or wakeups is None:
        return None
    kinds = ("cross_cpu_idle", "cross_cpu_busy")
    crossed, of = (
        sum(wakeups[kind] for kind in kinds),
        sum(wakeups[kind] for kind in WAKEUP_KINDS if kind in wakeups),
    )
    return CrossingCosts(
        count,
        _mean_cost_ns(document, kinds) if reader.is_seen(crossed, of) else None,
        _mean_cost_ns(document, ("same_cpu",)) if reader.is_seen(wakeups["same_cpu"], of) else None,
        hardly=crossed < reader.SEEN_SHARE * of or not crossed,
    )


def _mean_cost_ns(document: Document, kinds: tuple[str, ...]) -> float | None:
    """Wake-up to handing on, over wake-ups of these kinds; None when there was none."""
    wakeups = reader.wakeups(document) or {}
    costs = [
        (wakeups[kind], latency_ns + (reader.mean_handover_ns(document, kind) or 0.0))
        for kind in kinds
        if (latency_ns := reader.mean_wakeup_ns(document, kind)) is not None
    ]
    times = sum(n for n, _ in costs)
    return sum(n * cost_ns for n, cost_ns in costs) / times if times else None


def cross_ns(document: Document) -> float | None:
    """`CrossingCosts.cross_ns`."""
    costs = crossing_costs(document)
    return None if costs is None else costs.cross_ns


def same_ns(document: Document) -> float | None:
    """`CrossingCosts.same_ns`."""
    costs = crossing_costs(document)
    return None if costs is None else costs.same_ns


def extra_ns(document: Document, same_ns: float | None = None) -> float | None:
    """`CrossingCosts.extra_ns`."""
    costs = crossing_costs(document)
    return None if costs is None else costs.extra_ns(same_ns)


# ---- on a CPU ----


def on_cpu_ns(document: Document, kinds: tuple[str, ...]) -> float | None:
    """Mean time on a CPU, from coming in after a wake-up of these kinds to waking the next thread;
    None where too few were seen."""
    wakeups = reader.wakeups(document)
    if wakeups is None:
        return None
    times = [(wakeups[k], reader.mean_handover_ns(document, k)) for k in kinds if wakeups[k]]
    count = sum(n for n, _ in times)
    of = sum(wakeups.get(kind, 0) for kind in WAKEUP_KINDS)
    if not reader.is_seen(count, of):
        return None
    return sum(n * (mean_ns or 0.0) for n, mean_ns in times) / count


def extra_on_cpu_ns(document: Document, same_ns: float | None = None) -> float | None:
    """What threads take longer on a CPU after a crossing than after a wake-up on the same CPU, ns
    per unit; None where one of the two was not seen. `same_ns` takes the place of the latter."""
    costs = crossing_costs(document)
    if costs is None:
        return None
    if costs.hardly:
        return 0.0
    here = on_cpu_ns(document, ("same_cpu",))
    there = on_cpu_ns(document, ("cross_cpu_idle", "cross_cpu_busy"))
    here = same_ns if here is None else here
    return None if here is None or there is None else costs.count * (there - here)
