"""What to do about the gap, and what single mechanisms cost, from the pinning experiment."""

from __future__ import annotations

from dataclasses import dataclass

from tracer.analysis.pinning.conditions import BATCH, FLOOR, FREE, PINNED, PINNED_BATCH, POLLING
from tracer.analysis.pinning.evidence import Evidence, count_of
from tracer.analysis.statistics.intervals import Interval
from tracer.analysis.statistics.wording import duration_text
from tracer.units import duration

_PREEMPTIONS = count_of("of them involuntary")
#: Fewer preemptions per unit of difference give no cost of one.
_FEWEST_PREEMPTIONS = 0.02


@dataclass(frozen=True)
class Advice:
    """Something to do, and how many times as fast it was here (None: not tried)."""

    text: str
    gain: Interval | None


def advice(evidence: Evidence) -> list[Advice]:
    """What made it faster here, with the gain; nothing where the placements do not differ."""

    def gain(slower: str, faster: str) -> Interval | None:
        return evidence.blocks.combined(slower, faster, lambda a, b: a / b)

    tried = []
    if evidence.is_reversed:
        tried = [("leave it free to move", gain(PINNED, FREE))]
    elif evidence.has_gap:
        tried = [
            ("pin it to one CPU (taskset -c N)", gain(FREE, PINNED)),
            ("hold /dev/cpu_dma_latency at 0 (idle CPUs then poll)", gain(FREE, POLLING)),
            ("start it under SCHED_BATCH (chrt --batch 0)", gain(FREE, BATCH)),
        ]
    return [Advice(text, by) for text, by in tried if by is not None]


def costs(evidence: Evidence) -> list[tuple[str, str]]:
    """Estimates (~) of single mechanisms, each a difference with its interval."""
    rows = []
    switch = evidence.blocks.difference(PINNED_BATCH, FLOOR)
    if switch is not None:
        rows.append(
            ("~ block, wake and switch, at most", f"{duration_text(switch)} per {evidence.unit}")
        )
    preemption = _preemption_cost(evidence)
    if preemption is not None:
        rows.append(("~ one preemption", _cost_text(preemption)))
    return rows


def _cost_text(ns: Interval) -> str:
    if ns.low > 0:
        return duration_text(ns)
    return "too small to measure" + (f", at most {duration(ns.high)}" if ns.high > 0 else "")


def _preemption_cost(evidence: Evidence) -> Interval | None:
    """ns per preemption, from what SCHED_BATCH saves on one CPU; None where it saves too few."""
    preempted = evidence.measured(PINNED, _PREEMPTIONS)
    under_batch = evidence.measured(PINNED_BATCH, _PREEMPTIONS)
    saved = evidence.blocks.difference(PINNED, PINNED_BATCH)
    if saved is None or preempted is None or under_batch is None:
        return None
    fewer = preempted.median - under_batch.median
    if fewer <= _FEWEST_PREEMPTIONS:
        return None
    return Interval(saved.median / fewer, saved.low / fewer, saved.high / fewer)
