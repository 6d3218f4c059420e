"""A workload as the subject of a benchmark: its sizes, scaled to a length of time, and its CPUs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import workloads
from tracer.capture.workload import run_untraced
from tracer.errors import TracerError
from tracer.model.spec import Spec

_FEWEST_ITERATIONS = 5


@dataclass(frozen=True)
class Subject:
    """A workload with its sizes; `tasks` None where the workload has none.

    `further`: its other options. `pinned`: to one CPU, else free to move.
    """

    name: str
    iterations: int
    tasks: int | None
    warmups: int
    further: Mapping[str, int | str | None] = field(default_factory=dict)
    pinned: bool = True

    def argv(self) -> tuple[str, ...]:
        """The command of the native program."""
        workload = workloads.available()[self.name]
        sizes = {"tasks": self.tasks, "iters": self.iterations, "warmups": self.warmups}
        known = {option.name for option in workload.options}
        given: dict[str, int | str | None] = {k: v for k, v in sizes.items() if k in known}
        return workload.argv({**given, "runtime": "native", **self.further})

    def spec(self, before: Sequence[str] = ()) -> Spec:
        """How to start it; `before` is the command line of a tool that starts it, if any.

        Such a tool is free to move; only the workload is pinned.
        """
        if not before:
            return Spec(self.argv(), (last_cpu(),) if self.pinned else (), as_root=True)
        pin = ("taskset", "-c", str(last_cpu())) if self.pinned else ()
        return Spec((*before, *pin, *self.argv()), as_root=True)


def last_cpu() -> int:
    """The CPU that workloads are pinned to: the last, as the first one serves most devices."""
    return max(os.sched_getaffinity(0))


def scaled(name: str, run_ns: float, tasks: int | None = None, warmups: int = 20) -> Subject:
    """That workload with as many iterations as take about `run_ns` untraced."""
    return rescaled(Subject(name, 20, tasks, warmups), run_ns)


def rescaled(first: Subject, run_ns: float) -> Subject:
    """The same with as many iterations as take about `run_ns` untraced; TracerError where its
    program is not built."""
    program = first.argv()[0]
    if not os.access(program, os.X_OK):
        raise TracerError(f"the program of {first.name} is not built: {program}", "make setup")
    trip_ns = float(run_untraced(first.spec())["mean_ns"])
    return replace(first, iterations=max(_FEWEST_ITERATIONS, int(run_ns / max(trip_ns, 1.0))))
