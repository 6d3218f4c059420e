"""How the critical path is sampled: plain data, with no numpy behind it."""

from __future__ import annotations

from dataclasses import dataclass

#: The grid's usual distance: it divides neither 1 ms nor 4 ms, with which programs can be in step.
GRID_NS = 997_000
#: Two pages.
STACK_BYTES = 8192


@dataclass(frozen=True)
class Sampling:
    """How probe stacks samples: at points of time `grid_ns` apart; `all_threads`: also the time
    that threads sleep off the path; `kernel`: with the kernel's part of each stack. `stack_bytes`
    of the user's stack are copied, a multiple of 4096: two pages hold the frames of nearly all
    programs, not those of an interpreter that calls itself. Without `stacks` none is copied and no
    clock runs: the samples tell threads, parts and calls only."""

    grid_ns: int = GRID_NS
    all_threads: bool = False
    kernel: bool = False
    stack_bytes: int = STACK_BYTES
    stacks: bool = True
