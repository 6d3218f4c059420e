"""One run of an experiment as plain data. Needs neither root nor BCC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Trial:
    """One run of an experiment: which condition, traced or not, in which block.

    `twin` tells the second untraced run of a condition in a block from the first: their ratio is
    the noise floor (A/A).
    """

    condition: str
    traced: bool
    block: int
    twin: bool = False


@dataclass(frozen=True)
class Surroundings:
    """Around one run: fixed spins before and after; steal and other processes' CPU time, ns."""

    spin_before_ns: int
    spin_after_ns: int
    wall_ns: int
    steal_ns: int
    others_ns: int


@dataclass(frozen=True)
class Outcome:
    """The result of one trial.

    `result` is the workload's own; `report` the JSON document of a traced run,
    without its list of threads.
    """

    trial: Trial
    result: Mapping[str, Any]
    surroundings: Surroundings
    report: Mapping[str, Any] | None = None

    @property
    def ns_per_unit(self) -> float:
        return float(self.result["ns_per_unit"])

    def plain(self) -> dict[str, Any]:
        """As JSON data."""
        return {
            "trial": asdict(self.trial),
            "result": dict(self.result),
            "surroundings": asdict(self.surroundings),
            "report": self.report,
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Outcome:
        return cls(
            Trial(**data["trial"]),
            data["result"],
            Surroundings(**data["surroundings"]),
            data["report"],
        )
