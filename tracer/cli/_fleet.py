"""An experiment of many hosts: `--on` of compare, sweep, brigades and explain pinning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._output import Outputs, outputs, say, stop_if_broken_off

if TYPE_CHECKING:
    from tracer.analysis.fleet import HostAnswer
    from tracer.analysis.pinning.recorded import Recorded
    from tracer.experiment.fleet.run import FleetRuns, HostRuns
    from tracer.experiment.trials import Planned

#: Measures of these questions are ratios, not times.
_RATIOS = ("compare", "explain-pinning")


@dataclass(frozen=True)
class Fleet:
    """The values of `options.fleet_options`, and how the experiment begins."""

    on: str
    tls: str | None
    give_up: float
    parquet: str | None
    wait_quiet: float | None
    fresh: bool

    @classmethod
    def chosen(cls, on: str | None, others: Mapping[str, Any], **unfit: Any) -> Fleet | None:
        """None without --on; the options `unfit`, by their names, cannot go with it."""
        if on is None:
            for name in ("tls", "parquet"):
                if others[name] is not None:
                    raise click.UsageError(f"--{name} goes with --on")
            return None
        for name, value in unfit.items():
            if value:
                raise click.UsageError(
                    f"--{name.replace('_', '-')} is of one host: leave out --on or it"
                )
        if others["parquet"] is not None:
            from tracer.host.recordings import require_libraries

            require_libraries()
        return cls(on, **others)

    def ask(self, kind: str, asked: Mapping[str, Any], json_path: str | None) -> int:
        """Ask the hosts, write the report; the exit status."""
        from tracer.cli import _options as options
        from tracer.experiment.fleet.dask_engine import engine_at
        from tracer.experiment.fleet.questions import Question
        from tracer.experiment.fleet.run import run_fleet
        from tracer.progress import Progress

        start = options.start(self.wait_quiet, self.fresh)
        with outputs(json_path) as out, engine_at(self.on, self.tls) as engine:
            question = Question(kind, asked)
            runs = run_fleet(
                question, engine, self.give_up, Progress(), start, lambda r: self._tell(r, out)
            )
        stop_if_broken_off(runs.interrupted)
        left_out = [host.name for host in runs.hosts if host.failure]
        if left_out:
            say(
                f"{len(left_out)} of {len(runs.hosts)} hosts gave not all; what they gave is saved,"
                " and the same command asks for the rest"
            )
        return 1 if left_out else 0

    def _tell(self, runs: FleetRuns, out: Outputs) -> None:
        from tracer.analysis.fleet import answer

        kind = runs.question.kind
        hosts = [host_answer(runs.question.asked, kind, host) for host in runs.hosts]
        if self.parquet is not None:
            from tracer.host.parquet_results import write

            for host in runs.hosts:
                if host.planned:
                    directory = Path(self.parquet)
                    write(directory, host.name, host.planned.experiment.host, host.outcomes)
        tell(answer(kind, kind in _RATIOS, hosts), out)


def tell(answer: Any, out: Outputs) -> None:
    """Write the report on many hosts."""
    from tracer.report import fleet as report

    out.report(report.document(answer), lambda width: report.render(answer, width))


def host_answer(asked: Mapping[str, Any], kind: str, runs: HostRuns) -> HostAnswer:
    """What a host says, with its own report as if it were the only one."""
    from tracer.analysis.fleet import HostAnswer

    said: dict[str, Any] = {}
    planned = runs.planned
    if planned is not None and runs.outcomes:
        said = _OF_KIND[kind](asked, planned, runs)
    return HostAnswer(
        name=runs.name,
        fingerprint=planned.experiment.host if planned else {},
        blocks=runs.blocks,
        failure=runs.failure,
        repeated=runs.repeated,
        **said,
    )


def _compare(asked: Mapping[str, Any], planned: Planned, runs: HostRuns) -> dict[str, Any]:
    from tracer.analysis.compare import compare
    from tracer.analysis.fleet_hosts import comparison_verdict, ratio_effects
    from tracer.report import compare as report

    about, host, load = planned.about, planned.experiment.host, runs.load
    usable = load.usable(runs.outcomes)
    compared = compare(usable, "A", "B", about["unit"], judged=load.allows_verdict)
    if compared is None:
        return {}
    verdict, why = comparison_verdict(compared)
    document = report.document(compared, asked["sides"], host, (), about["in_python"], load)
    effects = ratio_effects("A / B", usable, "A", "B")
    return {"effects": effects, "verdict": verdict, "why": why, "document": document}


def _pinning(asked: Mapping[str, Any], planned: Planned, runs: HostRuns) -> dict[str, Any]:
    from tracer.experiment.pinning import recorded

    return pinning_said(recorded(asked["line"], planned, runs.outcomes, runs.load))


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


def _sweep(asked: Mapping[str, Any], planned: Planned, runs: HostRuns) -> dict[str, Any]:
    from tracer.analysis.fleet_hosts import time_effects
    from tracer.analysis.sweep import every_crossing, sweep_points
    from tracer.report import sweep as report

    about, host, load = planned.about, planned.experiment.host, runs.load
    points = sweep_points(runs.outcomes, about["cells"], about["in_python"], load.left_out)
    crossed = every_crossing(points, asked["lines"], asked["ranges"], judged=load.allows_verdict)
    document = report.document(points, crossed, about["left_out"], about["unit"], host, load)
    effects = time_effects(load.usable(runs.outcomes), list(about["cells"]))
    return {"effects": effects, "document": document}


def _brigades(_asked: Mapping[str, Any], planned: Planned, runs: HostRuns) -> dict[str, Any]:
    from tracer.analysis.answers import answers
    from tracer.analysis.brigades import brigades
    from tracer.analysis.fleet_hosts import time_effects
    from tracer.report import brigades as report

    load = runs.load
    usable = load.usable(runs.outcomes)
    result = brigades(
        usable,
        planned.about["units"],
        planned.missing,
        answers,
        {},
        in_python=planned.about["in_python"],
        judged=load.allows_verdict,
    )
    experiment = planned.experiment
    document = report.document(result, experiment.rounds, experiment.host, load)
    return {"effects": time_effects(usable, list(planned.about["units"])), "document": document}


_OF_KIND = {
    "compare": _compare,
    "explain-pinning": _pinning,
    "sweep": _sweep,
    "brigades": _brigades,
}


def tell_saved(recorded: Sequence[tuple[str, Recorded]], out: Outputs) -> None:
    """Write the answer of saved experiments on pinning, by the names of their files, as of many
    hosts."""
    from tracer.analysis.fleet import HostAnswer, answer

    hosts = [
        HostAnswer(
            name=name,
            fingerprint=one.host,
            blocks=(len(one.load.blocks), one.rounds),
            **pinning_said(one),
        )
        for name, one in recorded
    ]
    tell(answer("explain-pinning", True, hosts), out)
