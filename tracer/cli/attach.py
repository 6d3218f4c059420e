"""`tracer attach PID...`: processes that run already, which are left as they are."""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from tracer.cli._shared import Seconds, budget_status, report_width, shared_options
from tracer.errors import Interrupted
from tracer.host.user import require_rights

if TYPE_CHECKING:
    from tracer.analysis.run.summary import Summary
    from tracer.capture.attach import AttachRequest

_WARNING = (
    "tracer: meanwhile system calls of every process on this host are slower; --light avoids that"
)


class _PathOf(click.ParamType[str]):
    """Whose path is reported."""

    name = "path_of"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value not in ("main", "busiest") and not re.fullmatch(r"[0-9]+", str(value)):
            self.fail(f"{value!r} is no thread's number, nor main, nor busiest", param, ctx)
        return str(value)


def _options() -> list[click.Parameter]:
    return [
        click.Option(["--cgroup"], metavar="PATH",
                     help="All processes of this control group, version 1 or 2."),
        click.Option(["--duration"], type=Seconds(), metavar="S",
                     help="End after S seconds.  [default: at Ctrl-C]"),
        click.Option(["--interval"], type=Seconds(), metavar="S",
                     help="A report every S seconds, each of its own interval."),
        click.Option(["--path-of"], type=_PathOf(), default="busiest", show_default=True,
                     metavar="TID|main|busiest",
                     help="Whose critical path is reported, up to what it did at the end."),
        *shared_options(),
        click.Option(["--json"], metavar="FILE",
                     help="Write the report as JSON to FILE too, with --interval a line each;"
                          " `-`: to standard output, and no text."),
        click.Argument(["pids"], nargs=-1, type=click.IntRange(min=1), metavar="[PID]..."),
    ]  # fmt: skip


def _attach(**values: Any) -> int:
    from tracer import probes
    from tracer.analysis.run import budget
    from tracer.capture.attach import AttachRequest
    from tracer.host.cgroups import cgroup_directory
    from tracer.host.processes import require

    names = probes.chosen(values["probe"] or probes.DEFAULT)
    budgets = [budget.parse(text) for text in values["budget"]]
    if not values["pids"] and values["cgroup"] is None:
        raise click.UsageError("name processes: tracer attach PID..., or --cgroup PATH")
    for pid in values["pids"]:
        require(pid)
    group = None if values["cgroup"] is None else cgroup_directory(values["cgroup"])
    require_rights()
    request = AttachRequest(
        pids=tuple(dict.fromkeys(values["pids"])),
        cgroup=group,
        follow=not values["no_follow"],
        duration_s=values["duration"],
        interval_s=values["interval"],
        path_of=values["path_of"],
    )
    if not values["light"]:
        click.echo(_WARNING, err=True)
    status = 0
    with _output(values) as write:
        try:
            for summary in _summaries(request, names, values):
                document = write(summary)
                status = max(status, budget_status(budgets, document))
        except Interrupted as stop:
            if stop.number != 2:
                return 128 + stop.number
    return status


def _summaries(
    request: AttachRequest, names: tuple[str, ...], values: Mapping[str, Any]
) -> Iterator[Summary]:
    from tracer.analysis.run.summary import CommandLine, summarize
    from tracer.capture.attach import attached
    from tracer.kernel.calibrate import event_cost_ns, switch_cost_ns
    from tracer.kernel.engine import Engine

    what = f" --cgroup {values['cgroup']}" if values["cgroup"] else ""
    what += "".join(f" {pid}" for pid in request.pids)
    engine = Engine(names, values["light"])
    try:
        switch_ns, event_ns = switch_cost_ns(engine), event_cost_ns(engine)
        for recording in attached(engine, request, switch_ns, _say_attached):
            yield summarize(
                dataclasses.replace(recording, event_cost_ns=event_ns),
                name=recording.processes[0].name if recording.processes else "",
                transport="",
                unit="run",
                top=values["top"],
                kind="attach",
                command_line=CommandLine(f"tracer attach{what}"),
            )
    finally:
        engine.close()


def _say_attached(threads: int, processes: int) -> None:
    click.echo(
        f"tracer: attached to {threads} {'thread' if threads == 1 else 'threads'} of {processes}"
        f" {'process' if processes == 1 else 'processes'}; Ctrl-C ends it, and leaves them running",
        err=True,
    )


@contextlib.contextmanager
def _output(values: Mapping[str, Any]) -> Iterator[Any]:
    """What takes each report to where it belongs and returns its document."""
    import json

    from tracer.analysis.run import document as json_report
    from tracer.cli._files import LinesFile, OutputFile
    from tracer.report.run import text as text_report

    path, lines = values["json"], values["interval"] is not None
    with contextlib.ExitStack() as stack:
        file: LinesFile | OutputFile | None = None
        if path is not None and path != "-":
            file = LinesFile(path) if lines else OutputFile(path)
            stack.enter_context(file)

        def write(summary: Summary) -> Mapping[str, Any]:
            document = json_report.document(summary)
            text = json.dumps(document, indent=None if lines else 2) + "\n"
            if path == "-":
                click.echo(text, nl=False)
            else:
                click.echo(text_report.render(summary, report_width()), nl=lines)
            if file is not None:
                file.write(text)
            return document

        yield write


command = click.Command(
    "attach",
    params=_options(),
    callback=_attach,
    help="Watch processes that run already, until Ctrl-C; they are left as they are.",
    context_settings={"max_content_width": 98},
)
