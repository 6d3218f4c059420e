"""What may make threads slower when they are free to move: each theory as data, and its verdict.

A theory predicts something before the runs; a signal in traced runs and, where there is one, an
intervention that switches its mechanism off decide. A new theory is one entry of THEORIES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracer.analysis import evidence as e
from tracer.analysis.document import Document
from tracer.analysis.evidence import Evidence
from tracer.analysis.statistics import Interval
from tracer.outcome import Outcome

CAUSE, CONTRIBUTES, REFUTED, NOT_TESTED = "cause", "contributes", "refuted", "not tested"
#: Shares of the gap: from here on a mechanism is a cause, contributes; below, it is absent.
_CAUSE, _PART, _ABSENT = 0.5, 0.1, 0.05


@dataclass(frozen=True)
class Signal:
    """What the traced runs show of a mechanism, in words; `share` of the gap that it can carry,
    None where a signal has no time of its own; `present` False when it was hardly there."""

    text: str
    share: Interval | None = None
    present: bool = True


@dataclass(frozen=True)
class Theory:
    """One candidate.

    `signal` returns None when it cannot be seen here; `knob` is the condition that switches it off,
    "" where none exists. A `shared` knob switches other mechanisms off too: where the signal has
    no time of its own, it cannot prove more than a contribution.
    """

    number: int
    name: str
    predicts: str
    signal: Callable[[Evidence], Signal | None]
    knob: str = ""
    shared: bool = False


@dataclass(frozen=True)
class Verdict:
    """What became of a theory, with its evidence."""

    theory: Theory
    verdict: str
    why: str
    signal: Signal | None
    recovered: Interval | None


def _percent(i: Interval) -> str:
    return f"{100 * i.median:.0f} % [{100 * i.low:.0f}, {100 * i.high:.0f}]"


def judge(theory: Theory, found: Evidence) -> Verdict:
    """The verdict on one theory. What could not be seen or switched off is not tested."""
    signal = theory.signal(found)
    recovered = found.recovered(theory.knob) if theory.knob else None

    def verdict(word: str, why: str) -> Verdict:
        return Verdict(theory, word, why, signal, recovered)

    if not found.has_gap:
        return verdict(NOT_TESTED, "there is no gap to explain")
    if signal is None:
        return verdict(NOT_TESTED, "its signal cannot be seen here")
    if not signal.present:
        return verdict(REFUTED, signal.text)
    if theory.knob and recovered is None:
        return verdict(NOT_TESTED, f"it could not be switched off here ({theory.knob})")
    share = signal.share
    if share is not None and share.high < _ABSENT:
        return verdict(REFUTED, f"it carries no more than {_percent(share)} of the gap")
    off = f"with it switched off {_percent(recovered)} of the gap is gone" if recovered else ""
    if recovered is not None and recovered.high < _PART:
        return verdict(REFUTED, off)
    decisive = share or recovered
    if decisive is None:
        return verdict(NOT_TESTED, "nothing measures its share")
    why = off or f"it carries {_percent(decisive)} of the gap"
    if decisive.high < _PART:
        return verdict(REFUTED, why)
    if decisive.median >= _CAUSE and decisive.low >= _PART and (share or not theory.shared):
        return verdict(CAUSE, why)
    if decisive.low > _ABSENT:
        return verdict(CONTRIBUTES, why)
    return verdict(NOT_TESTED, f"the runs do not decide: {why}")


# ---- signals ----


def _share_signal(of: Callable[[Document], float | None], what: str
                  ) -> Callable[[Evidence], Signal | None]:  # fmt: skip
    def signal(found: Evidence) -> Signal | None:
        share = found.share_of_gap(of)
        value = found.measured(e.FREE, of)
        if share is None or value is None:
            return None
        return Signal(f"{what} {value.median / 1e3:.2f} us per unit, {_percent(share)} of the gap",
                      share)  # fmt: skip

    return signal


def _count_signal(of: Callable[[Document], float | None], what: str, least: float
                  ) -> Callable[[Evidence], Signal | None]:  # fmt: skip
    def signal(found: Evidence) -> Signal | None:
        free, pinned = found.measured(e.FREE, of), found.measured(e.PINNED, of)
        if free is None:
            return None
        against = "" if pinned is None else f", pinned {pinned.median:.3f}"
        return Signal(f"{what} {free.median:.3f} per unit{against}", None, free.median >= least)

    return signal


def _polling_needs_no_interrupt(found: Evidence) -> Signal | None:
    free = found.measured(e.FREE, e.interrupts_sent)
    polling = found.measured(e.POLLING, e.interrupts_sent)
    if free is None or polling is None:
        return None
    text = f"interrupts sent {free.median:.3f} per unit, with polling {polling.median:.3f}"
    return Signal(text, None, free.median > 0.01 and polling.median < 0.5 * free.median)


def _crossing_without_sleep(found: Evidence) -> Signal | None:
    """Threads still cross while idle CPUs poll: what is then left of the gap is their cold data."""
    crossing = found.measured(e.POLLING, e.crossings)
    recovered = found.recovered(e.POLLING)
    if crossing is None or recovered is None:
        return None
    left = Interval(1 - recovered.median, 1 - recovered.high, 1 - recovered.low)
    if crossing.median < 0.05:
        return None  # nothing crosses any more, so nothing is said about crossing
    text = (
        f"with idle CPUs polling {crossing.median:.2f} wake-ups per unit still cross, and"
        f" {_percent(left)} of the gap is left"
    )
    return Signal(text, left)


def _pulled(document: Document) -> float | None:
    migrations = e.count_of("migrations")(document)
    crossing = e.crossings(document)
    return None if migrations is None or crossing is None else max(migrations - crossing, 0.0)


def _one_address_space(found: Evidence) -> Signal | None:
    """Threads of one address space: no flush, no barrier between them, and yet there is a gap."""
    gap = found.gap
    processes = found.blocks.combined(e.PROCESSES, e.PROCESSES_PINNED, lambda a, b: a - b)
    if not found.one_address_space or gap is None or processes is None:
        return None
    text = (
        f"a gap of {gap.median / 1e3:.1f} us per unit between threads of one address space;"
        f" between processes {processes.median / 1e3:.1f}"
    )
    return Signal(text, present=False)


def _speed(found: Evidence) -> Signal | None:
    def spin(outcome: Outcome) -> float:
        around = outcome.surroundings
        return (around.spin_before_ns + around.spin_after_ns) / 2

    free, pinned = found.around(e.FREE, spin), found.around(e.PINNED, spin)
    time, gap = found.ns(e.FREE), found.gap
    if free is None or pinned is None or time is None or gap is None or gap.median <= 0:
        return None
    slower = free.median / pinned.median - 1
    share = slower * time.median / gap.median
    return Signal(
        f"a fixed piece of work took {100 * slower:+.1f} % around the unpinned runs",
        Interval(share, share, share),
    )


def _taken(what: str, of: Callable[[Outcome], float]) -> Callable[[Evidence], Signal | None]:
    """CPU time that the host or other processes took, more of it unpinned than pinned."""

    def signal(found: Evidence) -> Signal | None:
        def per_unit(outcome: Outcome) -> float:
            return float(of(outcome)) / float(outcome.result["units"])

        free, pinned = found.around(e.FREE, per_unit), found.around(e.PINNED, per_unit)
        gap = found.gap
        if free is None or pinned is None or gap is None or gap.median <= 0:
            return None
        share = (free.median - pinned.median) / gap.median
        return Signal(
            f"{what} {free.median / 1e3:.2f} us per unit, pinned {pinned.median / 1e3:.2f}",
            Interval(share, share, share),
        )

    return signal


def _tracer_itself(found: Evidence) -> Signal | None:
    """The gap is that of untraced runs: what tracing adds cannot be in it."""
    gap = found.gap
    if gap is None:
        return None
    text = f"runs without any probe have the gap, of {gap.median / 1e3:.1f} us per unit"
    return Signal(text, present=False)


def _unseen(_found: Evidence) -> Signal | None:
    return None


THEORIES = (
    Theory(1, "remote wake-ups wait for the other CPU to take them in",
           "the time from wake-up to the other CPU's queue carries the gap; pinned there is none",
           _share_signal(e.idle_part("delivery"), "until the CPU had the thread on its queue"),
           e.PINNED),
    Theory(2, "sending the interrupt holds up the sender",
           "the waker's own calls take longer by what an interrupt costs; with polling CPUs not",
           _share_signal(e.held_ns, "senders held up"), e.POLLING),
    Theory(3, "the sleeping CPU takes long to wake",
           "the time from wake-up until the CPU left its sleep carries the gap; polling removes it",
           _share_signal(e.idle_part("delivery", "leaving_idle"), "until the CPU was awake"),
           e.POLLING),
    Theory(4, "a polling CPU needs no interrupt",
           "with polling CPUs the interrupts are gone and the gap with them",
           _polling_needs_no_interrupt, e.POLLING, shared=True),
    Theory(5, "stopping and starting the tick around sleep",
           "from the end of the sleep to the thread takes long; a polling CPU keeps its tick",
           _share_signal(e.idle_part("switch_in"), "from the end of the sleep to the thread"),
           e.POLLING),
    Theory(6, "a woken thread pushes its waker off the CPU",
           "wakers are preempted; without wake-up preemption the gap is gone",
           _count_signal(e.count_of("of them involuntary"), "preemptions", 0.02), e.BATCH),
    Theory(7, "the hint that the waker is about to sleep fails when two threads are runnable",
           "wake-ups cross when the waker's CPU has two runnable threads, hardly ever with one",
           _unseen),
    Theory(8, "placement prefers an idle CPU to the waker's",
           "wake-ups cross to idle CPUs; on one CPU they cannot",
           _count_signal(e.crossings, "wake-ups to another CPU", 0.01), e.PINNED),
    Theory(9, "moved threads find cold caches",
           "threads that cross are slower even when no CPU sleeps", _crossing_without_sleep),
    Theory(10, "the data passed on moves between caches",
           "as above: it is left when CPUs poll and threads still cross", _crossing_without_sleep),
    Theory(11, "CPUs fight for the lock of a run queue",
           "lock contention in the scheduler, more with more CPUs", _unseen),
    Theory(12, "an idle CPU pulls the preempted waker over",
           "migrations without a wake-up; without wake-up preemption none",
           _count_signal(_pulled, "migrations without a wake-up", 0.01), e.BATCH, shared=True),
    Theory(13, "switches flush the TLB",
           "only between address spaces: threads should have no gap, processes one",
           _one_address_space),
    Theory(14, "mitigations at a switch",
           "only between address spaces: threads should have no gap, processes one",
           _one_address_space),
    Theory(15, "the CPU's frequency, or a host that changes its speed",
           "a fixed piece of work takes longer around the unpinned runs", _speed),
    Theory(16, "the host takes the CPUs away (steal)",
           "more steal per unit of work in the unpinned runs",
           _taken("steal", lambda outcome: outcome.surroundings.steal_ns)),
    Theory(17, "ticks, interrupts and other tasks",
           "others use more CPU time per unit of work in the unpinned runs",
           _taken("others", lambda outcome: outcome.surroundings.others_ns)),
    Theory(18, "the tracer itself", "without probes there is no gap", _tracer_itself),
)  # fmt: skip
