"""The floor: empty programs on raw tracepoints that tracer uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tracer.kernel.bcc import compile_programs
from tracer.kernel.bpf import Module


class Floor:
    """Empty programs for these tracepoints."""

    def __init__(self, tracepoints: Sequence[str]) -> None:
        self._tracepoints = tuple(tracepoints)
        programs = " ".join(f"EMPTY({name})" for name in self._tracepoints)
        source = Path(__file__).with_name("floor.c")
        self._module = Module(compile_programs([source], {"EMPTIES": programs}))

    def __enter__(self) -> None:
        self._module.attach(self._tracepoints)

    def __exit__(self, *_: object) -> None:
        self._module.detach()

    def close(self) -> None:
        """Unload the programs."""
        self._module.close()
