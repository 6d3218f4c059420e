"""The workloads: one module each, found by scan.

A workload's module declares `WORKLOAD`, a `Workload`. docs/workloads.md says how to add one.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DIRECTORY = Path(__file__).parent
NATIVE = DIRECTORY / "native" / "target" / "release"


@dataclass(frozen=True)
class Option:
    """An option of a workload: `--name VALUE`.

    `kind` is "count" (1 or more), "number" (0 or more) or a tuple of words to choose from.
    """

    name: str
    kind: str | tuple[str, ...]
    default: int | str | None
    help: str


@dataclass(frozen=True)
class Needs:
    """What a workload takes of the things that run out, each (per task, fixed).

    `areas` are mappings of memory (a thread has four: its stack and its signal stack, each with
    a guard); `memory_bytes` includes the kernel's share.
    """

    descriptors: tuple[int, int] = (0, 20)
    threads: tuple[int, int] = (0, 1)
    areas: tuple[int, int] = (0, 200)
    memory_bytes: tuple[int, int] = (0, 32 << 20)


Value = int | str | None
Values = Mapping[str, Value]


def _nothing(_values: Values) -> Needs:
    return Needs()


@dataclass(frozen=True)
class Workload:
    """What a workload measures and how to start it.

    `argv(values)` is the command for option values by name (None: not given); `needs(values)`
    what it takes, so that a run that cannot fit is refused before it starts.
    """

    name: str
    summary: str
    unit: str
    transport: str
    options: tuple[Option, ...]
    argv: Callable[[Values], tuple[str, ...]]
    needs: Callable[[Values], Needs] = _nothing


def native(program: str) -> Callable[[Values], tuple[str, ...]]:
    """Start the Rust program of that name, every given option passed on."""

    def argv(values: Values) -> tuple[str, ...]:
        words = [str(NATIVE / program)]
        for name, value in values.items():
            if value is not None:
                words += [f"--{name}", str(value)]
        return tuple(words)

    return argv


#: A socket pair as this kernel accounts it, both ends: two sockets, files, inodes and dentries.
SOCKET_PAIR_BYTES = 5 << 10
#: A thread of a Rust program: touched stack, kernel stack, task, page tables.
THREAD_BYTES = 34 << 10


#: What every brigade has.
BRIGADE_OPTIONS = (
    Option("tasks", "count", 500, "tasks that pass the byte on"),
    Option("iters", "count", 10000, "trips of the byte that are measured"),
    Option("warmups", "number", 100, "trips before the measured ones"),
)


def nearest(name: str) -> str:
    """What to type instead of a name that is not known."""
    near = difflib.get_close_matches(name, available(), 1)
    return (f"Did you mean {near[0]!r}? " if near else "") + "Try: tracer list"


@cache
def available() -> Mapping[str, Workload]:
    """Every workload by name."""
    found = {}
    for info in pkgutil.iter_modules([str(DIRECTORY)]):
        workload: Workload = importlib.import_module(f"{__name__}.{info.name}").WORKLOAD
        found[workload.name] = workload
    return found
