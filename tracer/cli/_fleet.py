"""An experiment of many hosts: `--on` of compare, sweep, brigades and explain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._output import Outputs, outputs, say, stop_if_broken_off

if TYPE_CHECKING:
    from tracer.analysis.pinning.recorded import Recorded
    from tracer.experiment.fleet.run import FleetRuns, HostRuns

#: Exit statuses: a budget is broken, a host was left out, no budget was judged.
_BY_WEIGHT = (4, 1, 3, 0)


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
                    f"--{name.replace('_', '-')} is of one host: leave out it or --on. Of many"
                    " hosts --html makes a page, and --json and --parquet have the figures"
                )
        if others["parquet"] is not None:
            from tracer.host.recordings import require_libraries

            require_libraries()
        return cls(on, **others)

    def ask(
        self,
        kind: str,
        asked: Mapping[str, Any],
        json_path: str | None,
        html_path: str | None,
        judge: Callable[[HostRuns], int] = lambda _host: 0,
    ) -> int:
        """Ask the hosts, write the report; the exit status. `judge`: that of each host alone, for
        what limits it."""
        from tracer.cli import _options as options
        from tracer.experiment.fleet.dask_engine import engine_at
        from tracer.experiment.fleet.questions import Question
        from tracer.experiment.fleet.run import run_fleet
        from tracer.progress import Progress

        start = options.start(self.wait_quiet, self.fresh)
        with outputs(json_path, html_path=html_path) as out, engine_at(self.on, self.tls) as engine:
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
        statuses = {1 if left_out else 0, *map(judge, runs.hosts)}
        return next(status for status in _BY_WEIGHT if status in statuses)

    def _tell(self, runs: FleetRuns, out: Outputs) -> None:
        from tracer.analysis.fleet import answer
        from tracer.cli._fleet_hosts import RATIOS, host_answer

        kind = runs.question.kind
        hosts = [host_answer(runs.question.asked, kind, host) for host in runs.hosts]
        if self.parquet is not None:
            from tracer.host.parquet_results import write

            for host in runs.hosts:
                if host.planned:
                    directory = Path(self.parquet)
                    write(directory, host.name, host.planned.experiment.host, host.outcomes)
        tell(answer(kind, kind in RATIOS, hosts), out)


def tell(answer: Any, out: Outputs) -> None:
    """Write the report on many hosts."""
    from tracer.report import fleet as report

    out.report(report.document(answer), lambda width: report.render(answer, width))


def tell_saved(recorded: Sequence[tuple[str, Recorded]], out: Outputs) -> None:
    """Write the answer of saved experiments on pinning, by the names of their files, as of many
    hosts."""
    from tracer.analysis.fleet import HostAnswer, answer
    from tracer.cli._fleet_hosts import pinning_said

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
