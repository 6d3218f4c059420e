"""One run of an experiment as plain data. Needs neither root nor BCC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Of an outcome's result: why the run failed, where that is a result.
FAILED = "failed"


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
    """Around one run: fixed spins before and after; steal and other processes' CPU time over
    `cpus` CPUs, ns. The latter is a difference of two clocks, and can be a little below 0."""

    spin_before_ns: int
    spin_after_ns: int
    wall_ns: int
    steal_ns: int
    others_ns: int
    cpus: int = 1

    @property
    def cpu_time_ns(self) -> int:
        """Time of all CPUs around the run, busy or not."""
        return self.wall_ns * self.cpus


@dataclass(frozen=True)
class HostShare:
    """What other programs used of the CPUs' time, and what the host took of it (steal)."""

    others: float
    steal: float

    @property
    def largest(self) -> float:
        return max(self.others, self.steal)


@dataclass(frozen=True)
class Outcome:
    """The result of one trial.

    `result` is the workload's own; `report` the JSON document of a traced run,
    without its list of threads; `at_s` the time at its end, in seconds since 1970; `host`: the name
    of the host that made it, empty for this one.
    """

    trial: Trial
    result: Mapping[str, Any]
    surroundings: Surroundings
    report: Mapping[str, Any] | None = None
    at_s: float = 0.0
    host: str = ""

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
            "at_s": self.at_s,
            **({"host": self.host} if self.host else {}),
        }

    @classmethod
    def from_plain(cls, data: Mapping[str, Any]) -> Outcome:
        return cls(
            Trial(**data["trial"]),
            data["result"],
            Surroundings(**data["surroundings"]),
            data["report"],
            data["at_s"],
            data.get("host", ""),
        )
