"""What a probe declares: the pair of files `<name>.c` and `<name>.py` in tracer/probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tracer.model.mappings import AddressSpaces
from tracer.model.section import Scale, Section

#: A probe's arrays by name: copies of the kernel's, one element per CPU unless it says otherwise.
Arrays = Mapping[str, NDArray[np.void]]


class KernelTypes(Protocol):
    """What may be asked of the kernel's own type information (kernel/btf.py)."""

    def offset_of(self, type_name: str, path: str) -> int: ...
    def has_member(self, type_name: str, path: str) -> bool: ...
    def bit_of(self, type_name: str, path: str) -> tuple[int, int] | None: ...
    def enum_value(self, enum: str | None, name: str) -> int | None: ...
    def tracepoint_args(self, name: str) -> Sequence[str] | None: ...


def _nothing(_types: KernelTypes) -> dict[str, object]:
    return {}


def _none(_types: KernelTypes) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True)
class Context:
    """What is known of the target and of the run besides the arrays.

    `groups`: the group of the table of threads that each thread is in, by slot; `spaces`: what
    the processes had mapped, where a probe wanted that; `attached`: the tracepoints that there were
    programs on, None for all; `light`: system calls were not seen, or not all of them.
    """

    groups: Mapping[int, str] = field(default_factory=dict)
    spaces: AddressSpaces = field(default_factory=AddressSpaces)
    attached: frozenset[str] | None = None
    light: bool = False

    def saw(self, *tracepoints: str) -> bool:
        """Whether all of these were attached: what only they tell is unknown otherwise, not 0."""
        return self.attached is None or self.attached.issuperset(tracepoints)


@dataclass(frozen=True)
class Probe:
    """One probe; every probe's module has one as `PROBE`.

    Attributes
    ----------
    summary:
        One line for `tracer list`.
    hooks:
        The state machine's hooks (kernel/machine/hooks.h) that its C implements, as
        `<name>_<hook>`.
    arrays:
        The arrays of its C that are emptied before a run.
    read:
        Makes the plain record of what it counted from the arrays and their context, kept in
        `Recording.probes[name]`.
    report:
        Makes its section of the report from the record; None where the report knows the record.
    states:
        Fields of its arrays that are no counts, by array; none named: all of them. All other
        fields only grow, except `max` of histograms: with --interval a window's count is the
        difference between two copies.
    keys:
        Of arrays whose rows are found by a key, the fields that say what a row is of; the first
        one is 0 in a free row. A row that has not counted for a whole window may be freed.
    tracepoints:
        Further raw tracepoints, for each of which its C has a program `tp_<tracepoint>`. One that
        the kernel lacks is named in the report; the rest works.
    unneeded:
        Those of `tracepoints` that this kernel's types make superfluous.
    calls:
        System calls whose numbers its C uses as `NR_<NAME>`.
    needs_calls:
        It has nothing to say without the system-call tracepoints (`--light`).
    macros:
        `-D` settings of its own: indices it shares with its C, offsets, places of arguments.
    mapped:
        The processes whose mappings it wants to know, from the arrays as they are; None where it
        wants none, which costs nothing.
    clock:
        Its program that runs on each CPU at a steady rate; empty for none.
    """

    summary: str
    hooks: tuple[str, ...]
    arrays: tuple[str, ...]
    read: Callable[[Arrays, Context], Any]
    report: Callable[[Any, Scale], Section] | None = None
    states: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tracepoints: tuple[str, ...] = ()
    unneeded: Callable[[KernelTypes], tuple[str, ...]] = _none
    calls: tuple[str, ...] = ()
    needs_calls: bool = False
    macros: Callable[[KernelTypes], Mapping[str, object]] = _nothing
    mapped: Callable[[Arrays], set[int]] | None = None
    clock: str = ""
