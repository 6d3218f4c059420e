"""What may make threads slower when they are free to move: each theory as data, and its verdict.

A theory predicts something before the runs; a signal in traced runs and, where there is one, an
intervention that switches its mechanism off decide. A new theory is one entry of THEORIES.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tracer.analysis.pinning import evidence as e
from tracer.analysis.pinning import signals as s
from tracer.analysis.pinning.evidence import Evidence
from tracer.analysis.pinning.signals import Signal
from tracer.analysis.pinning.wording import carries, gone
from tracer.analysis.statistics.intervals import Interval

CAUSE, CONTRIBUTES, REFUTED, NOT_TESTED = "cause", "contributes", "refuted", "not tested"
#: Share of the gap from which on a mechanism is a cause; a share surely smaller than _PART refutes
#: it; one surely larger than _NOTHING contributes.
_CAUSE, _PART, _NOTHING = 0.5, 0.1, 0.05
#: Why nothing is judged where the placements do not differ.
NO_GAP = "there is no gap to explain"
#: Number of the theory that blames the host.
STEAL = 16


@dataclass(frozen=True)
class Theory:
    """One candidate.

    `signal` returns None when it cannot be seen here; `knob` is the condition that switches it off,
    "" where none exists. `shared`: its knob switches other mechanisms off too and its signal has no
    time that is its own alone, so that more than a contribution cannot be proven.
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


def judge(theory: Theory, found: Evidence) -> Verdict:
    """The verdict on one theory: all that was measured of it must agree.

    What could not be seen or switched off is not tested, and so is what the runs do not decide.
    """
    signal = theory.signal(found)
    recovered = found.recovered(theory.knob) if theory.knob else None

    def verdict(word: str, why: str) -> Verdict:
        return Verdict(theory, word, why, signal, recovered)

    if not found.has_gap:
        return verdict(NOT_TESTED, NO_GAP)
    if signal is None:
        return verdict(NOT_TESTED, "its signal cannot be seen here")
    if not signal.present:
        return verdict(REFUTED, signal.text)
    if theory.knob and recovered is None:
        return verdict(NOT_TESTED, f"it could not be switched off here ({theory.knob})")
    share = signal.share
    shares = [x for x in (share, recovered) if x is not None]
    said = [carries(share, signal.at_most)] if share else []
    said += [f"with {theory.knob} {gone(recovered)}"] if recovered else []
    why = "; ".join(said)
    if not shares:
        return verdict(NOT_TESTED, "nothing measures its share")
    if any(x.high < _PART for x in shares):
        return verdict(REFUTED, why)
    if signal.at_most:
        return verdict(NOT_TESTED, f"{why}; nothing here tells how much")
    if all(x.median >= _CAUSE and x.low >= _PART for x in shares) and not theory.shared:
        return verdict(CAUSE, why)
    if all(x.low > _NOTHING for x in shares):
        return verdict(CONTRIBUTES, why)
    return verdict(NOT_TESTED, f"the runs do not decide: {why}")


THEORIES = (
    # 1 and 8 have no knob: being pinned removes them, but it removes all the others too
    Theory(1, "remote wake-ups wait for the other CPU to take them in",
           "the time from wake-up to the other CPU's queue carries the gap; pinned there is none",
           s.time_of(e.idle_part("delivery"), "until the CPU had the thread on its queue")),
    Theory(2, "sending the interrupt holds up the sender",
           "the waker's own calls take longer by what an interrupt costs; with polling CPUs not",
           s.time_of(e.held_ns, "senders held up", at_most=True), e.POLLING),
    Theory(3, "the sleeping CPU takes long to wake",
           "the time from wake-up until the CPU left its sleep carries the gap; polling removes it",
           s.time_of(e.idle_part("delivery", "leaving_idle"), "until the CPU was awake"),
           e.POLLING),
    Theory(4, "the interrupts themselves, which a polling CPU does not need",
           "with polling CPUs the interrupts are gone and the gap with them",
           s.polling_needs_no_interrupt, e.POLLING, shared=True),
    Theory(5, "stopping and starting the tick around sleep",
           "from the end of the sleep to the thread takes long; a polling CPU keeps its tick",
           s.time_of(e.idle_part("switch_in"), "from the end of the sleep to the thread"),
           e.POLLING),
    Theory(6, "a woken thread pushes its waker off the CPU",
           "wakers are preempted; without wake-up preemption the gap is gone",
           s.count_of(e.count_of("of them involuntary"), "preemptions", 0.02), e.BATCH),
    Theory(7, "the hint that the waker is about to sleep fails when two threads are runnable",
           "wake-ups cross when the waker's CPU has two runnable threads, hardly ever with one",
           s.unseen),
    Theory(8, "placement prefers an idle CPU to the waker's",
           "wake-ups cross to another CPU, and what crossing costs more carries the gap",
           s.crossing),
    Theory(9, "moved threads find cold caches",
           "threads that cross are slower even when no CPU sleeps", s.crossing_without_sleep),
    Theory(10, "the data passed on moves between caches",
           "as above: it is left when CPUs poll and threads still cross",
           s.crossing_without_sleep),
    Theory(11, "CPUs fight for the lock of a run queue",
           "lock contention in the scheduler, more with more CPUs", s.unseen),
    Theory(12, "an idle CPU pulls the preempted waker over",
           "preempted threads change their CPU; without wake-up preemption none",
           s.count_of(e.pulled, "preempted threads pulled to another CPU", 0.01), e.BATCH,
           shared=True),
    Theory(13, "switches flush the TLB",
           "only between address spaces: threads should have no gap, processes one",
           s.one_address_space),
    Theory(14, "mitigations at a switch",
           "only between address spaces: threads should have no gap, processes one",
           s.one_address_space),
    Theory(15, "the CPU's frequency, or a host that changes its speed",
           "a fixed piece of work takes longer around the unpinned runs", s.speed),
    Theory(STEAL, "the host takes the CPUs away (steal)",
           "more steal in the same time in the unpinned runs", s.stolen, shared=True),
    Theory(17, "ticks, interrupts and other tasks",
           "others use more CPU time in the same time in the unpinned runs", s.others),
    Theory(18, "the tracer itself", "without probes there is no gap", s.tracer_itself),
)  # fmt: skip
