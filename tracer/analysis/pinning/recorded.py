"""The pinning experiment as it was recorded: everything that its explanation is made from, and
nothing that depends on the machine where it is read again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tracer.analysis.pinning.answer import Explanation, explain
from tracer.analysis.pinning.evidence import Evidence
from tracer.analysis.pinning.prediction import Calibration, Prediction, calibrate, predict
from tracer.analysis.quiet import Load, Resumed, block_loads, is_disturbed
from tracer.model.trial import HostShare, Outcome

#: Labels of runs before the blocks: unpinned ones to predict from, and the calibration.
FIRST, CALIBRATION = "unpinned, before the others", "two threads on one CPU"


def calibration(outcomes: Sequence[Outcome]) -> Calibration | None:
    """What passing on takes between two threads on one CPU; None where that was not run. The first
    of more than two runs is a warm-up."""
    reports = _reports(outcomes, CALIBRATION)
    return calibrate(reports[1:] if len(reports) > 2 else reports)


def prediction(outcomes: Sequence[Outcome]) -> Prediction | None:
    """The pinned time, from the runs before the blocks alone."""
    return predict(_reports(outcomes, FIRST), calibration(outcomes))


def _reports(outcomes: Sequence[Outcome], label: str) -> list[Mapping[str, Any]]:
    """The reports of these runs that met a quiet host."""
    return [
        outcome.report
        for outcome in outcomes
        if outcome.trial.condition == label
        and outcome.report is not None
        and not is_disturbed(outcome)
    ]


@dataclass(frozen=True)
class Recorded:
    """`line`: the workload as the user wrote it; `labels` in the order to show; `missing`: what
    could not be run, and why; `outcomes`: of all runs, also those before the blocks; `cpus`: how
    many CPUs an unpinned run may use, 0: not known."""

    line: str
    unit: str
    rounds: int
    in_python: bool
    one_address_space: bool
    host: Mapping[str, str]
    labels: Sequence[str]
    missing: Mapping[str, str]
    outcomes: Sequence[Outcome]
    load: Load
    cpus: int = 0

    def evidence(self) -> Evidence:
        """What the answer rests on."""
        calibrated = calibration(self.outcomes)
        return Evidence(
            self.load.usable(self.outcomes),
            self.one_address_space,
            self.unit,
            self.host,
            calibrated.ns if calibrated else None,
        )

    def explained(self) -> Explanation:
        """The answer; without verdicts where the host was busy."""
        return explain(
            self.evidence(),
            self.labels,
            prediction(self.outcomes),
            self.line,
            self.missing,
            judged=self.load.allows_verdict,
            cpus=self.cpus,
        )

    def kept(self) -> dict[str, Any]:
        """What a report holds besides the answer, as JSON data, so that `from_document` can give
        the answer again."""
        return {
            "one_address_space": self.one_address_space,
            "labels": list(self.labels),
            "cpus": self.cpus,
            "trials": [outcome.plain() for outcome in self.outcomes],
        }

    @classmethod
    def from_document(cls, data: Mapping[str, Any]) -> Recorded:
        """From the JSON document of an explanation; KeyError, TypeError or ValueError where it is
        not one."""
        outcomes = [Outcome.from_plain(one) for one in data["trials"]]
        return cls(
            line=data["workload"],
            unit=data["unit"],
            rounds=data["rounds"],
            in_python=data["in_python"],
            one_address_space=data["one_address_space"],
            host=data["host"],
            labels=data["labels"],
            missing=data["missing"],
            outcomes=outcomes,
            load=_load(data["load"], outcomes),
            cpus=data["cpus"],
        )


def _load(data: Mapping[str, Any], outcomes: Sequence[Outcome]) -> Load:
    before, resumed = data["before"], data["resumed"]
    old = {block["block"] for block in data["blocks"] if block["of_another_hour"]}
    return Load(
        HostShare(**before) if before else None,
        block_loads(outcomes, old),
        Resumed(**resumed) if resumed else None,
    )
