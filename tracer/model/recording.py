"""A Recording: all data of one traced run. Needs neither root nor BCC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tracer.model import threads
from tracer.model.concurrency import Looks
from tracer.model.cost import Cost
from tracer.model.profile import Profile
from tracer.model.sampled import Sampled

#: The members of `struct other` that are read.
OTHER_DTYPE = np.dtype([("ns", "u8"), ("tgid", "u4"), ("comm", "S16")])
#: The members of `struct outside_wait` that are read.
OUTSIDE_WAIT_DTYPE = np.dtype(
    [("ns", "u8"), ("times", "u8"), ("key", "u4"), ("tgid", "u4"), ("comm", "S16")]
)
#: `struct affinity`.
AFFINITY_DTYPE = np.dtype([("ns", "u8"), ("mask", "u8", (16,))])


class Missed(NamedTuple):
    """Events of all programs that the kernel dropped: entries of system calls, returns from them,
    begins and ends of interrupts, which tell nothing but who wakes a thread, and all others."""

    entries: int = 0
    returns: int = 0
    others: int = 0
    interrupts: int = 0

    @property
    def any_call(self) -> bool:
        return bool(self.entries or self.returns)

    def since(self, before: Missed) -> Missed:
        """Those that came after `before` was taken."""
        return Missed(*(now - then for now, then in zip(self, before, strict=True)))


@dataclass(frozen=True)
class HostLoad:
    """Steal and busy CPU time of the host in the window, ns over all CPUs, from /proc/stat."""

    steal_ns: int
    busy_ns: int


@dataclass(frozen=True)
class Quota:
    """A control group's CPU quota: how many CPUs it allows, in how many periods its threads ran,
    and in how many of these and for how long, ns over all CPUs, they were held back; `period_ns`:
    how long a period is, 0 where that is not known."""

    group: Path
    cpus: float
    periods: int
    throttled_periods: int
    throttled_ns: int
    period_ns: int = 0

    def since(self, before: Quota | None) -> Quota:
        """What was counted since `before`, all of it where there was no group then."""
        if before is None:
            return self
        return replace(
            self,
            periods=self.periods - before.periods,
            throttled_periods=self.throttled_periods - before.throttled_periods,
            throttled_ns=self.throttled_ns - before.throttled_ns,
        )


@dataclass(frozen=True)
class Usage:
    """CPU time and page faults of processes; `resolution_ns`: by how much each time may be off."""

    user_ns: int
    system_ns: int
    minor_faults: int
    major_faults: int
    resolution_ns: int = 0

    def since(self, before: Usage) -> Usage:
        """The difference to an earlier one, less than nothing where processes have gone."""
        return Usage(
            self.user_ns - before.user_ns,
            self.system_ns - before.system_ns,
            self.minor_faults - before.minor_faults,
            self.major_faults - before.major_faults,
            max(self.resolution_ns, before.resolution_ns),
        )


@dataclass(frozen=True)
class Edges:
    """What the living target showed at the window's start and end: the CPUs that its threads were
    allowed (empty: not known), and what it used between them (None: not known)."""

    allowed_start: tuple[int, ...] = ()
    allowed_end: tuple[int, ...] = ()
    usage: Usage | None = None


@dataclass(frozen=True)
class Process:
    """A process of the target; `own_pid` is its number in its own PID namespace."""

    pid: int
    own_pid: int
    name: str
    has_own_session: bool = False


@dataclass(frozen=True)
class PathThread:
    """The thread whose path was chosen; `asleep_ns`: how long it had slept at the window's end
    without having been woken."""

    tid: int
    name: str
    asleep_ns: int


@dataclass(frozen=True)
class Recording:
    """One traced run.

    Attributes
    ----------
    start_ns, end_ns:
        The window, CLOCK_MONOTONIC.
    end_slot:
        Index into `threads` of the thread that closed the window; its path is the critical path.
    cpus:
        Structured, one row per possible CPU (`struct cpu`).
    threads:
        Structured, one row per slot; row 0 is unused (`struct thread`).
    missed:
        Events that the kernel dropped.
    quotas:
        The CPU quotas that held threads back in the window.
    others:
        Structured (`struct other`): programs outside the target, by CPU.
    outside_waits:
        Structured (`struct outside_wait`): sleeps that nobody of the target ended, by CPU.
    online_cpus, attached_cpus:
        CPUs that were on line at the window's end, and when tracer attached.
    affinities:
        Structured (`struct affinity`): the calls of sched_setaffinity that `affinity` of a thread's
        row refers to; row 0 stands for none, the last one for calls that found no row.
    edges:
        What the living target showed at the window's edges.
    probes:
        What each probe's `read` returned, by its name; absent when the probe was off.
    interrupted:
        The signal that ended the window before the workload did; `result` is empty then.
    signalled:
        A signal that came after the window, while stacks were named: the profile lacks names.
    closed_late:
        The programs did not see the window's end; tracer closed it some time later.
    result:
        The workload's own result; for a command what tracer knows: `ns_per_unit`,
        `rusage`, and `units` where they were given.
    events:
        Events of the target that the programs handled in the window.
    cost:
        What they cost the target, as calibrated and as timed in the run; None when it was not.
    processes:
        The processes that tracer was attached to.
    survivors:
        Processes of a command that went on after its end.
    path_thread:
        The thread whose path it is, where the user or tracer chose one.
    profile:
        Samples of the path with their stacks, named; None where none were taken.
    looks:
        What all threads did together; none where nobody looked.
    sampled:
        What --sample saw of the system calls; None without it.
    roles:
        What processes of the target are for, by number, from their command lines.
    """

    light: bool
    epoch: int
    start_ns: int
    end_ns: int
    end_slot: int
    online_cpus: tuple[int, ...]
    attached_cpus: tuple[int, ...]
    cpus: NDArray[np.void]
    threads: NDArray[np.void]
    names: Mapping[int, str]
    probes: Mapping[str, Any]
    missed: Missed
    load: HostLoad
    argv: tuple[str, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    exit_status: int | None = None
    interrupted: int | None = None
    signalled: int | None = None
    closed_late: bool = False
    unavailable: tuple[str, ...] = ()
    switch_cost_ns: int | None = None
    events: int = 0
    cost: Cost | None = None
    processes: tuple[Process, ...] = ()
    survivors: tuple[Process, ...] = ()
    path_thread: PathThread | None = None
    quotas: tuple[Quota, ...] = ()
    others: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, OTHER_DTYPE))
    outside_waits: NDArray[np.void] = field(default_factory=lambda: np.zeros(0, OUTSIDE_WAIT_DTYPE))
    affinities: NDArray[np.void] = field(default_factory=lambda: np.zeros(2, AFFINITY_DTYPE))
    edges: Edges = field(default_factory=Edges)
    profile: Profile | None = None
    looks: Looks = field(default_factory=Looks)
    roles: Mapping[int, str] = field(default_factory=dict)
    sampled: Sampled | None = None

    @property
    def is_split(self) -> bool:
        """All system calls were seen: time on a CPU is split into own code and calls."""
        return not self.light and self.sampled is None

    @property
    def window_ns(self) -> int:
        return self.end_ns - self.start_ns

    @property
    def stopped_by(self) -> int | None:
        """The signal that came in the window or soon after it: nothing more is to be done."""
        return self.signalled if self.interrupted is None else self.interrupted

    def name_of(self, slot: int) -> str:
        """The name of a thread at the end of the window, or of its life. It is the target's."""
        return self.names.get(slot) or threads.comm(self.threads[slot])
