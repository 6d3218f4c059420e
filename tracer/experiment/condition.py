"""What is run: plain data that can be written to a file and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from tracer.errors import TracerError
from tracer.model.spec import Spec
from workloads import Value, available


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
    def unit(self) -> str:
        """Its unit of work; of a command the whole run."""
        return "run" if self.command else available()[self.workload].unit

    def spec(self, changed: Mapping[str, Value] | None = None) -> Spec:
        """How to start it, with some values changed."""
        if self.command:
            return Spec(self.command, self.cpus, controlled=False, as_root=self.as_root, quiet=True)
        workload = available()[self.workload]
        return Spec(
            workload.argv({**self.values, **(changed or {})}), cpus=self.cpus, as_root=self.as_root
        )

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        lists = {"cpus": list(self.cpus), "command": list(self.command)}
        return {**asdict(self), "values": dict(self.values), **lists}

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Condition:
        lists = {name: tuple(data[name]) for name in ("cpus", "command")}
        return cls(**{**data, **lists})


def with_units(condition: Condition, units: int) -> Condition:
    """The same with as many iterations as make `units` units of work, or a few more.

    TracerError when the workload has no iterations.
    """
    values = dict(condition.values)
    if "iters" not in values:
        raise TracerError(f"{condition.workload} has no iterations to choose")
    each = int(values.get("tasks") or 1) * int(values.get("tokens") or 1)
    values["iters"] = max(-(-units // each), 10)
    return Condition(**{**vars(condition), "values": values})
