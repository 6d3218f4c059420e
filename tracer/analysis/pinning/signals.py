"""What the runs show of each suspected mechanism: a share of the gap, or whether it occurred."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracer.analysis.pinning import crossings
from tracer.analysis.pinning.conditions import (
    FREE,
    PINNED,
    PROCESSES,
    PROCESSES_PINNED,
    SLEEPLESS,
)
from tracer.analysis.pinning.evidence import Evidence, Reading
from tracer.analysis.pinning.manipulations import first_that_acted
from tracer.analysis.run import reader
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.wording import ratio_text, share_text
from tracer.model.trial import Outcome
from tracer.units import duration, rate

#: With fewer crossing wake-ups per unit than this, threads hardly cross.
_CROSSES = 0.01
#: With fewer of them while no CPU sleeps, nothing can be said about crossing without sleep.
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
    """What wake-ups to another CPU cost more than those on the same: in the same runs, or by the
    host's calibration where none stayed on its CPU there."""
    count = evidence.measured(FREE, reader.crossings)
    if count is None:
        return None
    often = f"{rate(count.median)} wake-ups per {evidence.unit} go to another CPU"
    if count.median < _CROSSES:
        return Signal(often, present=False)
    cross = evidence.measured(FREE, crossings.cross_ns)
    same = evidence.measured(FREE, crossings.same_ns)
    if cross is None:
        return None
    text = f"{often}; each takes {duration(cross.median)} until the woken thread wakes the next"
    if same is not None:
        text += f", one on the same CPU {duration(same.median)}"
    elif evidence.same_cpu_ns is not None:
        text += (
            f"; none stayed on its CPU, where by the calibration one takes"
            f" {duration(evidence.same_cpu_ns)}"
        )
    else:
        return Signal(f"{text}; none was seen on the same CPU to compare with")
    same_ns = None if same is not None else evidence.same_cpu_ns
    share = evidence.share_of_gap(lambda document: crossings.extra_ns(document, same_ns))
    return None if share is None and evidence.has_gap else Signal(text, share)


def without_interrupts(evidence: Evidence) -> Signal | None:
    """Interrupts between CPUs, with and without the idle CPUs kept from sleeping. None where they
    do not fall with the sleep: then nothing tells one from the other."""
    knob = first_that_acted(evidence, SLEEPLESS)
    free = evidence.measured(FREE, reader.interrupts_sent)
    if free is None:
        return None
    text = f"interrupts sent {rate(free.median)} per {evidence.unit}"
    if free.median < _CROSSES:
        return Signal(text, present=False)
    after = evidence.measured(knob, reader.interrupts_sent) if knob else None
    if after is None or after.median > 0.5 * free.median:
        return None
    return Signal(f"{text}, with {knob} {rate(after.median)}")


def crossing_without_sleep(evidence: Evidence) -> Signal | None:
    """Threads still cross while no CPU sleeps: what is then left of the gap may be cold caches,
    moving data, or anything else that keeping CPUs awake does not remove."""
    knob = first_that_acted(evidence, SLEEPLESS)
    if knob is None:
        return None
    count = evidence.measured(knob, reader.crossings)
    recovered = evidence.recovered(knob)
    if count is None or recovered is None or count.median < _STILL_CROSSES:
        return None
    left = Interval(1 - recovered.median, 1 - recovered.high, 1 - recovered.low)
    text = (
        f"with {knob} {rate(count.median)} wake-ups per {evidence.unit} still cross, and"
        f" {share_text(left)} of the gap is left"
    )
    return Signal(text, left, at_most=True)


def one_address_space(evidence: Evidence) -> Signal | None:
    """Threads of one address space need no flush or barrier between them, and yet have a gap."""
    gap = evidence.ratio
    processes = evidence.blocks.ratio(PROCESSES, PROCESSES_PINNED)
    if not evidence.one_address_space or gap is None or processes is None:
        return None
    text = (
        f"unpinned against pinned: threads of one address space {ratio_text(gap)}, processes"
        f" {ratio_text(processes)}"
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
        knob = first_that_acted(evidence, SLEEPLESS)
        awake = evidence.around(knob, per_unit) if knob else None
        if awake is not None:
            text += f", with {knob} {duration(awake.median)}"
        return Signal(text, share, at_most=at_most)

    return signal


stolen = _taken("steal", lambda outcome: outcome.surroundings.steal_ns, at_most=False)
# other tasks may run beside the target, on a CPU that it does not need
others = _taken("others", lambda outcome: max(outcome.surroundings.others_ns, 0), at_most=True)


def tracer_itself(evidence: Evidence) -> Signal | None:
    """The gap is that of untraced runs: what tracing adds cannot be in it."""
    gap = evidence.ratio
    if gap is None:
        return None
    text = f"runs without any probe have the gap: {ratio_text(gap)}"
    return Signal(text, present=False)


def unseen(_evidence: Evidence) -> Signal | None:
    """No tracepoint shows it."""
    return None
