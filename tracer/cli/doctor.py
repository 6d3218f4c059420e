"""`tracer doctor`: this host and its limits, with a verdict and a remedy each."""

from __future__ import annotations

import click

from tracer.cli._shared import json_option, report_to
from tracer.errors import TracerError


@click.command("doctor", context_settings={"max_content_width": 98})
@click.option("--workload", "line", metavar="W",
              help='The size each limit allows for this workload; with its options in quotes:'
                   ' "async-brigade --transport pipe".')  # fmt: skip
@click.option("--tasks", type=click.IntRange(min=1), metavar="N",
              help="Would so many tasks fit, and if not, what raises the limit?")  # fmt: skip
@json_option
def command(line: str | None, tasks: int | None, path: str | None) -> int:
    """Say what this host is, what it lacks, and how large a run it allows. Changes nothing.

    Works without root, and says what it cannot see then. Exit status 1 when something is a
    problem, or the size that was asked for does not fit.
    """
    from tracer.analysis.doctor import SizeRequest, diagnose
    from tracer.experiment.line import parsed
    from tracer.host import checks, limits
    from tracer.host.user import target_uid
    from tracer.report import doctor as report
    from workloads import available

    if tasks is not None and line is None:
        raise TracerError("--tasks is of one workload: --workload is missing",
                          "tracer doctor --workload thread-brigade --tasks 10000",
                          exit_code=2)  # fmt: skip
    request = None
    if line is not None:
        condition = parsed(line, line)
        workload = available()[condition.workload]
        size = tasks or int(condition.values.get("tasks") or 1)
        request = SizeRequest(line, workload.needs(condition.values), size)
    with report_to(path) as write:
        needs = {
            name: workload.needs({option.name: option.default for option in workload.options})
            for name, workload in available().items()
        }
        diagnosis = diagnose(
            checks.checks(_probes), limits.limits(target_uid()), limits.remarks(), needs, request
        )
        write(report.document(diagnosis), lambda width: report.render(diagnosis, width))
    return 0 if diagnosis.is_well else 1


def _probes() -> str:
    """Attach all BPF programs, have them read this kernel, take them away; what was seen."""
    from tracer.kernel.bcc import import_bcc
    from tracer.kernel.engine import Engine

    version = getattr(import_bcc(), "__version__", "unknown")
    engine = Engine(())
    try:
        engine.arrays.reset()
        engine.attach()
        engine.detach()
        missing = f"; not here: {', '.join(engine.unavailable)}" if engine.unavailable else ""
        count = len(engine.tracepoints)
        return f"{count} raw tracepoints attached, kernel read; bcc {version}{missing}"
    finally:
        engine.close()
