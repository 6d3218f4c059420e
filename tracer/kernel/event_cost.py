"""What one traced event costs on this host, calibrated on tracer's own threads beside the run.

Batches without programs and with them take turns. In each turn the fastest of each count, in CPU
time; the mean of the turns' differences is the cost, so that neither other programs nor a host
that changes its speed meanwhile alters it much. There are few turns, as attaching to a tracepoint
that was just left waits 5 ms for the kernel (a grace period), and the user waits for all of this.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from tracer.kernel.bpf import count_run_times
from tracer.kernel.engine import Engine
from tracer.model.cost import CALLS, SWITCHES, Calibration, EventCost, RunTime
from tracer.model.states import Phase

_TURNS, _BATCHES = 2, 8
_CALLS = 800
_ROUNDS = 60
#: No program is called in less time than this; a difference below it is noise.
_LEAST_NS = 5.0


@dataclass(frozen=True)
class _Kind:
    """Events of one kind, by tracepoint; `work` makes some, and returns how many were its own."""

    tracepoints: tuple[str, ...]
    work: Callable[[], int]


class _Partner:
    """A process that answers each byte with a byte, on the CPU of this one.

    Both run the same calls, so half of the CPU time of a switch is this process's. A thread
    would not do: Python's lock adds switches of its own.
    """

    def __init__(self) -> None:
        here, there = os.pipe(), os.pipe()
        self._allowed = os.sched_getaffinity(0)
        self.pid = os.fork()
        os.sched_setaffinity(0, {max(self._allowed)})
        if not self.pid:
            self._answer(here, there)
        self._read, self._write = there[0], here[1]
        os.close(here[0])
        os.close(there[1])

    @staticmethod
    def _answer(here: tuple[int, int], there: tuple[int, int]) -> NoReturn:
        """Until the other process closes its end, or is killed."""
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for tracer, which ends this
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.close(here[1])
            os.close(there[0])
            while os.read(here[0], 1):
                os.write(there[1], b"p")
        finally:
            os._exit(0)

    def calls(self) -> int:
        """Short system calls of this process; two events each."""
        for _ in range(_CALLS):
            os.getppid()
        return 2 * _CALLS

    def switches(self) -> int:
        """Bytes to and fro; the switches and wake-ups of this process."""
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(_ROUNDS):
            os.write(self._write, b"p")
            os.read(self._read, 1)
        after = resource.getrusage(resource.RUSAGE_SELF)
        voluntary = after.ru_nvcsw - before.ru_nvcsw
        return 2 * voluntary + after.ru_nivcsw - before.ru_nivcsw

    def close(self) -> None:
        """End it, and let this process run where it could before."""
        os.sched_setaffinity(0, self._allowed)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._read)
        os.close(self._write)


def calibration(engine: Engine) -> Calibration:
    """The cost of each kind of event. Takes about 0.25 s; `engine` is left detached."""
    with contextlib.closing(_Partner()) as partner:
        call = _Kind(tuple(reversed(CALLS)), partner.calls)
        switch = _Kind(SWITCHES, partner.switches)
        clock_ns = _clock_ns(engine, switch if engine.light else call)
        of_call = None if engine.light else _cost(engine, call, clock_ns, partner.pid)
        return Calibration(of_call, _cost(engine, switch, clock_ns, partner.pid), clock_ns)


def _cost(engine: Engine, kind: _Kind, clock_ns: float | None, partner: int) -> EventCost:
    bystander_ns = None
    if clock_ns is not None:
        _open(engine)
        bystander_ns = max(_timed_ns(engine, kind, "tp_") - clock_ns, 0.0)
    floor_ns = _added_ns(engine, kind, "empty_")
    _open(engine, os.getpid(), partner)
    whole_ns = _added_ns(engine, kind, "tp_")
    return EventCost(floor_ns, max(whole_ns, floor_ns + _LEAST_NS), bystander_ns)


def _open(engine: Engine, *target: int) -> None:
    """A window on these processes, in which the programs do all that they do in a run."""
    engine.arrays.reset()
    for pid in reversed(target):
        engine.arrays.seed(pid)
        slot = 1 + target.index(pid)
        engine.arrays["threads"][slot] = engine.arrays["threads"][1]
        engine.arrays["slots"][pid] = slot
    engine.ctl["next_slot"] = 1 + len(target)
    engine.ctl["start_ns"] = time.monotonic_ns()
    engine.ctl["epoch"] = 1
    engine.ctl["phase"] = Phase.OPEN


def _added_ns(engine: Engine, kind: _Kind, prefix: str) -> float:
    """CPU time that the programs add to one event, ns."""

    def best_ns() -> float:
        found = []
        for _ in range(_BATCHES):
            began_ns = time.thread_time_ns()
            events = kind.work()
            found.append((time.thread_time_ns() - began_ns) / max(events, 1))
        return min(found)

    added = []
    for _ in range(_TURNS):
        without_ns = best_ns()
        with engine.only(kind.tracepoints, prefix):
            added.append(best_ns() - without_ns)
    return max(statistics.fmean(added), _LEAST_NS)


def _clock_ns(engine: Engine, kind: _Kind) -> float | None:
    """What the kernel counts for a program that does nothing; None where it times none."""
    try:
        os.close(count_run_times())
    except OSError:
        return None
    return _timed_ns(engine, kind, "empty_")


def _timed_ns(engine: Engine, kind: _Kind, prefix: str) -> float:
    """By the kernel's statistics: ns for one run of these programs."""
    names = [prefix + name for name in kind.tracepoints]
    found = []
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, count_run_times())
        stack.enter_context(engine.only(kind.tracepoints, prefix))
        for _ in range(_BATCHES):
            before = _together(engine, names)
            kind.work()
            spent = _together(engine, names) - before
            found.append(spent.ns / max(spent.runs, 1))
    return min(found)


def _together(engine: Engine, names: Sequence[str]) -> RunTime:
    """The runs of these programs so far."""
    times = engine.run_times()
    return sum((times[name] for name in names), RunTime())
