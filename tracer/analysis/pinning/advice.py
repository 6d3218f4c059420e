"""What to do about the gap, and what single mechanisms cost, from the pinning experiment."""

from __future__ import annotations

from dataclasses import dataclass

from tracer.analysis.pinning.conditions import (
    BATCH,
    FLOOR,
    FREE,
    PINNED,
    PINNED_BATCH,
    POLLING,
    SPINNERS,
)
from tracer.analysis.pinning.evidence import Evidence, count_of
from tracer.analysis.pinning.manipulations import (
    has_no_idle_driver,
    recovered_where_it_acted,
)
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.wording import duration_text
from tracer.units import duration

_PREEMPTIONS = count_of("of them involuntary")
#: Fewer preemptions per unit of difference give no cost of one.
_FEWEST_PREEMPTIONS = 0.02
#: What can be done, by the condition that tried it.
_REMEDIES = {
    PINNED: "pin it to one CPU (taskset -c N)",
    POLLING: "hold /dev/cpu_dma_latency at 0 (idle CPUs then poll)",
    BATCH: "start it under SCHED_BATCH (chrt --batch 0)",
}
#: Of the gap: less of it that goes with the sleep is not worth another idle driver.
_WORTH_A_TRY = 0.1
_GUEST_POLLING = (
    "let idle CPUs poll for a moment before they sleep (sudo modprobe cpuidle-haltpoll force=1;"
    " guest_halt_poll_ns in its parameters says how long)"
)


@dataclass(frozen=True)
class Advice:
    """Something to do, and how many times as fast it was here (None: not tried)."""

    text: str
    gain: Interval | None


def advice(evidence: Evidence) -> list[Advice]:
    """What made it faster here, with the gain; nothing where the placements do not differ."""

    def gain(slower: str, faster: str) -> Interval | None:
        return evidence.blocks.combined(slower, faster, lambda a, b: a / b)

    tried: list[tuple[str, Interval | None]] = []
    if evidence.is_reversed:
        tried = [("leave it free to move", gain(PINNED, FREE))]
    elif evidence.has_gap:
        tried = [
            (text, gain(FREE, label))
            for label, text in _REMEDIES.items()
            if label == PINNED or recovered_where_it_acted(evidence, label)
        ]
    untried = [Advice(_GUEST_POLLING, None)] if _may_poll_in_the_guest(evidence) else []
    return [Advice(text, by) for text, by in tried if by is not None] + untried


def _may_poll_in_the_guest(evidence: Evidence) -> bool:
    """The sleep costs, and this guest has no idle driver that would poll a little before it."""
    awake = evidence.recovered(SPINNERS) if recovered_where_it_acted(evidence, SPINNERS) else None
    return (
        evidence.has_gap
        and has_no_idle_driver(evidence)
        and evidence.host.get("machine", "").startswith("virtual machine")
        and awake is not None
        and awake.low > _WORTH_A_TRY
    )


def costs(evidence: Evidence) -> list[tuple[str, str]]:
    """Estimates (~) of single mechanisms, each a difference in CPU time with its interval: what
    other programs took of the CPU meanwhile is in none."""
    rows = []
    switch = evidence.blocks.on_cpu_difference(PINNED_BATCH, FLOOR)
    if switch is not None:
        rows.append(
            ("~ block, wake and switch, at most", _cost_text(switch, f" per {evidence.unit}"))
        )
    preemption = _preemption_cost(evidence)
    if preemption is not None:
        rows.append(("~ one preemption", _cost_text(preemption)))
    return rows


def _cost_text(ns: Interval, per: str = "") -> str:
    if ns.low > 0:
        return duration_text(ns) + per
    return "too small to measure" + (f", at most {duration(ns.high)}{per}" if ns.high > 0 else "")


def _preemption_cost(evidence: Evidence) -> Interval | None:
    """CPU time per preemption, ns, from what SCHED_BATCH saves on one CPU; None where it saves too
    few."""
    preempted = evidence.measured(PINNED, _PREEMPTIONS)
    under_batch = evidence.measured(PINNED_BATCH, _PREEMPTIONS)
    saved = evidence.blocks.on_cpu_difference(PINNED, PINNED_BATCH)
    if saved is None or preempted is None or under_batch is None:
        return None
    fewer = preempted.median - under_batch.median
    if fewer <= _FEWEST_PREEMPTIONS:
        return None
    return Interval(saved.median / fewer, saved.low / fewer, saved.high / fewer)
