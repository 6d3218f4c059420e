"""What probe stacks collects in a window: the nodes of all paths, and stacks of their threads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracer.model.profile import Task
from tracer.model.stacks import NamedStack, StackSample

#: Whose time a node is, by its number: of its thread and of the path that it is on, or of one.
WHOSE = ("both", "path", "thread")
#: The system call of a node outside one.
NO_CALL = 0xFFFFFFFF
#: `struct path_node` of probes/stacks.c, as it is kept.
Nodes = NDArray[np.void]


@dataclass(frozen=True)
class Locals:
    """What tells which task of a runtime a thread was running.

    `local`: the end of the program's thread-local variables, up to the thread pointer;
    `goroutine`: what the last of them points to, empty where that is no memory (in Go: runtime.g);
    `asyncio`: the name of the task that the event loop of its Python program ran, a Python object;
    `is_int`: an integer, otherwise mostly a string.
    """

    local: bytes = b""
    goroutine: bytes = b""
    asyncio: bytes = b""
    is_int: bool = False


@dataclass(frozen=True)
class TakenStack:
    """A stack of the thread `slot`; `taken`: how, an index into `tracer.model.profile.TAKEN`.

    `first`: the first argument of its system call, where it was in one. `sample`, `locals` and
    `kernel` (addresses of the kernel's part) are there until it has been unwound; then `stack` is
    it, and `task` the task.
    """

    slot: int
    taken: int
    at_ns: int
    first: int
    sample: StackSample | None = None
    locals: Locals | None = None
    kernel: tuple[int, ...] = ()
    stack: NamedStack | None = None
    task: Task | None = None


@dataclass(frozen=True)
class OwnTime:
    """Own time of the thread that had the row `slot` in its `life` (as in a node), in a part and a
    system call (numbers as in a node), with that stack; None where it is missing."""

    slot: int
    life: int
    part: int
    call: int
    stack: NamedStack | None


@dataclass(frozen=True)
class SampledPaths:
    """The nodes and stacks of one window.

    Attributes
    ----------
    grid_ns:
        The distance of the points at which paths were sampled.
    nodes:
        In the order of their numbers. Those that no path needs any more may be gone.
    stacks:
        By CPU and number on that CPU.
    lost_points:
        Points of the grid whose node found no room.
    times:
        With `Sampling.all_threads`: all threads' own time as sampled, ns.
    failure:
        Why some of it is missing, where reading it failed; empty otherwise.
    lost_stacks:
        Of these and of other nodes, that found no room.
    """

    grid_ns: int
    nodes: Nodes
    stacks: Mapping[tuple[int, int], TakenStack] = field(default_factory=dict)
    lost_points: int = 0
    times: Mapping[OwnTime, float] = field(default_factory=dict)
    failure: str = ""
    lost_stacks: int = 0


def ticking_keys(thread: np.void) -> list[tuple[int, int]]:
    """The keys of the stacks that the clock took of a thread since its last event; its next one
    makes a node of them. Some found no room, then there are those of other threads."""
    ticks = (int(thread["ticks"]) - int(thread["used_ticks"])) % (1 << 32)
    cpu, first = int(thread["first_cpu"]), int(thread["first_stack"])
    return [(cpu, first + i) for i in range(ticks)]


def keys_of(node: np.void) -> list[tuple[int, int]]:
    """The keys that a node's stacks have, or had, in `SampledPaths.stacks`."""
    cpu, first = int(node["cpu"]), int(node["first"])
    return [(cpu, first + i) for i in range(int(node["stacks"]))]


def since(
    taken: Sequence[TakenStack], points: int, start_ns: int
) -> tuple[list[TakenStack], float]:
    """Of a node's stacks those that were taken in the window that began at `start_ns`, and the
    points that they stand for: a thread that runs across that has ticks of before it too."""
    kept = [stack for stack in taken if stack.at_ns >= start_ns]
    return kept, points * len(kept) / len(taken) if taken else float(points)
