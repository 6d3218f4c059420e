"""Workloads named in one quoted line, `"thread-brigade --cpus 1"`, as conditions."""

from __future__ import annotations

import dataclasses
import shlex

import click
from click.core import ParameterSource

from tracer.errors import TracerError
from tracer.experiment.condition import Condition, with_units
from tracer.host import limits
from tracer.host.cpus import parse_cpus
from workloads import Option, Workload, available, nearest

#: A run of an experiment has at least so many units of work, unless the line says otherwise.
UNITS = 50_000
_MOST_WARMUPS, _FEWEST_WARMUPS = 20, 3


def workload_option(option: Option) -> click.Option:
    """An option of a workload for the command line."""
    if option.kind == "flag":
        return click.Option([f"--{option.name}"], is_flag=True, help=option.help)
    kinds: dict[str, click.ParamType[int]] = {
        "count": click.IntRange(min=1),
        "number": click.IntRange(min=0),
    }
    kind = kinds[option.kind] if isinstance(option.kind, str) else click.Choice(option.kind)
    return click.Option(
        [f"--{option.name}"], type=kind, default=option.default, help=option.help,
        show_default=option.default is not None,
    )  # fmt: skip


def workload_named(name: str) -> Workload:
    """TracerError (exit status 2) for an unknown name, with the nearest one."""
    if name not in available():
        raise TracerError(f"no workload is called {name!r}", nearest(name), exit_code=2)
    return available()[name]


def condition(line: str, label: str, units: int = UNITS) -> Condition:
    """The condition that a line describes, checked against this system's limits.

    TracerError (exit status 2) when the line is wrong or the run cannot fit.
    """
    found = parsed(line, label, units)
    needs = available()[found.workload].needs(found.values)
    limits.require(needs, int(found.values.get("tasks") or 1))
    return found


def parsed(line: str, label: str, units: int = UNITS) -> Condition:
    """The condition that a line describes.

    Iterations that the line does not give are chosen so that a run has `units` units of work.
    TracerError (exit status 2) when the line is wrong.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise TracerError(f"{line!r} is no workload line: {error}", exit_code=2) from None
    if not words:
        raise TracerError("an empty workload line", 'name one: "thread-brigade --cpus 1"',
                          exit_code=2)  # fmt: skip
    workload = workload_named(words[0])
    command = click.Command(
        words[0],
        params=[
            *map(workload_option, workload.options),
            click.Option(["--cpus"]),
            click.Option(["--as-root"], is_flag=True),
        ],
        add_help_option=False,
    )
    try:
        context = command.make_context(words[0], words[1:], resilient_parsing=False)
    except click.ClickException as error:
        raise TracerError(
            f"{line!r}: {error.format_message()}",
            f"its options: tracer run {words[0]} --help (and --cpus, --as-root)",
            exit_code=2,
        ) from None
    values = {option.name: context.params[option.name] for option in workload.options}
    cpus = context.params["cpus"]
    found = Condition(
        label=label,
        workload=workload.name,
        values=values,
        cpus=parse_cpus(cpus) if cpus is not None else (),
        as_root=context.params["as_root"],
    )

    def chosen(name: str) -> bool:
        return context.get_parameter_source(name) is not ParameterSource.DEFAULT

    if not chosen("iters"):
        found = with_units(found, units)
    if "warmups" in values and not chosen("warmups"):
        some = int(found.values["iters"] or 0) // 5
        warmups = min(max(some, _FEWEST_WARMUPS), _MOST_WARMUPS)
        found = dataclasses.replace(found, values={**found.values, "warmups": warmups})
    return found


def command_condition(line: str, label: str) -> Condition:
    """A command of the user's as a condition; split as a shell would, run without one.

    TracerError (exit status 2) when the line is wrong.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise TracerError(f"{line!r} is no command line: {error}", exit_code=2) from None
    if not words:
        raise TracerError("an empty command line", 'name one: "sleep 1"', exit_code=2)
    return Condition(label=label, workload="", command=tuple(words))
