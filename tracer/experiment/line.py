"""Workloads named in one quoted line, `"thread-brigade --cpus 1"`, as conditions."""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from tracer.errors import TracerError
from tracer.experiment.condition import Condition, with_units
from tracer.host.cpus import parse_cpus
from workloads import Option, Value, Workload, available, nearest

#: A run of an experiment has at least so many units of work, unless the line says otherwise.
UNITS = 50_000
#: The same with --quick.
QUICK_UNITS = 10_000
_MOST_WARMUPS, _FEWEST_WARMUPS = 20, 3


@dataclass(frozen=True)
class WorkloadLine:
    """A workload and the option values that a line gives; other options have their defaults.

    `text` is the line as the user wrote it. `cpus` empty means free to move.
    """

    text: str
    workload: Workload
    values: Mapping[str, Value] = field(default_factory=dict)
    cpus: tuple[int, ...] = ()
    as_root: bool = False

    @property
    def all_values(self) -> dict[str, Value]:
        """The values of all options of the workload."""
        defaults = {option.name: option.default for option in self.workload.options}
        return {**defaults, **self.values}

    @property
    def is_in_python(self) -> bool:
        """Whether the line starts the workload's twin in Python."""
        return self.workload.in_python(self.all_values)

    def with_values(self, values: Mapping[str, int | str]) -> WorkloadLine:
        """The same with further values, as if they stood at the end of the line.

        TracerError (exit status 2) for an option or a value that the workload does not take.
        """
        further = {
            name: _converted(self, _option(self, name), str(value))
            for name, value in values.items()
        }
        return replace(self, values={**self.values, **further})

    def in_python(self) -> WorkloadLine:
        """The same by the workload's twin in Python; TracerError (exit status 2) without one."""
        if not self.workload.has_twin:
            raise TracerError(f"{self.workload.name} has no twin in Python", exit_code=2)
        return self.with_values({"runtime": "python"})

    def pinned(self, cpus: tuple[int, ...]) -> WorkloadLine:
        """The same on these CPUs."""
        return replace(self, cpus=cpus)

    def condition(self, label: str, units: int = UNITS) -> Condition:
        """The condition that the line describes.

        Iterations that the line does not give are chosen so that a run has `units` units of
        work, and with them the warm-ups.
        """
        full = Condition(
            label, self.workload.name, self.all_values, self.cpus, as_root=self.as_root
        )
        if "iters" not in self.values:
            full = with_units(full, units)
        if "warmups" in full.values and "warmups" not in self.values:
            fifth = int(full.values["iters"] or 0) // 5
            warmups = min(max(fifth, _FEWEST_WARMUPS), _MOST_WARMUPS)
            full = replace(full, values={**full.values, "warmups": warmups})
        return full


def parse_line(text: str) -> WorkloadLine:
    """The workload and options of a line; TracerError (exit status 2) when it is wrong."""
    words = _split(text, "workload line", '"thread-brigade --cpus 1"')
    if words[0] not in available():
        raise TracerError(f"no workload is called {words[0]!r}", nearest(words[0]), exit_code=2)
    line = WorkloadLine(text, available()[words[0]])
    remaining = iter(words[1:])
    for word in remaining:
        if not word.startswith("--"):
            raise _refused(line, f"unexpected argument {word!r}")
        name, equals, given = word[2:].partition("=")
        if name == "as-root" and not equals:
            line = replace(line, as_root=True)
        elif name == "cpus":
            line = line.pinned(parse_cpus(given if equals else _next(line, name, remaining)))
        else:
            option = _option(line, name)
            if option.kind != "flag":
                value = _converted(line, option, given if equals else _next(line, name, remaining))
            elif equals:
                raise _refused(line, f"--{name} takes no value")
            else:
                value = True
            line = replace(line, values={**line.values, name: value})
    return line


def condition(text: str, label: str, units: int = UNITS) -> Condition:
    """The condition that a line describes, checked against this system's limits.

    TracerError (exit status 2) when the line is wrong or the run cannot fit, and when its program
    is not built.
    """
    fitting = parse_line(text).condition(label, units)
    fitting.require_fit()
    fitting.require_built()
    return fitting


def command_condition(text: str, label: str, unit_from: str = "") -> Condition:
    """A command of the user's as a condition; split as a shell would, run without one. `unit_from`
    finds its number of units of work in its output.

    TracerError (exit status 2) when the line is wrong.
    """
    words = _split(text, "command line", '"sleep 1"')
    return Condition(label=label, workload="", command=tuple(words), unit_from=unit_from)


def _split(text: str, kind: str, example: str) -> list[str]:
    """The words of a line, at least one."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise TracerError(f"{text!r} is not a {kind}: {error}", exit_code=2) from None
    if not words:
        raise TracerError(f"an empty {kind}", f"name one: {example}", exit_code=2)
    return words


def _refused(line: WorkloadLine, message: str) -> TracerError:
    return TracerError(
        f"{line.text!r}: {message}",
        f"its options: tracer run {line.workload.name} --help (and --cpus, --as-root)",
        exit_code=2,
    )


def _next(line: WorkloadLine, name: str, words: Iterator[str]) -> str:
    value = next(words, None)
    if value is None:
        raise _refused(line, f"--{name} needs a value")
    return value


def _option(line: WorkloadLine, name: str) -> Option:
    """The workload's option of that name."""
    options = {option.name: option for option in line.workload.options}
    if name not in options:
        near = difflib.get_close_matches(name, [*options, "cpus", "as-root"], 1)
        hint = f"; did you mean --{near[0]}?" if near else ""
        raise _refused(line, f"{line.workload.name} has no option --{name}{hint}")
    return options[name]


def _converted(line: WorkloadLine, option: Option, text: str) -> Value:
    """A value as the option takes it."""
    if isinstance(option.kind, tuple):
        if text in option.kind:
            return text
        raise _refused(line, f"--{option.name} {text!r} is not one of {', '.join(option.kind)}")
    least = 1 if option.kind == "count" else 0
    try:
        number = int(text)
    except ValueError:
        number = -1
    if number < least:
        raise _refused(line, f"--{option.name} {text!r} is not a whole number from {least} on")
    return number
