"""`tracer attach PID|NAME...`: processes that run already, which are left as they are."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import click

from tracer.cli import _metrics, _record
from tracer.cli import _options as options
from tracer.cli import _targets as targets
from tracer.cli._output import budget_status, outputs, say, say_nothing
from tracer.cli._profiles import FILES, profile_files
from tracer.cli._types import Seconds
from tracer.errors import Interrupted


@click.command(
    "attach",
    short_help="Watch processes that run already, until Ctrl-C.",
    params=[
        *targets.target_options(),
        click.Option(["--duration"], type=Seconds(), metavar="S",
                     help="End after S seconds.  [default: at Ctrl-C]"),
        click.Option(["--interval"], type=Seconds(), metavar="S",
                     help="Report every S seconds, each time on those seconds alone."),
        options.path_of_option(),
        *options.tracing_options(),
        *_record.options(ends=True),
        *_metrics.options(),
        options.json_option("Write the report as JSON to FILE too, with --interval a line each;"
                            " `-`: to standard output, and no text."),
        options.html_option("Write the report as one HTML page, to look at in a browser, to FILE;"
                            " with --interval of all intervals, at the end."),
        *options.screen_options("details; with --interval 12 lines each time"),
        targets.who_argument(),
    ],
    epilog="Exit status: 0, after Ctrl-C too; 3 when a ledger of a report did not close or events"
    " were lost, 4 when a budget is broken; 143 after SIGTERM.",
)  # fmt: skip
def command(**values: Any) -> int:
    """Watch processes that run already, until Ctrl-C; they are left as they are."""
    from tracer.analysis.run.document import document
    from tracer.capture.attach import AttachRequest
    from tracer.experiment.one import trace_processes
    from tracer.report.run.text import render

    pids, cgroup = targets.processes_of(values, "tracer attach")
    tracing = options.tracing(values, "of processes that run already only sums are known: calls")
    _require_fitting(values)
    request = AttachRequest(
        pids=pids,
        cgroup=cgroup,
        follow=not values["no_follow"],
        duration_s=values["duration"],
        interval_s=values["interval"],
        path_of=values["path_of"],
    )
    shown = options.shown(values, short=request.interval_s is not None)
    notes = say_nothing if values["quiet"] else say
    status, is_trusted, has_begun = 0, True, False
    with (
        outputs(
            values["json_path"],
            line_each=request.interval_s is not None,
            html_path=values["html_path"],
            quiet=values["quiet"],
        ) as out,
        profile_files(values) as write_profiles,
        _record.recorder(_record.values_of(values)) as recorder,
        _metrics.serving(values, notes) as metrics,
    ):
        request = replace(request, until=_record.window_end(recorder))
        try:
            for summary in trace_processes(request, tracing, say=notes, recorder=recorder):
                has_begun = True
                data = document(summary)
                out.report(data, partial(render, summary, shown=shown, data=data), summary)
                write_profiles(summary)
                if metrics:
                    metrics.add(summary, data["findings"])
                if recorder:
                    _record.end(recorder, data, notes)
                    is_trusted &= recorder.is_whole
                status = max(status, budget_status(values["budgets"], data))
                is_trusted &= summary.is_trusted
        except Interrupted as stop:
            if not has_begun:
                say("ended by a signal before the window began")
            if stop.number != signal.SIGINT or not has_begun:  # Ctrl-C is how it is meant to end
                return 128 + stop.number
    return status if is_trusted else 3


def _require_fitting(values: Mapping[str, Any]) -> None:
    """UsageError for options that have no meaning together."""
    files = [f"--{name}" for name in FILES if values[name]]
    if files and values["interval"]:
        raise click.UsageError(
            f"{files[0]} is one profile, --interval makes many: leave out one of the two; --json"
            " has the places of each interval"
        )
    if values["record"] and values["interval"]:
        raise click.UsageError(
            "--record keeps one window, --interval makes many: leave out --interval, and ask the"
            " recording about parts of it: tracer query DIR, tracer export DIR --slice 1s..2s"
        )
    if values["openmetrics"] and not values["interval"]:
        raise click.UsageError(
            "--openmetrics is about windows that follow each other: give --interval S too"
        )
    if values["openmetrics_public"] and not values["openmetrics"]:
        raise click.UsageError("--openmetrics-public allows an ADDRESS: give --openmetrics too")
