"""What each host of many says, with its own report as if it were the only one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracer.analysis.fleet import HostAnswer
    from tracer.analysis.pinning.recorded import Recorded
    from tracer.experiment.fleet.run import HostRuns
    from tracer.experiment.trials import Runs

#: Measures of these questions are ratios, not times.
RATIOS = ("compare", "explain-pinning", "explain-async", "explain-why")


def host_answer(asked: Mapping[str, Any], kind: str, host: HostRuns) -> HostAnswer:
    """What a host says to a question of this `kind`; `asked`: what the command line says."""
    from tracer.analysis.fleet import HostAnswer

    said = {} if host.runs is None else _OF_KIND[kind](asked, host.runs, host)
    planned = host.planned
    return HostAnswer(
        name=host.name,
        fingerprint=planned.experiment.host if planned else {},
        blocks=host.blocks,
        failure=host.failure,
        repeated=host.repeated,
        programs=planned.about.get("programs", {}) if planned else {},
        sizes=host.sizes,
        **said,
    )


def _compare(asked: Mapping[str, Any], runs: Runs, _host: HostRuns) -> dict[str, Any]:
    from tracer.analysis.fleet_hosts import comparison_verdict, ratio_effects
    from tracer.experiment.compare import compared
    from tracer.report import compare as report

    result = compared(runs)
    comparison = result.comparison
    if comparison is None:
        return {}
    verdict, why = comparison_verdict(comparison)
    return {
        "effects": ratio_effects("A / B", runs.usable, "A", "B"),
        "verdict": verdict,
        "why": why,
        "document": report.document(
            comparison, asked["sides"], result.host, (), result.in_python, result.load
        ),
    }


def _pinning(asked: Mapping[str, Any], runs: Runs, _host: HostRuns) -> dict[str, Any]:
    from tracer.experiment.pinning import recorded

    return pinning_said(recorded(asked["line"], runs))


def pinning_said(recorded: Recorded) -> dict[str, Any]:
    """What the pinning experiment of one host says."""
    from tracer.analysis.fleet_hosts import pinning_effects, pinning_verdict
    from tracer.report import pinning as report

    explanation = recorded.explained()
    verdict, why = pinning_verdict(recorded, explanation)
    return {
        "effects": pinning_effects(recorded),
        "verdict": verdict,
        "why": why,
        "document": report.document_of(recorded, explanation),
    }


def _asynchrony(asked: Mapping[str, Any], runs: Runs, _host: HostRuns) -> dict[str, Any]:
    from tracer.analysis.fleet_hosts import async_effects, async_verdict
    from tracer.experiment.asynchrony import explained
    from tracer.report import asynchrony as report

    explanation, usable = explained(runs), runs.usable
    verdict, why = async_verdict(usable, explanation, judged=runs.load.allows_verdict)
    return {
        "effects": async_effects(usable, [one.label for one in runs.planned.conditions]),
        "verdict": verdict,
        "why": why,
        "document": report.document(explanation, asked["rounds"], runs.host, runs.load),
    }


def _why(asked: Mapping[str, Any], runs: Runs, _host: HostRuns) -> dict[str, Any]:
    from tracer.analysis.fleet_hosts import why_effects, why_said
    from tracer.experiment.why import answered
    from tracer.report import why as report

    planned, answer = runs.planned, answered(runs)
    document = report.document(
        answer,
        asked["command"],
        planned.about["unit"],
        asked["rounds"],
        len(planned.trials),
        runs.outcomes,
        runs.host,
        runs.load,
    )
    judged = runs.load.allows_verdict
    return {
        "effects": why_effects(runs.usable, planned.may_fail),
        "why": why_said(answer) if judged and len(answer.rows) > 1 else "",
        "document": document,
    }


def _sweep(asked: Mapping[str, Any], runs: Runs, _host: HostRuns) -> dict[str, Any]:
    from tracer.analysis.fleet_hosts import time_effects
    from tracer.experiment.sweep import swept
    from tracer.report import sweep as report

    found = swept(runs, asked["lines"], asked["ranges"])
    return {
        "effects": time_effects(runs.usable, list(runs.planned.about["cells"])),
        "document": report.document(
            found.points, found.crossings, found.left_out, found.unit, runs.host, runs.load
        ),
    }


def _brigades(asked: Mapping[str, Any], runs: Runs, host: HostRuns) -> dict[str, Any]:
    from tracer.analysis.fleet_hosts import time_effects
    from tracer.experiment.brigades import result_of
    from tracer.report import brigades as report

    result = result_of(runs, host.sizes)
    return {
        "effects": time_effects(runs.usable, list(runs.planned.about["units"])),
        "document": report.document(result, asked["rounds"], runs.host, runs.load),
    }


_OF_KIND = {
    "compare": _compare,
    "explain-pinning": _pinning,
    "explain-async": _asynchrony,
    "explain-why": _why,
    "sweep": _sweep,
    "brigades": _brigades,
}
