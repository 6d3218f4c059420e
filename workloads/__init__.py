"""The workloads: one module each, found by scan.

A workload's module declares `WORKLOAD`, a `Workload`. docs/workloads.md says how to add one.
"""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from workloads._needs import (
    CHANNELS,
    JOINTS,
    PROCESSES,
    PROGRAM,
    RINGS,
    TASKS,
    THREADS,
    WATCHED,
    Needs,
    workers,
)

__all__ = [
    "BRIGADE_OPTIONS", "CHANNELS", "JOINTS", "NATIVE", "PROCESSES", "PROGRAM", "RINGS",
    "RUNTIME", "TASKS", "THREADS", "TRANSPORT", "WATCHED", "Needs", "Option", "Value", "Values",
    "Workload", "available", "creation_options", "joints", "native", "nearest", "runtime",
    "scheduler_options",
]  # fmt: skip

DIRECTORY = Path(__file__).parent
#: The native programs: where setup.py puts them into a wheel; in a clone, where cargo does.
NATIVE = DIRECTORY / "programs"
if not NATIVE.is_dir():
    NATIVE = DIRECTORY / "native" / "target" / "release"


#: The value of an option; None where it was not given.
Value = int | str | bool | None


@dataclass(frozen=True)
class Option:
    """An option of a workload: `--name VALUE`.

    `kind` is "count" (1 or more), "number" (0 or more), "flag" (no value; default False) or the
    tuple of accepted words.
    """

    name: str
    kind: str | tuple[str, ...]
    default: Value
    help: str


Values = Mapping[str, Value]


def _nothing(_values: Values) -> Needs:
    return PROGRAM


@dataclass(frozen=True)
class Workload:
    """What a workload measures and how to start it.

    `argv(values)` is the command for option values by name (None: not given); `needs(values)`
    the resources it needs, so that a run that cannot fit is refused before it starts.
    `transport` is what the tasks pass the byte through, empty for nothing; the value of an
    option with that name takes its place. `native_only` names the options that its twin in
    Python does not take.
    """

    name: str
    summary: str
    unit: str
    transport: str
    options: tuple[Option, ...]
    argv: Callable[[Values], tuple[str, ...]]
    needs: Callable[[Values], Needs] = _nothing
    native_only: tuple[str, ...] = ()

    def transport_of(self, values: Values) -> str:
        """What the tasks pass the byte through in a run with these option values."""
        transport = str(values.get("transport") or self.transport)
        return f"{transport}, in Python" if self.in_python(values) else transport

    def in_python(self, values: Values) -> bool:
        """Whether these option values start the twin in Python."""
        return self.argv(values)[0] == sys.executable

    @property
    def has_twin(self) -> bool:
        """Whether the workload exists in Python too."""
        return RUNTIME in self.options

    def program(self, values: Values) -> str:
        """The path of its native program, built or not."""
        return self.argv({**values, "runtime": "native"})[0]

    def refused_by_twin(self, values: Values) -> str | None:
        """An option that is given and that the twin in Python does not take; None without one."""
        return next((name for name in self.native_only if values.get(name)), None)


def native(program: str, twin: str | None = None) -> Callable[[Values], tuple[str, ...]]:
    """The command of the Rust program of that name, with every option that is given.

    `twin` is a module that does the same in Python: `--runtime python` starts it, and so does no
    `--runtime` where the program is not built.
    """

    def argv(values: Values) -> tuple[str, ...]:
        rest = dict(values)
        runtime = rest.pop("runtime", None)
        path = NATIVE / program
        if twin and (runtime == "python" or (runtime is None and not path.exists())):
            command = [sys.executable, "-m", twin]
        else:
            command = [str(path)]
        for name, value in rest.items():
            if value is True:
                command.append(f"--{name}")
            elif value is not None and value is not False:
                command += [f"--{name}", str(value)]
        return tuple(command)

    return argv


#: The option of every workload with a twin in Python.
RUNTIME = Option(
    "runtime",
    ("native", "python"),
    None,
    "the Rust program or its twin in Python (default: native; python where that is not built)",
)

#: The options of every brigade.
BRIGADE_OPTIONS = (
    Option("tasks", "count", 500, "tasks that pass the byte on"),
    Option("iters", "count", 10000, "trips of the byte that are measured"),
    Option("warmups", "number", 100, "trips before the measured ones"),
    Option("tokens", "count", 1, "bytes or values in flight: a trip sends N and waits for N"),
    Option("work", "number", 0, "dependent steps of arithmetic at each hop"),
)


def scheduler_options(flavor: str) -> tuple[Option, ...]:
    """The options of every workload on tokio; `flavor` is its default."""
    return (
        Option(
            "flavor",
            ("multi-thread", "current-thread"),
            None,
            "tokio's scheduler: worker threads, or the one thread that drives the workload"
            f" (default: {flavor})",
        ),
        Option("workers", "count", None, "worker threads (multi-thread; default: one per CPU)"),
    )


def creation_options(tasks: int) -> tuple[Option, ...]:
    """The options of the creation workloads; `tasks` is the default."""
    return (
        Option("tasks", "count", tasks, "tasks that an iteration creates"),
        Option("iters", "count", 100, "iterations that are measured"),
        Option("warmups", "number", 10, "iterations before the measured ones"),
    )


#: The option of every brigade with sockets or pipes between its tasks.
TRANSPORT = Option(
    "transport", ("socketpair", "pipe"), "socketpair", "what joins two tasks of the row"
)


def nearest(name: str) -> str:
    """What to type instead of an unknown name."""
    near = difflib.get_close_matches(name, available(), 1)
    return (f"Did you mean {near[0]!r}? " if near else "") + "Try: tracer list"


def joints(values: Values) -> Needs:
    """What the joints (sockets or pipes) of a row need with these option values."""
    return JOINTS[str(values["transport"])]


def runtime(values: Values, flavor: str) -> Needs:
    """What tokio's runtime needs with these option values; `flavor` is the workload's default."""
    several = (values["flavor"] or flavor) == "multi-thread"
    return workers(int(values["workers"] or os.cpu_count() or 1) if several else 0)


@cache
def available() -> Mapping[str, Workload]:
    """Every workload by name."""
    by_name = {}
    for info in pkgutil.iter_modules([str(DIRECTORY)]):
        if info.ispkg or info.name.startswith("_"):
            continue
        workload: Workload = importlib.import_module(f"{__name__}.{info.name}").WORKLOAD
        by_name[workload.name] = workload
    return by_name
