"""What was seen on a virtual machine of 16 CPUs without an idle driver, as an experiment.

Every wake-up crosses there, none stays on its CPU, and nothing asks for the latency that the first
knob requests. Times and counts are those of one report; the split of 24 us into the wake-up and the
time until the next one, and the price in the calibration, which was not run there, are assumed.
"""

from __future__ import annotations

from typing import Any

from harness.explained import UNITS, PlantedCondition, PlantedExperiment, TracedRun, document
from tracer.analysis.pinning import conditions as labels
from tracer.analysis.pinning.recorded import CALIBRATION, FIRST, Recorded
from tracer.analysis.quiet import Load, block_loads
from tracer.model.trial import Outcome, Surroundings, Trial

HOST = {
    "kernel": "6.18.44",
    "cpu": "Intel(R) Xeon(R) Processor",
    "topology": "16 CPUs, 16 cores, 1 socket, 1 last-level cache",
    "idle": "none, menu",
    "machine": "virtual machine",
}
#: Assumed: ns per hop between two threads on one CPU, traced, in the calibration's runs;
#: the first is a warm-up.
CALIBRATION_NS = (9000.0, 4400.0, 4500.0, 4500.0, 4600.0)
#: ns per hop of the unpinned runs before the others, and what of it a crossing takes.
FIRST_NS = (22000.0, 22300.0, 22500.0, 22700.0, 23000.0)
_TWO = "two CPUs of one last-level cache"
_CROSSING = {"crossings": 1.002, "interrupts": 1.001, "involuntary": 0.0, "queued": 0.0}


def _free(ns: float) -> TracedRun:
    return TracedRun(
        ns, cross_ns=17000, handover_ns=7000, held_ns=353, delivery=15100, leaving=600,
        switch_in=989, asleep=0.95, has_joint_counts=False, **_CROSSING,
    )  # fmt: skip


def _pinned(ns: float, involuntary: float) -> TracedRun:
    return TracedRun(ns, same_ns=2600, handover_ns=2500, involuntary=involuntary, queued=2580)


def experiment(blocks: int = 12) -> PlantedExperiment:
    """All conditions of that report."""
    busy = TracedRun(9000, crossings=0.4007, cross_ns=5000, involuntary=0.2138, queued=2000)
    kept = {
        labels.FREE: PlantedCondition(19292, _free(26578)),
        labels.PINNED: PlantedCondition(3821, _pinned(5164, 0.306)),
        _TWO: PlantedCondition(9303, _free(12000)),
        labels.POLLING: PlantedCondition(18515, _free(26000)),
        labels.BATCH: PlantedCondition(19267, _free(26500)),
        labels.PINNED_BATCH: PlantedCondition(3048, _pinned(4200, 0.0)),
        labels.SPINNERS: PlantedCondition(6652, busy),
        labels.PROCESSES: PlantedCondition(23288, _free(30000)),
        labels.PROCESSES_PINNED: PlantedCondition(4807, _pinned(6500, 0.2706)),
        labels.MEMORY: PlantedCondition(16451, _free(21000)),
        labels.MEMORY_PINNED: PlantedCondition(4525, _pinned(6000, 0.184)),
        labels.FLOOR: PlantedCondition(986, TracedRun(1300, involuntary=0, queued=0)),
    }
    return PlantedExperiment(kept, blocks, host=HOST)


def first_runs() -> list[dict[str, Any]]:
    """The unpinned runs from which the pinned time is predicted."""
    return [
        document(TracedRun(ns, cross_ns=ns / 1.002 - 7000, handover_ns=7000, **_CROSSING))
        for ns in FIRST_NS
    ]


def calibration_runs() -> list[dict[str, Any]]:
    """Two threads on one CPU."""
    return [document(TracedRun(ns, same_ns=ns / 2, handover_ns=ns / 2)) for ns in CALIBRATION_NS]


def recorded(blocks: int = 12) -> Recorded:
    """The same as an experiment that was recorded, with the runs before the blocks."""
    planted = experiment(blocks)
    quiet = Surroundings(10**7, 10**7, 10**9, 0, 0, 16)
    before = [*_before(FIRST, first_runs()), *_before(CALIBRATION, calibration_runs())]
    early = [
        Outcome(Trial(label, True, -1 - n), {"units": UNITS}, quiet, report)
        for n, (label, report) in enumerate(before)
    ]
    outcomes = [*early, *planted.outcomes()]
    load = Load(None, block_loads(outcomes))
    return Recorded(
        "thread-brigade", "hop", blocks, False, True, HOST, list(planted.conditions), {},
        outcomes, load,
    )  # fmt: skip


def _before(label: str, reports: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return [(label, report) for report in reports]
