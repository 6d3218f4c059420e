"""One run of a user's command: started once, followed from exec to exit."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracer.capture.child import Target
from tracer.capture.concurrency import Concurrency
from tracer.capture.finish import Closed, Tally, recording_of, with_result
from tracer.capture.living import Living
from tracer.capture.python_threads import PythonThreads
from tracer.capture.thread_names import ThreadNames
from tracer.capture.waiting import waiting_stacks
from tracer.capture.window import choose_path, close_now, is_open, open_now, processes_of
from tracer.errors import Interrupted, TracerError
from tracer.host.files import fields_of, number_in
from tracer.host.processes import (
    descendants,
    described,
    is_alive,
    readable,
    session_of,
    stat_fields,
    stop_all,
)
from tracer.kernel.engine import Engine
from tracer.kernel.samples import Sampler
from tracer.model.recording import HostLoad, Process, Recording
from tracer.model.spec import Spec
from tracer.model.states import Phase

#: How long a command has to end by itself after a SIGTERM.
_GRACE_S = 3.0
#: How long after its parent was told the last thread's last switch is waited for.
_LAST_SWITCH_S = 0.05
#: Waits at most so many seconds for one of these descriptors; those that can be read.
Wait = Callable[[Collection[int], float | None], list[int]]
_KEYBOARD = (signal.SIGINT, signal.SIGQUIT)


@dataclass(frozen=True)
class CommandOptions:
    """How a command is measured.

    The window opens `delay_s` after exec and ends with the command, or after `duration_s`.
    `units` is the number of units of work the user says it does. The window ends too when the
    descriptor `until` can be read; the command goes on. `over` is called when the command has
    ended, unless a signal to tracer ended it.
    """

    follow: bool = True
    delay_s: float = 0.0
    duration_s: float | None = None
    units: int | None = None
    until: int | None = None
    over: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class _AtGate:
    """Usage of the child before exec, to be subtracted from the command's."""

    voluntary: int
    involuntary: int
    minor_faults: int
    major_faults: int
    on_cpu_ns: int
    peak_rss_kib: int

    @classmethod
    def of(cls, pid: int) -> _AtGate:
        fields = stat_fields(Path(f"/proc/{pid}"))
        status = fields_of(Path(f"/proc/{pid}/status"))
        ran_ns = number_in(Path(f"/proc/{pid}/schedstat"))  # with CONFIG_SCHED_INFO
        return cls(
            int(status["voluntary_ctxt_switches"]),
            int(status["nonvoluntary_ctxt_switches"]),
            int(fields[7]),
            int(fields[9]),
            ran_ns or 0,
            int(status["VmHWM"].split()[0]),
        )

    def usage(self, target: Target) -> dict[str, int | None]:
        """The command's own usage, of the children it waited for too."""
        u = target.usage
        assert u is not None
        # ru_maxrss survives exec and starts at tracer's own peak; a lower peak cannot be known
        peak = u.ru_maxrss if u.ru_maxrss > self.peak_rss_kib * 1.1 else None
        # before exec the child did the kernel's work of fork: system time
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
    """`took_ns` is from exec to the end, comparable with a run without probes."""
    found: dict[str, Any] = {"ns_per_unit": ns / (units or 1), "rusage": dict(usage)}
    found["took_ns"] = took_ns
    if units:
        found["units"] = units
    return found


def _counted(target: Target, units: int | None) -> tuple[int | None, dict[str, str]]:
    """The units of work of a run that has ended, and why there is no count where one was due."""
    if not target.spec.unit_from or target.exit_status:
        return units, {}
    try:
        return target.units(), {}
    except TracerError as error:
        return None, {"no_units": error.message, "no_units_hint": error.hint}


def run_command_untraced(spec: Spec, units: int | None = None) -> Mapping[str, Any]:
    """Start the command without any probe; what tracer knows of it then.

    Where its output has no count, for which `spec.unit_from` looks, `no_units` says why.
    Interrupted when a signal came, which has ended the command too.
    """
    with Target(spec) as target, _keyboard_is_the_targets():
        gate = _AtGate.of(target.pid)
        target.open_gate()
        began_ns = time.monotonic_ns()  # after exec, as a traced window begins
        stopped = _ended_or_stopped(target, None, set, readable)
        took_ns = time.monotonic_ns() - began_ns
        if stopped is not None:
            raise Interrupted(stopped)
        usage = gate.usage(target)
        units, missing = _counted(target, units)
        result = _result(took_ns, took_ns, usage, units)
        return {**result, **missing, "exit_status": target.exit_status}


def run_command(
    engine: Engine,
    spec: Spec,
    options: CommandOptions,
    sampler: Sampler | None = None,
) -> Recording:
    """One traced run of the command, which is started exactly once; `engine` is left detached.

    A SIGTERM ends the command and what it forked in its session: the recording is then
    `interrupted`. TracerError when the command cannot be started (exit status 126 or 127, as
    the shell) or ended before its window began. `sampler` times the programs in short
    samples of the run.
    """
    with Target(spec) as target:
        gate = _AtGate.of(target.pid)
        engine.arrays.reset()
        engine.arrays.seed(target.pid)
        engine.ctl["follow"] = int(options.follow)
        engine.ctl["tracer_tid"] = 0  # no wake-up may close this window
        if not options.delay_s:
            engine.ctl["command_tgid"] = target.pid
        tally, living = Tally(engine), Living(engine)
        living.opens()
        with _keyboard_is_the_targets():
            try:
                engine.attach()
                with (
                    sampler or contextlib.nullcontext(),
                    Concurrency(engine) as concurrency,
                ):
                    closed = _follow(engine, target, options, tally, living)
                    closed = dataclasses.replace(closed, looks=concurrency.closes())
            finally:
                engine.detach()
        recording = recording_of(engine, tally, closed)
        whole = closed.interrupted is None
        units, missing = _counted(target, options.units) if whole else (None, {})
        result = _result(recording.window_ns, closed.took_ns, gate.usage(target), units) | missing
        return with_result(recording, spec.argv, target.exit_status, result)


def _follow(
    engine: Engine, target: Target, options: CommandOptions, tally: Tally, living: Living
) -> Closed:
    """From the opening of the gate to the end of the command."""
    python = PythonThreads(engine, tally.look)

    def wait(
        timeout_s: float | None, how: Wait = python.wait, until: int | None = None
    ) -> int | None:
        stopped = _ended_or_stopped(target, timeout_s, lambda: _session(engine, target), how, until)
        if stopped is None and target.exit_status is not None:
            options.over()
        return stopped

    tally.opens()  # before the gate: a short command is over before this thread runs again
    target.open_gate()
    began_ns = time.monotonic_ns()
    if options.delay_s:
        _delay(target, wait, options.delay_s)
        living.opens()
        tally.opens()
        open_now(engine, target.pid)
    stopped = wait(options.duration_s, until=options.until)
    took_ns = time.monotonic_ns() - began_ns
    load = tally.closes()
    if int(engine.ctl["phase"]) == Phase.BEFORE and (target.exit_status or 0) < 0:
        raise Interrupted(-(target.exit_status or 0))  # between fork and exec
    if target.exit_status is not None:
        closed = _ended(engine, target, python, load, took_ns, stopped)
        return dataclasses.replace(closed, edges=living.ended())
    # the duration is over; the command goes on
    kernel_names = ThreadNames(engine).read()
    edges = living.closes()
    data = close_now(engine)
    python.look(outside=True)
    names = python.over(kernel_names)
    path = choose_path(data, "busiest", target.pid)
    waiting = waiting_stacks(engine, data)
    stopped = wait(None, readable)
    survivors = tuple(_survivors(engine, target))
    return Closed(
        data,
        load,
        names,
        path,
        waiting,
        interrupted=stopped,
        survivors=survivors,
        edges=edges,
    )


def _delay(target: Target, wait: Callable[[float | None], int | None], delay_s: float) -> None:
    """Let time pass before the window; TracerError when the command ends in it."""
    stopped = wait(delay_s)
    if stopped is not None:
        raise Interrupted(stopped)
    if target.exit_status is not None:
        raise TracerError(
            f"the command ended before the window began, {delay_s:g} s after its start",
            "give it a shorter --delay",
            exit_code=125,
        )


def _ended(
    engine: Engine,
    target: Target,
    python: PythonThreads,
    load: HostLoad,
    took_ns: int,
    stopped: int | None,
) -> Closed:
    """After the command's end, which closes the window unless the programs missed it.

    Its parent is told shortly before its last thread leaves its CPU for good.
    """
    deadline_s = time.monotonic() + _LAST_SWITCH_S
    while (late := is_open(engine)) and time.monotonic() < deadline_s:
        time.sleep(0.0005)
    names = python.over(ThreadNames(engine).read())
    survivors = tuple(_survivors(engine, target))
    data = close_now(engine) if late else engine.arrays.snapshot()
    if late:
        choose_path(data, "busiest", target.pid)
    return Closed(
        data,
        load,
        names,
        interrupted=stopped,
        closed_late=late,
        survivors=survivors,
        took_ns=took_ns,
    )


def _ended_or_stopped(
    target: Target,
    timeout_s: float | None,
    session: Callable[[], set[int]],
    wait: Wait,
    until: int | None = None,
) -> int | None:
    """Wait for the command's end, at most `timeout_s` or until the descriptor `until` can be read;
    the signal that asked tracer to stop it.

    `session` gives the other processes to stop with it; `wait` waits until a descriptor can be
    read.
    """
    fd = os.pidfd_open(target.pid)
    try:
        if fd in wait([fd] if until is None else [fd, until], timeout_s):
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
