"""The command line that makes a measurement again, from the plain data of the measurement."""

from __future__ import annotations

import os
import shlex

from tracer.analysis.run.summary import CommandLine
from tracer.capture.attach import AttachRequest
from tracer.capture.command import CommandOptions
from tracer.experiment.condition import Condition
from tracer.experiment.tracing import Tracing
from tracer.host.cpus import cpu_list
from tracer.host.user import Credentials
from tracer.model.sampling import GRID_NS
from tracer.model.spec import Spec


def of_workload(condition: Condition, tracing: Tracing, follow: bool) -> CommandLine:
    """`tracer run WORKLOAD` with the options that are not the defaults."""
    own = []
    for option in condition.definition.options:
        value = condition.values.get(option.name, option.default)
        if option.kind == "flag":
            own += [f"--{option.name}"] if value else []
        elif value != option.default:
            own.append(f"--{option.name} {value}")
    options = (*own, *_placed(condition.cpus, condition.as_root), *_traced(tracing, follow))
    return CommandLine(f"{_tracer()} run {condition.workload}", options=options)


def of_command(spec: Spec, window: CommandOptions, tracing: Tracing) -> CommandLine:
    """`tracer run -- COMMAND`."""
    times = {"delay": window.delay_s, "duration": window.duration_s, "units": window.units}
    options = [f"--{name} {value:g}" for name, value in times.items() if value]
    if spec.unit_from:
        options.append(f"--unit-from {shlex.quote(spec.unit_from)}")
    options += [*_placed(spec.cpus, spec.as_root), *_traced(tracing, window.follow)]
    return CommandLine(f"{_tracer()} run", f"-- {shlex.join(spec.argv)}", tuple(options))


def of_attach(request: AttachRequest, tracing: Tracing) -> CommandLine:
    """`tracer attach PID...`."""
    group = [f"--cgroup {shlex.quote(str(request.cgroup))}"] if request.cgroup else []
    targets = [*group, *map(str, request.pids)]
    times = {"duration": request.duration_s, "interval": request.interval_s}
    options = [f"--{name} {value:g}" for name, value in times.items() if value]
    if request.path_of != "busiest":
        options.append(f"--path-of {request.path_of}")
    start = " ".join([_tracer(), "attach", *targets])
    return CommandLine(start, options=(*options, *_traced(tracing, request.follow)))


def _tracer() -> str:
    """With sudo for who called it so, and for nobody else: root needs none."""
    is_root = os.geteuid() == 0 and Credentials.of_sudo() is None
    return "tracer" if is_root else "sudo tracer"


def _placed(cpus: tuple[int, ...], as_root: bool) -> list[str]:
    options = [f"--cpus {cpu_list(cpus)}"] if cpus else []
    return [*options, *(["--as-root"] if as_root else [])]


def _traced(tracing: Tracing, follow: bool) -> list[str]:
    sampling = tracing.sampling
    chosen = {
        "--light": tracing.light,
        f"--sample 1/{tracing.one_in}": tracing.one_in > 1,
        f"--top {tracing.top}": tracing.top,
        "--no-follow": not follow,
        f"--grid {sampling.grid_ns // 1000}": sampling.grid_ns != GRID_NS,
        "--all-threads": sampling.all_threads,
        "--kernel-stacks": sampling.kernel,
    }
    return [option for option, is_given in chosen.items() if is_given]
