"""How the critical path is sampled: plain data, with no numpy behind it."""

from __future__ import annotations

from dataclasses import dataclass

#: The grid's usual distance: it divides neither 1 ms nor 4 ms, with which programs can be in step.
GRID_NS = 997_000


@dataclass(frozen=True)
class Sampling:
    """How probe stacks samples: at points of time `grid_ns` apart; `all_threads`: also the time
    that threads sleep off the path; `kernel`: with the kernel's part of each stack."""

    grid_ns: int = GRID_NS
    all_threads: bool = False
    kernel: bool = False
