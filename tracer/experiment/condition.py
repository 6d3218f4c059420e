"""What is run: plain data that can be written to a file and compared."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tracer.errors import TracerError
from tracer.host import limits
from tracer.host.installation import installation
from tracer.model.spec import Spec
from workloads import Needs, Value, Workload, available


@dataclass(frozen=True)
class Condition:
    """One side of an experiment.

    `label` is its name in tables; `values` are the workload's options by name; `cpus` empty means
    free to move; `intervention` names one of tracer.experiment.interventions. A user's `command`
    takes the place of the workload, whose name is empty then; its standard output is dropped, or
    searched with `unit_from` for the number of units of work it did, which are `units` otherwise
    (0: not counted). `env` are changes to its environment.
    """

    label: str
    workload: str
    values: Mapping[str, Value] = field(default_factory=dict)
    cpus: tuple[int, ...] = ()
    intervention: str = ""
    as_root: bool = False
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    unit_from: str = ""
    units: int = 0

    @property
    def definition(self) -> Workload:
        """The workload's declaration; KeyError for a command."""
        return available()[self.workload]

    @property
    def unit(self) -> str:
        """Its unit of work; of a command whose work is not counted the whole run."""
        if self.command:
            return "unit" if self.unit_from or self.units else "run"
        return self.definition.unit

    @property
    def tasks(self) -> int:
        """How many tasks it has; 1 where the workload does not say."""
        return int(self.values.get("tasks") or 1)

    @property
    def needs(self) -> Needs:
        """What the workload takes with these values."""
        return self.definition.needs(self.values)

    @property
    def in_python(self) -> bool:
        """Whether the workload's twin in Python is what runs; never for a command."""
        return not self.command and self.definition.in_python(self.values)

    def require_program(self) -> None:
        """TracerError when the workload's program is not built, or (exit status 2) when its twin in
        Python runs and does not take an option that is given."""
        if self.command:
            return
        workload = self.definition
        if not workload.in_python(self.values):
            _require_executable(workload, self.values)
            return
        refused = workload.refused_by_twin(self.values)
        if refused is not None:
            raise TracerError(
                f"{workload.name} in Python has no --{refused}",
                f"leave it out, or measure the native program: {installation().to_build()}",
                exit_code=2,
            )

    def require_built(self) -> None:
        """The same, and TracerError when the twin in Python would run without being asked for."""
        if not self.command and self.values.get("runtime") is None:
            _require_executable(self.definition, self.values)
        self.require_program()

    def require_fit(self) -> None:
        """TracerError (exit status 2) when a limit of this system forbids so many tasks."""
        limits.require(self.needs, self.tasks)

    def spec(self, changed: Mapping[str, Value] | None = None) -> Spec:
        """How to start it, with some values changed."""
        if self.command:
            return Spec(
                self.command,
                self.cpus,
                controlled=False,
                as_root=self.as_root,
                quiet=True,
                env=self.env,
                unit_from=self.unit_from,
            )
        argv = self.definition.argv({**self.values, **(changed or {})})
        return Spec(argv, cpus=self.cpus, as_root=self.as_root)

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        lists = {"cpus": list(self.cpus), "command": list(self.command)}
        return {**asdict(self), "values": dict(self.values), "env": dict(self.env), **lists}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Condition:
        """From what `plain` gave; TypeError for other data."""
        return cls(**{**data, "cpus": tuple(data["cpus"]), "command": tuple(data["command"])})


def _require_executable(workload: Workload, values: Mapping[str, Value]) -> None:
    program = workload.program(values)
    if not os.access(program, os.X_OK):
        twin = "; `--runtime python` measures its twin in Python" if workload.has_twin else ""
        raise TracerError(
            f"the program of {workload.name} is not built: {program}",
            f"build it with: {installation().to_build()}{twin}",
        )


def with_units(condition: Condition, units: int) -> Condition:
    """The same with as many iterations as make `units` units of work, or a few more.

    TracerError when the workload has no iterations.
    """
    if "iters" not in condition.values:
        raise TracerError(f"{condition.workload} has no iterations to choose")
    per_iteration = condition.tasks * int(condition.values.get("tokens") or 1)
    iterations = max(-(-units // per_iteration), 10)
    return replace(condition, values={**condition.values, "iters": iterations})
