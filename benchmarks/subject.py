"""A workload as the subject of a benchmark: its sizes, scaled to a length of time, and CPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import workloads
from benchmarks.blocks import Run, scaled_iterations
from tracer.capture.workload import run_untraced
from tracer.model.spec import Spec


@dataclass(frozen=True)
class Subject:
    """A workload with its sizes; `tasks` None where the workload has none.

    `further`: other options of it. `pinned`: to one CPU, else free to move.
    """

    name: str
    iterations: int
    tasks: int | None
    warmups: int
    further: Mapping[str, int | str | None] = field(default_factory=dict)
    pinned: bool = True

    def argv(self) -> tuple[str, ...]:
        """The command."""
        workload = workloads.available()[self.name]
        sizes = {"tasks": self.tasks, "iters": self.iterations, "warmups": self.warmups}
        known = {option.name for option in workload.options}
        given: dict[str, int | str | None] = {k: v for k, v in sizes.items() if k in known}
        return workload.argv({**given, **self.further})

    def spec(self, before: Sequence[str] = ()) -> Spec:
        """What to start; behind `before`, the start of a tool's command line, if there is one.

        A tool that starts the workload stays free to move: it is the workload that is pinned.
        """
        if not before:
            return Spec(self.argv(), (last_cpu(),) if self.pinned else (), as_root=True)
        pin = ("taskset", "-c", str(last_cpu())) if self.pinned else ()
        return Spec((*before, *pin, *self.argv()), as_root=True)


def last_cpu() -> int:
    """The CPU that is used: the highest one allowed, since the first one serves most devices."""
    return max(os.sched_getaffinity(0))


def run_of(result: Mapping[str, Any]) -> Run:
    """What the workload itself measured of its window."""
    usage = result["rusage"]
    switches = usage["voluntary"] + usage["involuntary"]
    return Run(float(result["ns_per_unit"]), switches / max(int(result["units"]), 1))


def scaled(name: str, run_ns: float, tasks: int | None = None, warmups: int = 20) -> Subject:
    """That workload with as many iterations as take about `run_ns` untraced."""
    return rescaled(Subject(name, 20, tasks, warmups), run_ns)


def rescaled(first: Subject, run_ns: float) -> Subject:
    """The same with as many iterations as take about `run_ns` untraced."""
    trip_ns = float(run_untraced(first.spec())["mean_ns"])
    return replace(first, iterations=scaled_iterations(trip_ns, run_ns))
