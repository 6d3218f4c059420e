"""A made-up pinning experiment: what each condition took and what its traced runs saw."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from tracer.analysis.pinning.conditions import (
    BATCH,
    FLOOR,
    FREE,
    MEMORY,
    MEMORY_PINNED,
    PINNED,
    PINNED_BATCH,
    POLLING,
    PROCESSES,
    PROCESSES_PINNED,
    SPINNERS,
)
from tracer.analysis.pinning.evidence import Evidence
from tracer.model.trial import Outcome, Surroundings, Trial

UNITS = 1000
#: A stay on a CPU after a wake-up on the same one, ns: calls for I/O, own code.
STAY_IO_NS, STAY_USER_NS = 3000.0, 1000.0
#: Every block is slower or faster by this factor, all conditions alike.
WOBBLE = (1.0, 1.02, 0.98, 1.01, 0.99, 1.03, 0.97, 1.0, 1.01, 0.99, 1.02, 0.98)
#: The times of a traced run, which the factor changes.
_TIMES = (
    *("ns", "cross_ns", "same_ns", "handover_ns", "held_ns"),
    *("delivery", "leaving", "switch_in", "queued", "slower_ns", "long_ns", "long_stay_ns"),
)


@dataclass(frozen=True)
class TracedRun:
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
    asleep: float = 0.0
    slower_ns: float = 0.0  # on a CPU after a crossing
    with_two: float = 0.0  # of the wake-ups: the waker's CPU has a second runnable thread
    two_cross: float = 0.0  # of the crossings: it had
    has_joint_counts: bool = True  # False: of a version before them
    long_ns: float = 0.0  # delivery after long sleeps beyond that after short ones
    long_stay_ns: float = 0.0  # the same of stays on the CPU, in calls for I/O
    #: By all tasks on the waker's run queue: the share of the wake-ups that find two there, and of
    #: the crossings; None: it cannot be read.
    by_queue: tuple[float, float] | None = None


@dataclass(frozen=True)
class PlantedCondition:
    """One condition: untraced ns per unit, its traced run, and what went on around each run."""

    ns: float
    traced: TracedRun | None
    cpu_ns: float | None = None  # CPU time per unit; None: all of `ns`, on one CPU
    spin_ns: float = 10e6
    steal_ns: float = 0.0
    others_ns: float = 0.0


def _times(mean: float, count: float) -> dict[str, Any]:
    return {"count": round(count), "mean": mean if count else None}


def document(run: TracedRun, sections: tuple[str, ...] = ("sched", "idle")) -> dict[str, Any]:
    """The document of a traced run, as far as explanations read it."""
    total = round(run.ns * UNITS)
    idle = (run.delivery + run.leaving + run.switch_in) * UNITS
    parts = {"wakeup:idle": idle, "wakeup:queued": run.queued * UNITS, "preempted": 0}
    rest = total - sum(parts.values())
    crossing, same = run.crossings * UNITS, max(1 - run.crossings, 0) * UNITS
    data: dict[str, Any] = {
        "result": {"units": UNITS},
        "window_ns": total,
        "rusage": {"voluntary": UNITS, "involuntary": run.involuntary * UNITS},
        "ledgers": {"wall": {"total_ns": total, "parts": parts, "residual_ns": 0}},
        "headline": {"io": rest / total, "switching": 1 - rest / total, "user": 0.0,
                     "system": 0.0, "waiting": 0.0},
        "syscalls": None,
        "sched": {
            "wakeups": {"same_cpu": same, "cross_cpu_idle": crossing, "cross_cpu_busy": 0},
            "wakeup_latency_ns": {
                "same_cpu": _times(run.same_ns, same),
                "cross_cpu_idle": _times(run.cross_ns, crossing),
                "cross_cpu_busy": _times(0, 0),
            },
            "handover_ns": {
                "same_cpu": _times(run.handover_ns, same),
                "cross_cpu_idle": _times(run.handover_ns + run.slower_ns, crossing),
                "cross_cpu_busy": _times(0, 0),
            },
            "migrations": crossing,
            "pulled": run.pulled * UNITS,
            **_stays(run, same, crossing),
            "placed": _placed(crossing, run.with_two, run.two_cross),
            "placed_by_queue": run.by_queue and _placed(crossing, *run.by_queue),
        },
        "idle": {
            "path": {"delivery": run.delivery * UNITS, "leaving_idle": run.leaving * UNITS,
                     "switch_in": run.switch_in * UNITS},
            "wakeups": [{"state": "C1", "polling": False,
                         "whole_ns": {"count": run.interrupts * UNITS},
                         "sent": {"nothing": 0, "call_function": run.interrupts * UNITS,
                                  "reschedule": 0, "flag": 0}}],
            "sleeps": [
                {"from_ns": from_ns, "delivery_ns": _times(5000 + later_ns, crossing / 2),
                 "stays": crossing / 2,
                 "ran_ns": crossing / 2 * (STAY_IO_NS + STAY_USER_NS + run.slower_ns + longer_ns),
                 "ran_io_ns": crossing / 2 * (STAY_IO_NS + run.slower_ns + longer_ns),
                 "ran_user_ns": crossing / 2 * STAY_USER_NS}
                for from_ns, later_ns, longer_ns in (
                    (4096, 0, 0), (65536, run.long_ns, run.long_stay_ns)
                )
                if crossing
            ],
            "sender_held_ns": {"call_function": _times(run.held_ns * UNITS / 100, 100),
                               "reschedule": _times(0, 0), "flag": _times(0, 0)},
            "cpus": [{"cpu": 0, "reschedule_interrupts": 0, "call_function_interrupts": 0,
                      "states": [{"name": "C1", "entries": 1,
                                  "residency_ns": run.asleep * total}]}],
        },
    }  # fmt: skip
    if not run.has_joint_counts:
        for name in ("placed", "placed_by_queue", "ran_ns", "ran_parts_ns"):
            del data["sched"][name]
        del data["idle"]["sleeps"]
    for name in ("sched", "idle"):
        if name not in sections:
            data[name] = None
    return data


def _placed(away: float, with_two: float, two_cross: float) -> list[dict[str, float]]:
    """Wake-ups by how many can run on the waker's CPU: onto it, and away."""
    two, two_away = with_two * UNITS, two_cross * away
    return [
        {"runnable": 1, "same_cpu": UNITS - two - (away - two_away),
         "other_cpu": away - two_away},
        {"runnable": 2, "same_cpu": two - two_away, "other_cpu": two_away},
    ]  # fmt: skip


def _stays(run: TracedRun, same: float, crossing: float) -> dict[str, Any]:
    """Stays on a CPU by the wake-up before; after a crossing they are longer, in calls for I/O."""
    crossed_io_ns = STAY_IO_NS + run.slower_ns + run.long_stay_ns / 2
    kinds = {"same_cpu": (STAY_IO_NS, same), "cross_cpu_idle": (crossed_io_ns, crossing),
             "cross_cpu_busy": (0.0, 0.0)}  # fmt: skip
    return {
        "ran_ns": {kind: _times(io_ns + STAY_USER_NS, n) for kind, (io_ns, n) in kinds.items()},
        "ran_parts_ns": {
            kind: {"io": io_ns * n, "user": STAY_USER_NS * n} for kind, (io_ns, n) in kinds.items()
        },
    }


def conditions() -> dict[str, PlantedCondition]:
    """A gap of 14 us of 24, made by crossings to sleeping CPUs, which preemption brings about."""
    free = TracedRun(26000, crossings=0.4, cross_ns=40000, interrupts=0.4, held_ns=4000,
                     delivery=8000, leaving=2000, switch_in=2000,
                     asleep=0.4, with_two=0.4, two_cross=0.95, long_ns=8000)  # fmt: skip
    pinned = TracedRun(12000)
    polling = TracedRun(12500, crossings=0.3, cross_ns=6000)
    batch = TracedRun(14000, crossings=0.03, cross_ns=20000, involuntary=0)
    return {
        FREE: PlantedCondition(24000, free),
        PINNED: PlantedCondition(10000, pinned),
        POLLING: PlantedCondition(10200, polling),
        BATCH: PlantedCondition(12000, batch),
        PINNED_BATCH: PlantedCondition(8500, TracedRun(10000, involuntary=0)),
        SPINNERS: PlantedCondition(17000, TracedRun(20000)),
        PROCESSES: PlantedCondition(26000, free),
        PROCESSES_PINNED: PlantedCondition(11000, pinned),
        MEMORY: PlantedCondition(15000, free),
        MEMORY_PINNED: PlantedCondition(8000, pinned),
        FLOOR: PlantedCondition(2000, TracedRun(2500, involuntary=0)),
    }


@dataclass
class PlantedExperiment:
    """An experiment to change before its outcomes are asked for."""

    conditions: dict[str, PlantedCondition] = field(default_factory=conditions)
    blocks: int = 12
    sections: tuple[str, ...] = ("sched", "idle")
    one_address_space: bool = True
    host: dict[str, str] = field(default_factory=lambda: {"idle": "haltpoll, haltpoll"})
    same_cpu_ns: float | None = None

    def see(self, label: str, **changes: float) -> PlantedExperiment:
        """Change what the traced runs of a condition see."""
        traced = self.conditions[label].traced
        assert traced is not None
        return self.take(label, traced=dataclasses.replace(traced, **changes))

    def take(self, label: str, **changes: Any) -> PlantedExperiment:
        """Change a condition's untraced runs."""
        self.conditions[label] = dataclasses.replace(self.conditions[label], **changes)
        return self

    def without(self, *labels: str) -> PlantedExperiment:
        for label in labels:
            del self.conditions[label]
        return self

    def outcomes(self) -> list[Outcome]:
        outcomes = []
        for block in range(self.blocks):
            wobble = WOBBLE[block % len(WOBBLE)]
            for label, planted in self.conditions.items():
                cpu_ns = planted.ns if planted.cpu_ns is None else planted.cpu_ns
                rusage = {"user_ns": 0.0, "system_ns": cpu_ns * wobble * UNITS}
                result = {"ns_per_unit": planted.ns * wobble, "units": UNITS, "rusage": rusage}
                around = Surroundings(
                    round(planted.spin_ns * wobble), round(planted.spin_ns * wobble), 10**9,
                    round(planted.steal_ns * UNITS), round(planted.others_ns * UNITS),
                )  # fmt: skip
                outcomes.append(Outcome(Trial(label, False, block), result, around))
                if planted.traced is not None:
                    times = {name: getattr(planted.traced, name) * wobble for name in _TIMES}
                    run = dataclasses.replace(planted.traced, **times)
                    report = document(run, self.sections)
                    outcomes.append(Outcome(Trial(label, True, block), result, around, report))
        return outcomes

    def evidence(self) -> Evidence:
        return Evidence(self.outcomes(), self.one_address_space, "hop", self.host, self.same_cpu_ns)
