"""What tracing costs: calibrated beside the run, and as the kernel timed the programs during it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: The programs on these see every event of a thread of the target; all others are rare, or
#: belong to interrupts or to a probe.
CALLS, SWITCHES = ("sys_enter", "sys_exit"), ("sched_switch", "sched_waking")


@dataclass(frozen=True)
class RunTime:
    """How often programs ran and for how long in all, ns, while the kernel counted it."""

    runs: int = 0
    ns: int = 0

    def __add__(self, other: RunTime) -> RunTime:
        return RunTime(self.runs + other.runs, self.ns + other.ns)

    def __sub__(self, before: RunTime) -> RunTime:
        return RunTime(self.runs - before.runs, self.ns - before.ns)


@dataclass(frozen=True)
class EventCost:
    """What one event costs a thread, ns, best of several batches: all above 0.

    `floor_ns`: that a program is called at all. `whole_ns`: that, and the program for an event of
    the target. `bystander_ns`: the program for an event of another process, without the floor;
    None where the kernel does not time programs.
    """

    floor_ns: float
    whole_ns: float
    bystander_ns: float | None = None


@dataclass(frozen=True)
class Calibration:
    """`call`: an event of a system call, None with --light. `switch`: a switch or a wake-up.
    `clock_ns`: what the kernel times of an empty program, its own clock; None where it does not.
    """

    call: EventCost | None
    switch: EventCost
    clock_ns: float | None = None


@dataclass(frozen=True)
class Sample:
    """A short time of the run in which the kernel timed the programs.

    `events`: those of the target. The three others: runs of the programs on system calls, on
    switches and wake-ups, and on everything else, for the target and for other processes.
    """

    took_ns: int
    events: int
    calls: RunTime
    switches: RunTime
    others: RunTime

    @classmethod
    def of(cls, took_ns: int, events: int, by_program: Mapping[str, RunTime]) -> Sample:
        """`by_program`: by name of the tracepoint."""

        def together(names: set[str]) -> RunTime:
            return sum((by_program[name] for name in names), RunTime())

        calls, switches = set(CALLS) & set(by_program), set(SWITCHES) & set(by_program)
        rest = set(by_program) - calls - switches
        return cls(took_ns, events, together(calls), together(switches), together(rest))


@dataclass(frozen=True)
class Cost:
    """Both together; no samples where the run was too short or the kernel does not time them."""

    calibration: Calibration
    samples: tuple[Sample, ...] = ()
