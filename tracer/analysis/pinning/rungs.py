"""The time per unit of work by the number of CPUs that its threads may use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.analysis.pinning.conditions import PINNED, cpus_of
from tracer.analysis.pinning.evidence import Evidence, line_of
from tracer.analysis.run import reader
from tracer.analysis.statistics.intervals import Interval, Ratio
from tracer.model.states import WAKEUP_IDLE


@dataclass(frozen=True)
class Rung:
    """One number of CPUs: ns per unit untraced, that against one CPU block by block (None for one
    CPU itself), and of the traced runs ns per unit, crossing wake-ups per unit and ns per unit on
    the path until a sleeping CPU had woken. None: unknown."""

    cpus: int
    label: str
    ns: Interval
    ratio: Ratio | None
    traced_ns: float | None
    asleep_ns: float | None
    crossings: float | None


def rungs(evidence: Evidence, labels: Sequence[str], every: int) -> list[Rung]:
    """From one CPU to all of them (`every`), of those conditions that ran."""
    found = {
        cpus: label for label in labels if (cpus := cpus_of(label, every)) and evidence.ns(label)
    }
    return [_rung(evidence, cpus, found[cpus]) for cpus in sorted(found)]


def _rung(evidence: Evidence, cpus: int, label: str) -> Rung:
    ns = evidence.ns(label)
    assert ns is not None
    traced = evidence.measured(label, reader.ns_per_unit)
    asleep = evidence.measured(label, line_of(WAKEUP_IDLE))
    crossings = evidence.measured(label, reader.crossings)
    return Rung(
        cpus=cpus,
        label=label,
        ns=ns,
        ratio=None if label == PINNED else evidence.blocks.ratio(label, PINNED),
        traced_ns=traced.median if traced else None,
        asleep_ns=asleep.median if asleep else None,
        crossings=crossings.median if crossings else None,
    )
