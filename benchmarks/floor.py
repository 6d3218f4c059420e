"""The floors: programs on raw tracepoints that tracer uses which are empty, or read the clock."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tracer.kernel.bcc import compile_programs
from tracer.kernel.bpf import Module

#: Whose time must be known: the ends of a call, a switch, a wake-up.
TIMED = frozenset(("sys_enter", "sys_exit", "sched_switch", "sched_waking"))


class Floor:
    """Programs for these tracepoints; those of `timed` read the clock, the others do nothing."""

    def __init__(self, tracepoints: Sequence[str], timed: frozenset[str] = frozenset()) -> None:
        self._tracepoints = tuple(tracepoints)
        programs = " ".join(
            f"{'CLOCK' if name in timed else 'EMPTY'}({name})" for name in self._tracepoints
        )
        source = Path(__file__).with_name("floor.c")
        self._module = Module(compile_programs([source], {"EMPTIES": programs}))

    def __enter__(self) -> None:
        self._module.attach(self._tracepoints)

    def __exit__(self, *_: object) -> None:
        self._module.detach()

    def close(self) -> None:
        """Unload the programs."""
        self._module.close()
