"""One run of a user's command: started once, left alone, followed from exec to exit."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tracer import probes
from tracer.errors import Interrupted, TracerError
from tracer.kernel.engine import Engine
from tracer.kernel.states import PHASES
from tracer.processes import descendants, described, is_alive, readable, session_of, stop_all
from tracer.python_threads import PythonThreads
from tracer.recording import HostLoad, Process, Recording
from tracer.session import host_load, recording_of, thread_names
from tracer.target import Spec, Target
from tracer.window import Snapshot, choose_path, close_now, is_open, open_now, processes_of

#: How long a command has to end by itself after a SIGTERM.
_GRACE_S = 3.0
#: Waits for a descriptor that can be read, at most so long; those that can.
Wait = Callable[[Collection[int], float | None], list[int]]
_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)


@dataclass(frozen=True)
class Terms:
    """How a command is measured.

    The window opens `delay_s` after exec and ends with the command, or after `duration_s`.
    `units` is the number of units of work the user says it does.
    """

    follow: bool = True
    delay_s: float = 0.0
    duration_s: float | None = None
    units: int | None = None


@dataclass(frozen=True)
class _AtGate:
    """What the child had used before the command began: to be taken off its usage."""

    voluntary: int
    involuntary: int
    minor_faults: int
    major_faults: int
    on_cpu_ns: int
    peak_rss_kib: int

    @classmethod
    def of(cls, pid: int) -> _AtGate:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = {name: value for name, _, value in (line.partition(":") for line in lines)}
        ran = Path(f"/proc/{pid}/schedstat")  # where the kernel keeps it (CONFIG_SCHED_INFO)
        return cls(
            int(status["voluntary_ctxt_switches"]),
            int(status["nonvoluntary_ctxt_switches"]),
            int(fields[7]),
            int(fields[9]),
            int(ran.read_text().split()[0]) if ran.exists() else 0,
            int(status["VmHWM"].split()[0]),
        )

    def usage(self, target: Target) -> dict[str, int | None]:
        """The command's own usage, of the children it waited for too."""
        u = target.usage
        assert u is not None
        # exec keeps the child's peak, which was tracer's own: a smaller one is not known
        peak = u.ru_maxrss if u.ru_maxrss > self.peak_rss_kib * 1.1 else None
        # what the child did before was the kernel's work for fork
        user_ns, system_ns = round(u.ru_utime * 1e9), round(u.ru_stime * 1e9) - self.on_cpu_ns
        return {
            "user_ns": max(user_ns + min(system_ns, 0), 0),
            "system_ns": max(system_ns, 0),
            "max_rss_bytes": None if peak is None else peak * 1024,
            "minor_faults": max(u.ru_minflt - self.minor_faults, 0),
            "major_faults": max(u.ru_majflt - self.major_faults, 0),
            "voluntary": max(u.ru_nvcsw - self.voluntary, 0),
            "involuntary": max(u.ru_nivcsw - self.involuntary, 0),
        }


@contextlib.contextmanager
def _keyboard_is_the_targets() -> Iterator[None]:
    """Ctrl-C and Ctrl-\\ reach the command from the terminal; tracer waits for what it does."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in _KEYBOARD}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _result(
    ns: int, took_ns: int, usage: Mapping[str, int | None], units: int | None
) -> dict[str, Any]:
    """`took_ns` is from exec to the end, which a run without probes has too."""
    found: dict[str, Any] = {"ns_per_unit": ns / (units or 1), "rusage": dict(usage)}
    found["took_ns"] = took_ns
    if units:
        found["units"] = units
    return found


def run_command_untraced(spec: Spec, units: int | None = None) -> Mapping[str, Any]:
    """Start the command without any probe; what tracer knows of it then.

    Interrupted when a signal came, which has ended the command too.
    """
    with Target(spec) as target, _keyboard_is_the_targets():
        gate = _AtGate.of(target.pid)
        target.open_gate()
        began_ns = time.monotonic_ns()  # exec is behind it, as it is at the start of a window
        stopped = _ended_or_stopped(target, None, set, readable)
        took_ns = time.monotonic_ns() - began_ns
        if stopped is not None:
            raise Interrupted(stopped)
        usage = gate.usage(target)
        return {**_result(took_ns, took_ns, usage, units), "exit_status": target.exit_status}


def run_command(
    engine: Engine, spec: Spec, terms: Terms, switch_cost_ns: int | None = None
) -> Recording:
    """One traced run of the command, which is started exactly once; `engine` is left detached.

    A SIGTERM ends the command and what it forked in its session: the recording is then
    `interrupted`. TracerError when the command cannot be started (exit status 126 or 127, as
    the shell) or ended before its window began.
    """
    missed = engine.missed()
    with Target(spec) as target, _keyboard_is_the_targets():
        gate = _AtGate.of(target.pid)
        engine.reset()
        engine.seed(target.pid)
        engine.ctl["follow"] = int(terms.follow)
        engine.ctl["tracer_tid"] = 0  # whom the command wakes is no end of the window
        if not terms.delay_s:
            engine.ctl["command_tgid"] = target.pid
        try:
            engine.attach()
            seen = _follow(engine, target, terms)
        finally:
            engine.detach()
        missed = engine.missed() - missed
        units = terms.units if seen.interrupted is None else None
        window_ns = int(seen.data["ctl"][0]["end_ns"] - seen.data["ctl"][0]["start_ns"])
        result = _result(window_ns, seen.took_ns, gate.usage(target), units)
        found = recording_of(
            engine, target, seen.load, seen.names, missed, result, seen.living, seen.data
        )
        return dataclasses.replace(
            found,
            switch_cost_ns=switch_cost_ns,
            events=found.events - seen.events_before,
            interrupted=seen.interrupted,
            closed_late=seen.closed_late,
            survivors=seen.survivors,
            path_thread=seen.path_thread,
            asleep_ns=seen.asleep_ns,
        )


@dataclass(frozen=True)
class _Seen:
    """The closed window and what /proc said at its end."""

    data: Snapshot
    load: tuple[HostLoad, HostLoad]
    names: Mapping[int, str]
    survivors: tuple[Process, ...]
    interrupted: int | None = None
    closed_late: bool = False
    path_thread: tuple[int, str] | None = None
    asleep_ns: int = 0
    events_before: int = 0
    took_ns: int = 0
    living: Mapping[str, object] = field(default_factory=dict)


def _follow(engine: Engine, target: Target, terms: Terms) -> _Seen:
    python = PythonThreads(engine)

    def wait(timeout_s: float | None, how: Wait = python.wait) -> int | None:
        return _ended_or_stopped(target, timeout_s, lambda: _session(engine, target), how)

    target.open_gate()
    before, began_ns = host_load(), time.monotonic_ns()
    events = 0
    if terms.delay_s:
        stopped = wait(terms.delay_s)
        if stopped is not None:
            raise Interrupted(stopped)
        if target.exit_status is not None:
            raise TracerError(
                f"the command ended before the window began, {terms.delay_s:g} s after its start",
                "give it a shorter --delay",
                exit_code=125,
            )
        before, events = host_load(), engine.events()
        open_now(engine, target.pid)
    stopped = wait(terms.duration_s)
    took_ns = time.monotonic_ns() - began_ns
    after = host_load()
    if int(engine.ctl["phase"]) == PHASES.index("BEFORE") and (target.exit_status or 0) < 0:
        raise Interrupted(-(target.exit_status or 0))  # between fork and exec
    if target.exit_status is None:  # its --duration is over; the command goes on
        kernels = thread_names(engine)
        data = close_now(engine)
        python.look(outside=True)
        names = python.over(kernels)
        end = choose_path(data, "busiest", target.pid)
        living = probes.ask_living(engine.names, engine.arrays)
        stopped = wait(None, readable)
        return _Seen(
            data,
            (before, after),
            names,
            survivors=tuple(_survivors(engine, target)),
            interrupted=stopped,
            path_thread=(end.tid, names.get(end.slot, "")),
            asleep_ns=end.asleep_ns,
            events_before=events,
            living=living,
        )
    late = is_open(engine)
    names = python.over(thread_names(engine))
    survivors = tuple(_survivors(engine, target))
    data = close_now(engine) if late else engine.snapshot()
    if late:
        choose_path(data, "busiest", target.pid)
    return _Seen(
        data,
        (before, after),
        names,
        survivors,
        interrupted=stopped,
        closed_late=late,
        events_before=events,
        took_ns=took_ns,
    )


def _ended_or_stopped(
    target: Target,
    timeout_s: float | None,
    session: Callable[[], set[int]],
    wait: Wait,
) -> int | None:
    """Wait for the command's end, at most so long; the signal that asked tracer to stop it.

    `session` says which other processes are to be stopped with it. `wait` is how to wait until
    a descriptor can be read.
    """
    fd = os.pidfd_open(target.pid)
    try:
        if wait([fd], timeout_s):
            target.wait()
        return None
    except Interrupted as stop:
        stop_all({target.pid, *session()}, _GRACE_S)
        target.wait()
        return stop.number
    finally:
        os.close(fd)


def _others(engine: Engine, target: Target) -> set[int]:
    """The other processes of the target that are alive; with --no-follow its children too."""
    known = {*processes_of(engine), *descendants([target.pid])}
    return {pid for pid in known if pid != target.pid and is_alive(pid)}


def _session(engine: Engine, target: Target) -> set[int]:
    """Those of them in the command's own session."""
    return {pid for pid in _others(engine, target) if session_of(pid) == os.getsid(0)}


def _survivors(engine: Engine, target: Target) -> Iterator[Process]:
    for pid in sorted(_others(engine, target)):
        yield dataclasses.replace(described(pid), has_own_session=session_of(pid) != os.getsid(0))
