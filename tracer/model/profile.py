"""Samples of the critical path and of threads, with their stacks: what a profile is made from.

The path is sampled on a grid of time: each `PathSample` stands for so many points of the grid in
which the path was in one thread and one part of its ledger.
"""

from __future__ import annotations

from dataclasses import dataclass

from tracer.model.sampling import GRID_NS
from tracer.model.stacks import Frame

#: How a stack was taken. By the clock, while the thread was on a CPU; when the thread came in again
#: after it had waited; at the thread's next event; of a wait that goes on, after the window's end.
BY_CLOCK = "by_clock"
CAME_IN = "came_in"
NEXT_EVENT = "next_event"
AT_END = "at_end"
TAKEN = (BY_CLOCK, CAME_IN, NEXT_EVENT, AT_END)


@dataclass(frozen=True)
class SampledThread:
    """The thread of a sample; `group` is its name in the table of threads by name, `tgid` its
    process."""

    slot: int
    tid: int
    name: str
    group: str
    tgid: int = 0


@dataclass(frozen=True)
class Task:
    """A task of a runtime in the program (`tokio`, `go`, `asyncio`) by its number there, or by the
    name that the program gave it; `number` is None then."""

    runtime: str
    number: int | None
    label: str = ""


@dataclass(frozen=True)
class SampledStack:
    """One stack, `frames` innermost first, never empty.

    `whole`: it reached the thread's first function; if not, unwinding stopped in `broken_in`, a
    module's path, or in the module of the outermost frame where that is empty. `task`: what the
    thread was running then; None for none, or where that cannot be seen.
    """

    frames: tuple[Frame, ...]
    whole: bool = True
    taken: str = CAME_IN
    broken_in: str = ""
    task: Task | None = None


@dataclass(frozen=True)
class PathSample:
    """A part of the critical path that holds `points` of the grid, at least 1.

    Attributes
    ----------
    part:
        Of the path's ledger (`tracer.model.states.PATH_PARTS`).
    call:
        The system call that the thread was in, by name; None outside a call and where unknown.
    stacks:
        Of several, each stands for the same share of the points; none: it is missing.
    waker:
        The index of the sample before it on the path, in another thread, if the path was handed
        over since; None if the thread went on by itself.
    handovers:
        How many hand-overs there were since that sample; None where there is no waker.
    descriptor:
        The file descriptor that the system call is about, where it is about one.
    awaited:
        What a sleep waited for that nobody of the target ended (`tracer.model.states.AWAITED`).
    """

    part: str
    points: int
    thread: SampledThread
    call: str | None = None
    stacks: tuple[SampledStack, ...] = ()
    waker: int | None = None
    handovers: int | None = None
    descriptor: int | None = None
    awaited: str | None = None


@dataclass(frozen=True)
class ThreadSample:
    """`ns` of a thread's time in one state (`tracer.model.states.OWN_PARTS`)."""

    thread: SampledThread
    state: str
    ns: int
    call: str | None = None
    stack: SampledStack | None = None


@dataclass(frozen=True)
class Stretch:
    """The longest time `ns` in which a thread with an event loop did not return to it.

    `stacks`: of that time, in order of time. `polls`: how often it returned to its loop in the
    window. `is_open`: it had not returned when the window, or the thread, ended, and was in the
    system call `call` then, if in one.
    """

    thread: SampledThread
    ns: int
    polls: int
    stacks: tuple[SampledStack, ...] = ()
    is_open: bool = False
    call: str | None = None


@dataclass(frozen=True)
class Profile:
    """The samples of one run: of its path in order of time, and of all threads if asked for.

    `lost`: points of the grid that found no room in the kernel's tables. `missing`: why names or
    whole stacks are missing that should be here, and what to type; empty where none are known to.
    `stretches`: of threads with an event loop, longest first. `has_stacks`: they were wanted.
    `handovers`: how often the path went from one thread to another. `machine`: as uname(2) has it.
    """

    samples: tuple[PathSample, ...]
    grid_ns: int = GRID_NS
    lost: int = 0
    threads: tuple[ThreadSample, ...] = ()
    missing: str = ""
    stretches: tuple[Stretch, ...] = ()
    has_stacks: bool = True
    handovers: int = 0
    machine: str = "x86_64"
