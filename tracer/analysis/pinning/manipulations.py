"""Whether a change of the experiment acted: what it is for must be seen to differ in its runs.

A change that did nothing is no evidence, neither for a theory nor against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.analysis.pinning.conditions import (
    BATCH,
    FREE,
    PINNED,
    PINNED_BATCH,
    POLLING,
    SPINNERS,
)
from tracer.analysis.pinning.evidence import Evidence, Reading, count_of
from tracer.analysis.run import reader
from tracer.units import percent, rate

#: What must fall has to fall below this share of what it was.
_FALLS_TO = 0.5


@dataclass(frozen=True)
class Check:
    """`of` must fall against the condition `against`; below `least` there is nothing to fall.
    `is_share`: of time; else a count per unit."""

    what: str
    of: Reading
    against: str
    least: float
    is_share: bool = False

    def text(self, value: float, unit: str) -> str:
        return percent(value) if self.is_share else f"{rate(value)} per {unit}"


_SLEEPING = Check("wake-ups that met a sleeping CPU", reader.sleeping_wakeups, FREE, 0.01)
_INTERRUPTS = Check("interrupts sent to idle CPUs", reader.interrupts_sent, FREE, 0.01)
_ASLEEP = Check("CPU time spent asleep", reader.asleep_share, FREE, 0.01, is_share=True)
_PREEMPTIONS = count_of("of them involuntary")

#: By condition; others act by construction (which CPUs, which program).
_CHECKS = {
    POLLING: (_SLEEPING, _INTERRUPTS),
    SPINNERS: (_ASLEEP,),
    BATCH: (Check("involuntary switches", _PREEMPTIONS, FREE, 0.02),),
    PINNED_BATCH: (Check("involuntary switches", _PREEMPTIONS, PINNED, 0.02),),
    PINNED: (Check("wake-ups to another CPU", reader.crossings, FREE, 0.01),),
}


def no_effect(evidence: Evidence, label: str) -> str | None:
    """Why the condition's change is no evidence here; None where it acted."""
    for check in _CHECKS.get(label, ()):
        why = _unmoved(evidence, label, check)
        if why is not None:
            return why
    return None


def _unmoved(evidence: Evidence, label: str, check: Check) -> str | None:
    before, after = evidence.measured(check.against, check.of), evidence.measured(label, check.of)
    if before is None or after is None:
        return f"no traced run tells whether it had an effect ({check.what})"
    if before.median < check.least:
        was = check.text(before.median, evidence.unit)
        return f"had no effect here: nothing to take away, {check.what} {was} without it"
    if after.median < _FALLS_TO * before.median:
        return None
    if label == POLLING and has_no_idle_driver(evidence):
        return "had no effect here: no idle driver asks for the latency"
    return (
        f"had no effect here: {check.what} {check.text(after.median, evidence.unit)}, without it"
        f" {check.text(before.median, evidence.unit)}"
    )


def has_no_idle_driver(evidence: Evidence) -> bool:
    """Whether idle CPUs halt without any driver: then nobody asks for a latency."""
    return evidence.host.get("idle", "").split(",")[0] == "none"


def recovered_where_it_acted(evidence: Evidence, label: str) -> bool:
    """Whether the condition ran and its change acted."""
    return evidence.recovered(label) is not None and no_effect(evidence, label) is None


def first_that_acted(evidence: Evidence, labels: Sequence[str]) -> str | None:
    """The first of these conditions that ran and acted."""
    return next((one for one in labels if recovered_where_it_acted(evidence, one)), None)
