"""What is run: plain data that can be written to a file and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tracer.errors import TracerError
from tracer.host import limits
from tracer.model.spec import Spec
from workloads import Needs, Value, Workload, available


@dataclass(frozen=True)
class Condition:
    """One side of an experiment.

    `label` is its name in tables; `values` are the workload's options by name; `cpus` empty means
    free to move; `intervention` names one of tracer.experiment.interventions. A user's `command`
    takes the place of the workload, whose name is empty then; its standard output is dropped.
    """

    label: str
    workload: str
    values: Mapping[str, Value] = field(default_factory=dict)
    cpus: tuple[int, ...] = ()
    intervention: str = ""
    as_root: bool = False
    command: tuple[str, ...] = ()

    @property
    def definition(self) -> Workload:
        """The workload's declaration; KeyError for a command."""
        return available()[self.workload]

    @property
    def unit(self) -> str:
        """Its unit of work; of a command the whole run."""
        return "run" if self.command else self.definition.unit

    @property
    def tasks(self) -> int:
        """How many tasks it has; 1 where the workload does not say."""
        return int(self.values.get("tasks") or 1)

    @property
    def needs(self) -> Needs:
        """What the workload takes with these values."""
        return self.definition.needs(self.values)

    def require_fit(self) -> None:
        """TracerError (exit status 2) when a limit of this system forbids so many tasks."""
        limits.require(self.needs, self.tasks)

    def spec(self, changed: Mapping[str, Value] | None = None) -> Spec:
        """How to start it, with some values changed."""
        if self.command:
            return Spec(self.command, self.cpus, controlled=False, as_root=self.as_root, quiet=True)
        argv = self.definition.argv({**self.values, **(changed or {})})
        return Spec(argv, cpus=self.cpus, as_root=self.as_root)

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        lists = {"cpus": list(self.cpus), "command": list(self.command)}
        return {**asdict(self), "values": dict(self.values), **lists}


def with_units(condition: Condition, units: int) -> Condition:
    """The same with as many iterations as make `units` units of work, or a few more.

    TracerError when the workload has no iterations.
    """
    if "iters" not in condition.values:
        raise TracerError(f"{condition.workload} has no iterations to choose")
    per_iteration = condition.tasks * int(condition.values.get("tokens") or 1)
    iterations = max(-(-units // per_iteration), 10)
    return replace(condition, values={**condition.values, "iters": iterations})
