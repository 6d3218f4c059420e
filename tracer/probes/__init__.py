"""The probes: each a pair of files, `<name>.c` (in the kernel) and `<name>.py` (its meaning).

A probe's module declares:

`SUMMARY`  one line for `tracer list`;
`HOOKS`    the state machine's hooks that its C implements, as `<name>_<hook>`;
`ARRAYS`   the arrays of its C that are emptied before a run and read at its end;
`read(arrays)`  the plain record of what it counted, kept in `Recording.probes[name]`;

and, where it needs them:

`TRACEPOINTS`  further raw tracepoints, for each of which its C has a program `tp_<tracepoint>`.
           One that the kernel lacks is named in the report, the rest works;
`unneeded(types)`  those of them that this kernel's types make superfluous;
`living(arrays)`  what only the living target can tell, asked between the end of the window and the
           target's; its `read(arrays, alive)` gets it, None for a command, which has ended by then;
`CALLS`    system calls whose numbers its C uses as `NR_<NAME>`;
`NEEDS_CALLS`  true when it has nothing to say without the system-call tracepoints (`--light`);
`macros(types)`  `-D` settings of its own, such as offsets and places of arguments;
`report(record, scale)`  its `Section` of the report.

Found by scan: a new probe is one pair of files.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from tracer.errors import TracerError
from tracer.section import Scale, Section

DIRECTORY = Path(__file__).parent
#: Hooks of the state machine (core.c) that a probe may implement.
HOOKS = (
    "waited",
    "ran",
    "woken",
    "enter",
    "call",
    "returned",
    "seen",
    "waking",
    "born",
    "came_in",
    "handed",
    "moved",
)
DEFAULT = ("sched", "syscalls")


class KernelTypes(Protocol):
    """What a probe may ask of the kernel's own type information (kernel/btf.py)."""

    def offset_of(self, type_name: str, path: str) -> int: ...
    def has_member(self, type_name: str, path: str) -> bool: ...
    def enum_value(self, enum: str | None, name: str) -> int | None: ...
    def tracepoint_args(self, name: str) -> Sequence[NamedArgument] | None: ...


class NamedArgument(Protocol):
    """One argument of a tracepoint; its place is its index."""

    @property
    def name(self) -> str: ...


@cache
def available() -> Mapping[str, ModuleType]:
    """Every probe's module by name, in the order of their names."""
    return {
        info.name: importlib.import_module(f"{__name__}.{info.name}")
        for info in pkgutil.iter_modules([str(DIRECTORY)])
    }


def chosen(text: Sequence[str]) -> tuple[str, ...]:
    """The probes named by repeated, comma-separated options; `all` is every one.

    Raises TracerError (exit status 2) for an unknown name, with the nearest one.
    """
    import difflib

    names = [name.strip() for item in text for name in item.split(",")]
    known = list(available())
    for name in names:
        if name != "all" and name not in known:
            near = difflib.get_close_matches(name, [*known, "all"], 1)
            raise TracerError(
                f"unknown probe {name!r}",
                (f"did you mean {near[0]!r}? " if near else "")
                + f"the probes are: {', '.join(known)} and all",
                exit_code=2,
            )
    return tuple(known) if "all" in names else tuple(n for n in known if n in names)


def tracepoints(names: Sequence[str], types: KernelTypes) -> tuple[str, ...]:
    """The raw tracepoints that the probes need on this kernel, in order, each once."""
    found: dict[str, None] = {}
    for name in names:
        module = available()[name]
        skip = module.unneeded(types) if hasattr(module, "unneeded") else ()
        found |= dict.fromkeys(t for t in getattr(module, "TRACEPOINTS", ()) if t not in skip)
    return tuple(found)


def macros(names: Sequence[str], types: KernelTypes) -> dict[str, object]:
    """The probes' own `-D` settings."""
    found: dict[str, object] = {}
    for name in names:
        module = available()[name]
        if hasattr(module, "macros"):
            found.update(module.macros(types))
    return found


def ask_living(names: Sequence[str], arrays: Mapping[str, Any]) -> dict[str, object]:
    """What each probe asks the living target, by its name."""
    return {
        name: available()[name].living(arrays)
        for name in names
        if hasattr(available()[name], "living")
    }


def records(
    names: Sequence[str], arrays: Mapping[str, Any], alive: Mapping[str, object]
) -> dict[str, Any]:
    """Each probe's record by its name; `alive` is of `ask_living`, or empty."""
    return {
        name: available()[name].read(arrays, alive.get(name))
        if hasattr(available()[name], "living")
        else available()[name].read(arrays)
        for name in names
    }


def call_numbers(names: Sequence[str], number: Mapping[str, int]) -> dict[str, int]:
    """`-D` settings with the numbers of the system calls that the probes' C names.

    A call that this machine lacks gets a number that no call has, another for each.
    """
    calls = [call for name in names for call in getattr(available()[name], "CALLS", ())]
    return {
        f"NR_{call.upper()}": number.get(call, 2**32 - 1 - index)
        for index, call in enumerate(dict.fromkeys(calls))
    }


def sections(
    records: Mapping[str, object], scale: Scale, light: bool = False
) -> tuple[tuple[str, Section], ...]:
    """Name and section of every probe in `records` that has one, in the order of the records."""
    return tuple(
        (name, available()[name].report(record, scale))
        for name, record in records.items()
        if hasattr(available()[name], "report")
        and not (light and getattr(available()[name], "NEEDS_CALLS", False))
    )


def sources(names: Sequence[str]) -> list[Path]:
    """The C files to join for these probes."""
    middle = [f"{name}.c" for name in names]
    return [
        DIRECTORY / file
        for file in ("maps.c", "hist.c", *middle, "core.c", "entry.c", "calibrate.c")
    ]


def hook_macros(names: Sequence[str]) -> dict[str, str]:
    """`-D` settings that make each hook call the probes that implement it."""
    return {
        f"hook_{hook}(...)": "("
        + (
            ",".join(
                f"{name}_{hook}(__VA_ARGS__)" for name in names if hook in available()[name].HOOKS
            )
            or "(void)0"
        )
        + ")"
        for hook in HOOKS
    }
