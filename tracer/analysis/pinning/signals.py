"""What the runs show of each suspected mechanism: a share of the gap, or whether it was there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracer.analysis.pinning import evidence as e
from tracer.analysis.pinning.evidence import Evidence
from tracer.analysis.pinning.wording import percent, times
from tracer.analysis.run.document import Document
from tracer.analysis.statistics.intervals import Interval
from tracer.model.trial import Outcome
from tracer.units import duration, rate

#: Crossing wake-ups per unit below which there is hardly any crossing.
_CROSSES = 0.01
#: With fewer of them while idle CPUs poll, nothing can be said of crossing without sleep.
_STILL_CROSSES = 0.05


@dataclass(frozen=True)
class Signal:
    """What the runs show of a mechanism, in words; `share` of the gap that it can carry, None where
    a signal has no time of its own; `present` False when it was hardly there; `at_most`: other
    things may be in the share too, so that it can refute and not prove."""

    text: str
    share: Interval | None = None
    present: bool = True
    at_most: bool = False


Look = Callable[[Evidence], Signal | None]


def time_of(of: Callable[[Document], float | None], what: str, at_most: bool = False) -> Look:
    """Time in traced runs, ns per unit; `at_most`: not all of it need be on the path."""

    def signal(found: Evidence) -> Signal | None:
        share, value = found.share_of_gap(of), found.measured(e.FREE, of)
        if value is None or (share is None and found.has_gap):
            return None
        return Signal(f"{what} {duration(value.median)} per {found.unit}", share, at_most=at_most)

    return signal


def count_of(of: Callable[[Document], float | None], what: str, least: float) -> Look:
    """Something counted in traced runs, hardly there below `least` per unit."""

    def signal(found: Evidence) -> Signal | None:
        free, pinned = found.measured(e.FREE, of), found.measured(e.PINNED, of)
        if free is None:
            return None
        against = "" if pinned is None else f", pinned {rate(pinned.median)}"
        text = f"{what} {rate(free.median)} per {found.unit}{against}"
        return Signal(text, present=free.median >= least)

    return signal


def crossing(found: Evidence) -> Signal | None:
    """What wake-ups to another CPU cost more than those on the same, in the same runs."""
    count, share = found.measured(e.FREE, e.crossings), found.share_of_gap(e.extra_of_crossings)
    cross, same = (found.measured(e.FREE, of) for of in (_cross, _same))
    if not count or not cross or not same or (share is None and found.has_gap):
        return None
    text = (
        f"{rate(count.median)} wake-ups per {found.unit} go to another CPU; each takes"
        f" {duration(cross.median)} until the woken thread has handed on, one on the same CPU"
        f" {duration(same.median)}"
    )
    return Signal(text, share, count.median >= _CROSSES)


def _cross(document: Document) -> float | None:
    found = e.crossing_costs(document)
    return None if found is None else found.cross_ns


def _same(document: Document) -> float | None:
    found = e.crossing_costs(document)
    return None if found is None else found.same_ns


def polling_needs_no_interrupt(found: Evidence) -> Signal | None:
    free = found.measured(e.FREE, e.interrupts_sent)
    polling = found.measured(e.POLLING, e.interrupts_sent)
    if free is None or polling is None:
        return None
    text = (
        f"interrupts sent {rate(free.median)} per {found.unit}, with polling {rate(polling.median)}"
    )
    return Signal(text, present=free.median > 0.01 and polling.median < 0.5 * free.median)


def crossing_without_sleep(found: Evidence) -> Signal | None:
    """Threads still cross while idle CPUs poll: what is then left of the gap may be cold caches,
    moving data, or anything else that polling does not remove."""
    count = found.measured(e.POLLING, e.crossings)
    recovered = found.recovered(e.POLLING)
    if count is None or recovered is None or count.median < _STILL_CROSSES:
        return None
    left = Interval(1 - recovered.median, 1 - recovered.high, 1 - recovered.low)
    text = (
        f"with idle CPUs polling {rate(count.median)} wake-ups per {found.unit} still cross, and"
        f" {percent(left)} of the gap is left"
    )
    return Signal(text, left, at_most=True)


def one_address_space(found: Evidence) -> Signal | None:
    """Threads of one address space: no flush, no barrier between them, and yet there is a gap."""
    gap = found.gap
    processes = found.blocks.combined(e.PROCESSES, e.PROCESSES_PINNED, lambda a, b: a - b)
    if not found.one_address_space or gap is None or processes is None:
        return None
    text = (
        f"pinning saves {times(gap)} per {found.unit} between threads of one address space;"
        f" between processes {times(processes)}"
    )
    return Signal(text, present=False)


def speed(found: Evidence) -> Signal | None:
    def spin(outcome: Outcome) -> float:
        around = outcome.surroundings
        return (around.spin_before_ns + around.spin_after_ns) / 2

    share = found.paired(lambda a, b: (spin(a) / spin(b) - 1) * a.ns_per_unit)
    free, pinned = found.around(e.FREE, spin), found.around(e.PINNED, spin)
    if share is None or free is None or pinned is None:
        return None
    text = (
        f"a fixed piece of work took {duration(free.median)} around the unpinned runs, pinned"
        f" {duration(pinned.median)}"
    )
    return Signal(text, share)


def _taken(what: str, of: Callable[[Outcome], float], at_most: bool) -> Look:
    """CPU time that others took, beyond what they would have taken in as long a pinned run."""

    def per_unit(outcome: Outcome) -> float:
        return float(of(outcome)) / float(outcome.result["units"])

    def excess(a: Outcome, b: Outcome) -> float:
        return per_unit(a) - per_unit(b) * a.ns_per_unit / b.ns_per_unit

    def signal(found: Evidence) -> Signal | None:
        share = found.paired(excess)
        free, pinned = found.around(e.FREE, per_unit), found.around(e.PINNED, per_unit)
        if share is None or free is None or pinned is None:
            return None
        text = (
            f"{what} {duration(free.median)} per {found.unit} over all CPUs, pinned"
            f" {duration(pinned.median)}"
        )
        polling = found.around(e.POLLING, per_unit)
        if polling is not None:
            text += f", with idle CPUs polling {duration(polling.median)}"
        return Signal(text, share, at_most=at_most)

    return signal


stolen = _taken("steal", lambda outcome: outcome.surroundings.steal_ns, False)
# others may run beside the target, on another CPU
others = _taken("others", lambda outcome: outcome.surroundings.others_ns, True)


def tracer_itself(found: Evidence) -> Signal | None:
    """The gap is that of untraced runs: what tracing adds cannot be in it."""
    gap = found.gap
    if gap is None:
        return None
    text = f"runs without any probe have the gap, of {times(gap)} per {found.unit}"
    return Signal(text, present=False)


def unseen(_found: Evidence) -> Signal | None:
    """No tracepoint shows it."""
    return None
