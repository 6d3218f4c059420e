"""`tracer doctor`: this host and its limits, with a verdict and a remedy each."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tracer.cli import _options as options
from tracer.cli._output import outputs
from tracer.errors import TracerError

if TYPE_CHECKING:
    from tracer.analysis.doctor import SizeRequest


@click.command(
    "doctor",
    short_help="Say what this host lacks, and how large a run it allows.",
    params=[
        click.Option(
            ["--workload", "line"],
            metavar="W",
            help="The size each limit allows for this workload; with its options in quotes:"
            ' "async-brigade --transport pipe".',
        ),
        click.Option(
            ["--tasks"],
            type=click.IntRange(min=1),
            metavar="N",
            help="Would so many tasks fit, and if not, what raises the limit?",
        ),
        options.json_option(),
    ],
)
def command(line: str | None, tasks: int | None, json_path: str | None) -> int:
    """Say what this host is, what it lacks, and how large a run it allows. Changes nothing.

    Works without root, and says what it cannot see then. Exit status 1 when something is a
    problem, or the size that was asked for does not fit.
    """
    from tracer.analysis.doctor import diagnose
    from tracer.host import checks, limits
    from tracer.host.user import target_uid
    from tracer.report import doctor as report
    from workloads import available

    request = _size_request(line, tasks)
    with outputs(json_path) as out:
        needs = {
            name: workload.needs({option.name: option.default for option in workload.options})
            for name, workload in available().items()
        }
        diagnosis = diagnose(
            checks.checks(_try_probes),
            limits.limits(target_uid()),
            limits.remarks(),
            needs,
            request,
        )
        out.report(report.document(diagnosis), partial(report.render, diagnosis))
    return 0 if diagnosis.is_well else 1


def _size_request(line: str | None, tasks: int | None) -> SizeRequest | None:
    """The size that is asked about; None without one."""
    from tracer.analysis.doctor import SizeRequest
    from tracer.experiment.line import parse_line

    if line is None:
        if tasks is not None:
            raise TracerError(
                "--tasks needs a workload: --workload is missing",
                "tracer doctor --workload thread-brigade --tasks 10000",
                exit_code=2,
            )
        return None
    condition = parse_line(line).condition(line)
    return SizeRequest(line, condition.needs, tasks or condition.tasks)


def _try_probes() -> str:
    """Attach all BPF programs of the state machine, have them read this kernel, and detach; what
    was seen, and which tracepoints the probes will miss."""
    import platform

    from tracer.kernel import programs
    from tracer.kernel.bcc import import_bcc
    from tracer.kernel.btf import Btf
    from tracer.kernel.engine import Engine

    bcc = import_bcc()
    version, place = getattr(bcc, "__version__", "unknown"), Path(bcc.__file__).resolve().parent
    with contextlib.closing(Engine(())) as engine:
        engine.arrays.reset()
        engine.attach()
        engine.detach()
        gone, count = list(engine.unavailable), len(engine.tracepoints)
    types = Btf.load()
    lacking = programs.lacking(types.tracepoints(), types, platform.machine())
    gone += [f"{', '.join(names)} (probe {probe})" for probe, names in lacking.items()]
    missing = f"; not here: {', '.join(gone)}" if gone else ""
    return f"{count} raw tracepoints attached, kernel read; bcc {version} of {place}{missing}"
