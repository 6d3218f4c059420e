"""What may make threads slower when they are free to move: each theory as data, and its verdict.

A theory predicts something before the runs. Then a signal in the runs decides, and an intervention
that switches the mechanism off, where there is one. A new theory is one entry of THEORIES.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracer.analysis.pinning import joint_signals, signals
from tracer.analysis.pinning.conditions import BATCH, SLEEPLESS
from tracer.analysis.pinning.evidence import Evidence, count_of, idle_part
from tracer.analysis.pinning.manipulations import first_that_acted, no_effect
from tracer.analysis.pinning.signals import Look, Signal, count_signal, time_signal
from tracer.analysis.pinning.wording import accounts_for, gone
from tracer.analysis.run import reader
from tracer.analysis.statistics.intervals import Interval

CAUSE, CONTRIBUTES, REFUTED, NOT_TESTED = "cause", "contributes", "refuted", "not tested"
#: What they are called where there are too few blocks for a verdict.
SEEN_ONCE, NOT_SEEN = "seen once", "not seen"
_FEW_BLOCKS = {CAUSE: SEEN_ONCE, CONTRIBUTES: SEEN_ONCE, REFUTED: NOT_SEEN}
#: A mechanism whose share of the gap is at least this is a cause.
_CAUSE = 0.5
#: One whose share is certainly below this is refuted.
_PART = 0.1
#: One whose share is certainly above this contributes.
_NOTHING = 0.05
#: Why nothing is judged where the placements do not differ.
NO_GAP = "there is no gap to explain"
#: Number of the theory that blames the host.
STEAL = 16


@dataclass(frozen=True)
class Theory:
    """One candidate: what it predicts, before the runs, and what decides it.

    `signal` returns None when it cannot be seen here; `knobs` are the conditions that switch the
    mechanism off, the first that acted counts; none where none exists. `shared`: the knob switches
    other mechanisms off too and
    the signal has no time that is its own alone, so that no more than a contribution can be proven.
    """

    number: int
    name: str
    predicts: str
    signal: Look
    knobs: tuple[str, ...] = ()
    shared: bool = False


@dataclass(frozen=True)
class Verdict:
    """The verdict on a theory, with its evidence; `knob`: the condition that switched it off, ""
    where none did."""

    theory: Theory
    verdict: str
    why: str
    signal: Signal | None
    recovered: Interval | None
    knob: str = ""


def judge(theory: Theory, evidence: Evidence) -> Verdict:
    """The verdict on one theory: all that was measured of it must agree.

    What could not be seen or switched off is not tested, and so is what the runs do not decide.
    Of few blocks nothing is more than seen once.
    """
    signal = theory.signal(evidence)
    knob = first_that_acted(evidence, theory.knobs) or ""
    recovered = evidence.recovered(knob) if knob else None
    verdict, why = _decide(theory, evidence, signal, knob)
    if evidence.has_few_blocks:
        verdict = _FEW_BLOCKS.get(verdict, verdict)
    return Verdict(theory, verdict, why, signal, recovered, knob)


def _decide(
    theory: Theory, evidence: Evidence, signal: Signal | None, knob: str
) -> tuple[str, str]:
    """The verdict and the reason for it."""
    if not evidence.has_gap:
        return NOT_TESTED, NO_GAP
    if signal is None:
        return NOT_TESTED, "its signal cannot be seen here"
    if not signal.present:
        return REFUTED, signal.text
    if theory.knobs and not knob:
        return NOT_TESTED, f"it could not be switched off here ({_not_switched(theory, evidence)})"
    recovered = evidence.recovered(knob) if knob else None
    shares = [share for share in (signal.share, recovered) if share is not None]
    reasons = [accounts_for(signal.share, signal.at_most)] if signal.share else []
    reasons += [f"with {knob} {gone(recovered)}"] if recovered else []
    why = "; ".join(reasons)
    if not shares:
        return NOT_TESTED, "nothing measures its share"
    if any(share.high < _PART for share in shares):
        return REFUTED, why
    if signal.at_most:
        return NOT_TESTED, f"{why}; no measurement here shows how much"
    if all(share.median >= _CAUSE and share.low >= _PART for share in shares) and not theory.shared:
        return CAUSE, why
    if all(share.low > _NOTHING for share in shares):
        return CONTRIBUTES, why
    return NOT_TESTED, f"the runs do not decide: {why}"


def _not_switched(theory: Theory, evidence: Evidence) -> str:
    """Why none of the theory's knobs is evidence."""
    return "; ".join(
        f"{knob}: not run"
        if evidence.recovered(knob) is None
        else f"{knob} {no_effect(evidence, knob)}"
        for knob in theory.knobs
    )


THEORIES = (
    # 1 and 8 have no knob: being pinned removes them, but it removes all the others too
    Theory(1, "remote wake-ups wait until the other CPU enqueues the thread",
           "the time from wake-up to the other CPU's queue accounts for the gap; pinned there is"
           " none",
           time_signal(idle_part("delivery"), "until the CPU had the thread on its queue")),
    Theory(2, "sending the interrupt holds up the sender",
           "the waker's own calls take longer by the cost of an interrupt, but not when CPUs poll",
           time_signal(reader.sender_held_ns, "senders held up", at_most=True), SLEEPLESS),
    Theory(3, "the sleeping CPU takes long to wake",
           "the time from wake-up until the CPU left its sleep accounts for the gap; polling"
           " removes it",
           time_signal(idle_part("delivery", "leaving_idle"), "until the CPU was awake"),
           SLEEPLESS),
    Theory(4, "the interrupts themselves, which a polling CPU does not need",
           "with polling CPUs the interrupts are gone and the gap with them",
           signals.without_interrupts, SLEEPLESS, shared=True),
    Theory(5, "stopping and starting the tick around sleep",
           "the time from the end of the sleep until the thread runs is long; a polling CPU keeps"
           " its tick",
           time_signal(idle_part("switch_in"), "switching in after the sleep"),
           SLEEPLESS),
    Theory(6, "a woken thread pushes its waker off the CPU",
           "wakers are preempted; without wake-up preemption the gap is gone",
           count_signal(count_of("of them involuntary"), "preemptions", 0.02), (BATCH,)),
    Theory(7, "the hint that the waker is about to sleep fails when two threads are runnable",
           "wake-ups cross when the waker's CPU has two runnable threads, hardly ever with one",
           joint_signals.two_runnable, shared=True),
    Theory(8, "placement prefers an idle CPU to the waker's",
           "wake-ups cross to another CPU, and their extra cost accounts for the gap",
           signals.crossing),
    Theory(9, "moved threads find cold caches",
           "threads take longer on the CPU after a crossing (caches, moving data and a CPU that"
           " has just woken are not told apart)", joint_signals.slower_on_cpu, shared=True),
    Theory(10, "the data passed on moves between caches",
           "threads take longer on the CPU after a crossing, and a part of the gap is left when no"
           " CPU sleeps and threads still cross", joint_signals.slower_without_sleep),
    Theory(11, "CPUs contend for the lock of a run queue",
           "lock contention in the scheduler, more with more CPUs", signals.unseen),
    Theory(12, "an idle CPU pulls the preempted waker to its own queue",
           "preempted threads change their CPU; without wake-up preemption none does",
           count_signal(reader.pulled, "preempted threads pulled to another CPU", 0.01), (BATCH,),
           shared=True),
    Theory(13, "switches flush the TLB",
           "only between address spaces: threads should have no gap, processes one",
           signals.one_address_space),
    Theory(14, "mitigations at a switch",
           "only between address spaces: threads should have no gap, processes one",
           signals.one_address_space),
    Theory(15, "a slow CPU: its frequency after a sleep, or a host that changes its speed",
           "a fixed piece of work takes longer around the unpinned runs, or threads stay longer on"
           " a CPU that has slept long than on one that has slept little",
           joint_signals.slower_cpu),
    Theory(STEAL, "the host takes the CPUs away (steal)",
           "more steal in the same time in the unpinned runs", signals.stolen, shared=True),
    Theory(17, "ticks, interrupts and other tasks",
           "others use more CPU time in the same time in the unpinned runs", signals.others),
    Theory(18, "the tracer itself", "without probes there is no gap", signals.tracer_itself),
    Theory(19, "the longer a CPU has slept, the longer it takes to wake",
           "delivery takes longer after long sleeps; CPUs that do not sleep have no gap",
           joint_signals.longer_sleep, SLEEPLESS, shared=True),
)  # fmt: skip
