"""What the runs show of each suspected mechanism: a share of the gap, or whether it occurred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracer.analysis.pinning import crossings
from tracer.analysis.pinning.conditions import FREE, PINNED, POLLING, PROCESSES, PROCESSES_PINNED
from tracer.analysis.pinning.evidence import Evidence, Reading
from tracer.analysis.run import reader
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.wording import duration_text, share_text
from tracer.model.trial import Outcome
from tracer.units import duration, rate

#: With fewer crossing wake-ups per unit than this, threads hardly cross.
_CROSSES = 0.01
#: With fewer of them while idle CPUs poll, nothing can be said about crossing without sleep.
_STILL_CROSSES = 0.05


@dataclass(frozen=True)
class Signal:
    """What the runs show of a mechanism, in words.

    `share`: of the gap that it can account for, None where the mechanism has no time of its own.
    `present` is False when it hardly occurred. `at_most`: the share may hold other things too, so
    that a small one refutes and a large one proves nothing.
    """

    text: str
    share: Interval | None = None
    present: bool = True
    at_most: bool = False


#: Looks for one mechanism; None when it cannot be seen here.
Look = Callable[[Evidence], Signal | None]


def time_signal(of: Reading, what: str, at_most: bool = False) -> Look:
    """Time in traced runs, ns per unit; `at_most`: not all of it need be on the path."""

    def signal(evidence: Evidence) -> Signal | None:
        share, free = evidence.share_of_gap(of), evidence.measured(FREE, of)
        if free is None or (share is None and evidence.has_gap):
            return None
        return Signal(f"{what} {duration(free.median)} per {evidence.unit}", share, at_most=at_most)

    return signal


def count_signal(of: Reading, what: str, least: float) -> Look:
    """A count in traced runs; below `least` per unit it hardly occurred."""

    def signal(evidence: Evidence) -> Signal | None:
        free, pinned = evidence.measured(FREE, of), evidence.measured(PINNED, of)
        if free is None:
            return None
        against = "" if pinned is None else f", pinned {rate(pinned.median)}"
        text = f"{what} {rate(free.median)} per {evidence.unit}{against}"
        return Signal(text, present=free.median >= least)

    return signal


def crossing(evidence: Evidence) -> Signal | None:
    """What wake-ups to another CPU cost more than those on the same, in the same runs."""
    count = evidence.measured(FREE, reader.crossings)
    share = evidence.share_of_gap(crossings.extra_ns)
    cross = evidence.measured(FREE, crossings.cross_ns)
    same = evidence.measured(FREE, crossings.same_ns)
    if not count or not cross or not same or (share is None and evidence.has_gap):
        return None
    text = (
        f"{rate(count.median)} wake-ups per {evidence.unit} go to another CPU; each takes"
        f" {duration(cross.median)} until the woken thread wakes the next, one on the same CPU"
        f" {duration(same.median)}"
    )
    return Signal(text, share, count.median >= _CROSSES)


def polling_needs_no_interrupt(evidence: Evidence) -> Signal | None:
    """Interrupts that wake-ups send, with and without idle CPUs polling."""
    free = evidence.measured(FREE, reader.interrupts_sent)
    polling = evidence.measured(POLLING, reader.interrupts_sent)
    if free is None or polling is None:
        return None
    text = (
        f"interrupts sent {rate(free.median)} per {evidence.unit}, with polling"
        f" {rate(polling.median)}"
    )
    return Signal(text, present=free.median > 0.01 and polling.median < 0.5 * free.median)


def crossing_without_sleep(evidence: Evidence) -> Signal | None:
    """Threads still cross while idle CPUs poll: what is then left of the gap may be cold caches,
    moving data, or anything else that polling does not remove."""
    count = evidence.measured(POLLING, reader.crossings)
    recovered = evidence.recovered(POLLING)
    if count is None or recovered is None or count.median < _STILL_CROSSES:
        return None
    left = Interval(1 - recovered.median, 1 - recovered.high, 1 - recovered.low)
    text = (
        f"with idle CPUs polling {rate(count.median)} wake-ups per {evidence.unit} still cross, and"
        f" {share_text(left)} of the gap is left"
    )
    return Signal(text, left, at_most=True)


def one_address_space(evidence: Evidence) -> Signal | None:
    """Threads of one address space need no flush or barrier between them, and yet have a gap."""
    gap = evidence.gap
    processes = evidence.blocks.difference(PROCESSES, PROCESSES_PINNED)
    if not evidence.one_address_space or gap is None or processes is None:
        return None
    text = (
        f"pinning saves {duration_text(gap)} per {evidence.unit} between threads of one address"
        f" space; between processes {duration_text(processes)}"
    )
    return Signal(text, present=False)


def speed(evidence: Evidence) -> Signal | None:
    """How long a fixed piece of work took around the runs."""

    def spin_ns(outcome: Outcome) -> float:
        around = outcome.surroundings
        return (around.spin_before_ns + around.spin_after_ns) / 2

    share = evidence.paired(
        lambda free, pinned: (spin_ns(free) / spin_ns(pinned) - 1) * free.ns_per_unit
    )
    free, pinned = evidence.around(FREE, spin_ns), evidence.around(PINNED, spin_ns)
    if share is None or free is None or pinned is None:
        return None
    text = (
        f"a fixed piece of work took {duration(free.median)} around the unpinned runs, pinned"
        f" {duration(pinned.median)}"
    )
    return Signal(text, share)


def _taken(what: str, of: Callable[[Outcome], int], at_most: bool) -> Look:
    """CPU time that others took, beyond what they would have taken in a pinned run as long."""

    def per_unit(outcome: Outcome) -> float:
        return float(of(outcome)) / float(outcome.result["units"])

    def excess(free: Outcome, pinned: Outcome) -> float:
        return per_unit(free) - per_unit(pinned) * free.ns_per_unit / pinned.ns_per_unit

    def signal(evidence: Evidence) -> Signal | None:
        share = evidence.paired(excess)
        free, pinned = evidence.around(FREE, per_unit), evidence.around(PINNED, per_unit)
        if share is None or free is None or pinned is None:
            return None
        text = (
            f"{what} {duration(free.median)} per {evidence.unit} over all CPUs, pinned"
            f" {duration(pinned.median)}"
        )
        polling = evidence.around(POLLING, per_unit)
        if polling is not None:
            text += f", with idle CPUs polling {duration(polling.median)}"
        return Signal(text, share, at_most=at_most)

    return signal


stolen = _taken("steal", lambda outcome: outcome.surroundings.steal_ns, at_most=False)
# other tasks may run beside the target, on a CPU that it does not need
others = _taken("others", lambda outcome: max(outcome.surroundings.others_ns, 0), at_most=True)


def tracer_itself(evidence: Evidence) -> Signal | None:
    """The gap is that of untraced runs: what tracing adds cannot be in it."""
    gap = evidence.gap
    if gap is None:
        return None
    text = f"runs without any probe have the gap, of {duration_text(gap)} per {evidence.unit}"
    return Signal(text, present=False)


def unseen(_evidence: Evidence) -> Signal | None:
    """No tracepoint shows it."""
    return None
