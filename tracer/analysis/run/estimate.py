"""What tracing cost a target that was not run without it: a range, from what its events cost.

The cost of an event has two parts: being called at all (the floor), which the kernel's timing of
programs does not see and which is calibrated; and the program, timed in samples of the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tracer.model.cost import Calibration, Cost, RunTime, Sample

#: Calibrated costs are those of threads that do nothing else; in other programs they were found up
#: to so far from it: a switch brings other data into the caches, a call does not.
OF_CALLS, OF_SWITCHES = 0.10, 0.25
#: With fewer events of the target in all samples, the calibration says more.
FEWEST_EVENTS = 200
#: At most so many times what an average run of the programs takes is counted for the target, when
#: other processes cause most of the runs.
_MOST_ABOVE_AVERAGE = 2.0
#: The time without tracing is at least this share of the time with it.
_LEAST_UNTRACED = 0.02


@dataclass(frozen=True)
class Load:
    """Where the cost falls: the target's events, those of them that are of system calls, its time
    on CPUs, that of all other tasks, the window, and the time of all CPUs in it, ns."""

    events: int
    calls: int
    on_cpu_ns: int
    others_ns: int
    window_ns: int
    all_ns: int


@dataclass(frozen=True)
class Estimate:
    """The target's `events` took `low_ns` to `high_ns` of the `on_cpu_ns` of its threads.

    `samples`: of the run, in which the kernel timed the programs; 0: calibrated only.
    """

    events: int
    on_cpu_ns: int
    low_ns: float
    high_ns: float
    samples: int

    @property
    def is_known(self) -> bool:
        """The target ran for longer than its tracing can have taken."""
        return self.low_ns < self.on_cpu_ns

    @property
    def low(self) -> float:
        """The least more CPU time than without tracing, as a share of that; above 0."""
        return self._share(self.low_ns)

    @property
    def high(self) -> float:
        """The most."""
        return self._share(self.high_ns)

    @property
    def event_cost_ns(self) -> float:
        """In the middle of the range."""
        return (self.low_ns + self.high_ns) / 2 / max(self.events, 1)

    def _share(self, ns: float) -> float:
        """With tracing the time on CPUs is untraced time and cost; part of the cost can fall
        beside it, where a CPU was idle before a switch."""
        untraced_ns = max(self.on_cpu_ns - ns, self.on_cpu_ns * _LEAST_UNTRACED, 1)
        return ns / untraced_ns


def estimate(cost: Cost, load: Load) -> Estimate:
    """The range for a target with this load; without an event it is that of one."""
    calls = min(max(load.calls, 0), load.events)
    switches = max(load.events, 1) - calls
    samples = [s for s in cost.samples if s.calls.runs + s.switches.runs]
    if cost.calibration.clock_ns is None or sum(s.events for s in samples) < FEWEST_EVENTS:
        low_ns, high_ns = _calibrated_ns(cost.calibration, calls, switches, whole=True)
        return Estimate(load.events, load.on_cpu_ns, low_ns, high_ns, 0)
    floor_ns = _calibrated_ns(cost.calibration, calls, switches, whole=False)
    programs_ns = _programs_ns(cost.calibration, samples, calls, switches)
    others_ns = _others_ns(cost.calibration, samples, load)
    # two readings of the clock for each run that was timed
    timing_ns = 2 * cost.calibration.clock_ns * sum(s.events for s in samples)
    low_ns = floor_ns[0] + programs_ns[0] + others_ns[0] + timing_ns
    high_ns = floor_ns[1] + programs_ns[1] + others_ns[1] + timing_ns
    return Estimate(load.events, load.on_cpu_ns, low_ns, high_ns, len(samples))


def _calibrated_ns(
    costs: Calibration, calls: int, switches: int, whole: bool
) -> tuple[float, float]:
    """Of the floor, or `whole`: of floor and programs."""
    call, switch = costs.call or costs.switch, costs.switch
    of_calls = calls * (call.whole_ns if whole else call.floor_ns)
    of_switches = switches * (switch.whole_ns if whole else switch.floor_ns)
    beside_ns = OF_CALLS * of_calls + OF_SWITCHES * of_switches
    return of_calls + of_switches - beside_ns, of_calls + of_switches + beside_ns


def _net_ns(times: RunTime, clock_ns: float) -> float:
    """What the programs took, without the kernel's own clock readings."""
    return max(times.ns - times.runs * clock_ns, 0.0)


def _programs_ns(
    costs: Calibration, samples: Sequence[Sample], calls: int, switches: int
) -> tuple[float, float]:
    """Of the target's events. Low: an event of another process costs the same as one of the
    target; high: it costs what it does at least, so that the rest is the target's."""
    clock_ns = costs.clock_ns or 0.0
    of_calls = sum((s.calls for s in samples), RunTime())
    of_switches = sum((s.switches for s in samples), RunTime())
    low_ns = calls * _net_ns(of_calls, clock_ns) / max(of_calls.runs, 1)
    low_ns += switches * _net_ns(of_switches, clock_ns) / max(of_switches.runs, 1)
    runs, events = of_calls.runs + of_switches.runs, sum(s.events for s in samples)
    net_ns = _net_ns(of_calls + of_switches, clock_ns)
    foreign = max(runs - events, 0)
    bystander_ns = _bystander_ns(costs, of_calls.runs, of_switches.runs)
    own_ns = (net_ns - foreign * bystander_ns) / max(events, 1)
    average_ns = max(net_ns / max(runs, 1), 1.0)
    return low_ns, low_ns * min(max(own_ns / average_ns, 1.0), _MOST_ABOVE_AVERAGE)


def _bystander_ns(costs: Calibration, calls: int, switches: int) -> float:
    """For one event, as they were mixed."""
    of_call = costs.call.bystander_ns if costs.call else None
    total_ns = calls * (of_call or 0.0) + switches * (costs.switch.bystander_ns or 0.0)
    return total_ns / max(calls + switches, 1)


def _others_ns(costs: Calibration, samples: Sequence[Sample], load: Load) -> tuple[float, float]:
    """Of the programs on interrupts and of the probes' own, in the target's time. Low: they run as
    often while CPUs are idle; high: only while they are busy."""
    others = sum((s.others for s in samples), RunTime())
    ns = _net_ns(others, costs.clock_ns or 0.0) + others.runs * costs.switch.floor_ns
    ns *= load.window_ns / max(sum(s.took_ns for s in samples), 1)
    busy_ns = load.on_cpu_ns + load.others_ns
    return ns * load.on_cpu_ns / max(load.all_ns, busy_ns, 1), ns * load.on_cpu_ns / max(busy_ns, 1)
