"""A made-up pinning experiment: what each condition took and what its traced runs saw."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from tracer.analysis.pinning import evidence as e
from tracer.analysis.pinning.evidence import Evidence
from tracer.model.trial import Outcome, Surroundings, Trial

UNITS = 1000
#: Every block is slower or faster by this, all conditions alike.
WOBBLE = (1.0, 1.02, 0.98, 1.01, 0.99, 1.03, 0.97, 1.0, 1.01, 0.99, 1.02, 0.98)


@dataclass(frozen=True)
class Seen:
    """What a traced run saw; times in ns per unit or per event, counts per unit."""

    ns: float
    crossings: float = 0.0
    cross_ns: float = 0.0
    same_ns: float = 5000.0
    handover_ns: float = 2000.0
    involuntary: float = 0.3
    pulled: float = 0.0
    interrupts: float = 0.0
    held_ns: float = 0.0
    delivery: float = 0.0
    leaving: float = 0.0
    switch_in: float = 0.0
    queued: float = 3000.0


@dataclass(frozen=True)
class Made:
    """One condition: untraced ns per unit, what was seen, and what went on around each run."""

    ns: float
    seen: Seen | None
    spin_ns: float = 10e6
    steal_ns: float = 0.0
    others_ns: float = 0.0


def _times(mean: float, count: float) -> dict[str, Any]:
    return {"count": round(count), "mean": mean if count else None}


def document(s: Seen, sections: tuple[str, ...] = ("sched", "idle")) -> dict[str, Any]:
    """The report of a traced run, as far as explanations read it."""
    total = round(s.ns * UNITS)
    idle = (s.delivery + s.leaving + s.switch_in) * UNITS
    parts = {"wakeup:idle": idle, "wakeup:queued": s.queued * UNITS, "preempted": 0}
    rest = total - sum(parts.values())
    crossing, same = s.crossings * UNITS, max(1 - s.crossings, 0) * UNITS
    found: dict[str, Any] = {
        "result": {"units": UNITS},
        "window_ns": total,
        "rusage": {"voluntary": UNITS, "involuntary": s.involuntary * UNITS},
        "ledgers": {"wall": {"total_ns": total, "parts": parts, "residual_ns": 0}},
        "headline": {"io": rest / total, "switching": 1 - rest / total, "user": 0.0,
                     "system": 0.0, "waiting": 0.0},
        "syscalls": None,
        "sched": {
            "wakeups": {"same_cpu": same, "cross_cpu_idle": crossing, "cross_cpu_busy": 0},
            "wakeup_latency_ns": {
                "same_cpu": _times(s.same_ns, same),
                "cross_cpu_idle": _times(s.cross_ns, crossing),
                "cross_cpu_busy": _times(0, 0),
            },
            "handover_ns": {
                "same_cpu": _times(s.handover_ns, same),
                "cross_cpu_idle": _times(s.handover_ns, crossing),
                "cross_cpu_busy": _times(0, 0),
            },
            "migrations": crossing,
            "pulled": s.pulled * UNITS,
        },
        "idle": {
            "path": {"delivery": s.delivery * UNITS, "leaving_idle": s.leaving * UNITS,
                     "switch_in": s.switch_in * UNITS},
            "wakeups": [{"polling": False, "sent": {"call_function": s.interrupts * UNITS,
                                                    "reschedule": 0}}],
            "sender_held_ns": {"call_function": _times(s.held_ns * UNITS / 100, 100),
                               "reschedule": _times(0, 0), "flag": _times(0, 0)},
            "cpus": [],
        },
    }  # fmt: skip
    for name in ("sched", "idle"):
        if name not in sections:
            found[name] = None
    return found


def story() -> dict[str, Made]:
    """A gap of 14 us of 24, made by crossings to sleeping CPUs, which preemption brings about."""
    free = Seen(26000, crossings=0.4, cross_ns=40000, interrupts=0.4, held_ns=4000,
                delivery=8000, leaving=2000, switch_in=2000)  # fmt: skip
    pinned = Seen(12000)
    return {
        e.FREE: Made(24000, free),
        e.PINNED: Made(10000, pinned),
        e.POLLING: Made(10200, Seen(12500, crossings=0.3, cross_ns=6000)),
        e.BATCH: Made(12000, Seen(14000, crossings=0.03, cross_ns=20000, involuntary=0)),
        e.PINNED_BATCH: Made(8500, Seen(10000, involuntary=0)),
        e.SPINNERS: Made(17000, Seen(20000)),
        e.PROCESSES: Made(26000, free),
        e.PROCESSES_PINNED: Made(11000, pinned),
        e.MEMORY: Made(15000, free),
        e.MEMORY_PINNED: Made(8000, pinned),
        e.FLOOR: Made(2000, Seen(2500, involuntary=0)),
    }


def changed(made: Made, **seen: float) -> Made:
    """The same with other things seen."""
    assert made.seen is not None
    return dataclasses.replace(made, seen=dataclasses.replace(made.seen, **seen))


@dataclass
class Told:
    """A story to change before its outcomes are asked for."""

    made: dict[str, Made] = field(default_factory=story)
    blocks: int = 12
    sections: tuple[str, ...] = ("sched", "idle")
    one_address_space: bool = True

    def see(self, label: str, **seen: float) -> Told:
        self.made[label] = changed(self.made[label], **seen)
        return self

    def take(self, label: str, **changes: Any) -> Told:
        self.made[label] = dataclasses.replace(self.made[label], **changes)
        return self

    def without(self, *labels: str) -> Told:
        for label in labels:
            del self.made[label]
        return self

    def outcomes(self) -> list[Outcome]:
        found = []
        for block in range(self.blocks):
            wobble = WOBBLE[block % len(WOBBLE)]
            for label, m in self.made.items():
                result = {"ns_per_unit": m.ns * wobble, "units": UNITS}
                around = Surroundings(
                    round(m.spin_ns * wobble), round(m.spin_ns * wobble), 10**9,
                    round(m.steal_ns * UNITS), round(m.others_ns * UNITS),
                )  # fmt: skip
                found.append(Outcome(Trial(label, False, block), result, around))
                if m.seen is not None:
                    times = {n: getattr(m.seen, n) * wobble
                             for n in ("ns", "cross_ns", "same_ns", "handover_ns", "held_ns",
                                       "delivery", "leaving", "switch_in", "queued")}  # fmt: skip
                    report = document(dataclasses.replace(m.seen, **times), self.sections)
                    found.append(Outcome(Trial(label, True, block), result, around, report))
        return found

    def evidence(self) -> Evidence:
        return Evidence(self.outcomes(), self.one_address_space, "hop")
