"""The target: a child process that waits at a gate until the probes are attached."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import resource
import select
import shlex
import signal
import socket
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from tracer.capture.output import Output, units_in
from tracer.errors import TracerError
from tracer.host.installation import installation
from tracer.host.processes import stat_fields
from tracer.host.user import Credentials
from tracer.model.spec import Spec
from tracer.progress import TICK_S, Progress

_PR_SET_PDEATHSIG, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 1, 47, 4
#: Signals whose handling Python or tracer changes; a program must find them unchanged.
_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
_libc = ctypes.CDLL(None, use_errno=True)
#: Number of the control socket in the child, above those that programs use themselves.
CONTROL_FD = 200


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def die_with_parent(parent: int) -> None:
    """In a child, after its last change of user: the kernel kills it when `parent` is gone."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(127)


def initial_environment() -> dict[str, str]:
    """The environment that tracer itself was started with, without what it has set since."""
    try:
        items = Path("/proc/self/environ").read_bytes().split(b"\0")
    except OSError:  # not readable for a process with file capabilities
        return dict(os.environ)
    pairs = (os.fsdecode(item).partition("=") for item in items if b"=" in item)
    return {name: value for name, _, value in pairs}


@dataclass(frozen=True)
class _ChildEnds:
    """The child's ends of its pipes, and of the control socket where it has one."""

    gate: int
    error: int
    ready: int
    control: int | None

    def above(self, fd: int) -> _ChildEnds:
        """The same at numbers above `fd`, so that one of them which is `fd` now is not lost."""

        def moved(old: int) -> int:
            return fcntl.fcntl(old, fcntl.F_DUPFD_CLOEXEC, fd + 1)

        control = None if self.control is None else moved(self.control)
        return _ChildEnds(moved(self.gate), moved(self.error), moved(self.ready), control)


class Target:
    """A started child; use as a context manager: leaving it kills what is left.

    The child blocks in a read of the gate before exec. It holds no copy of the gate's write end:
    when tracer is killed no child stays at the gate. A workload is killed with tracer later on
    too. A user's command goes on once it has started; leaving the context waits for its end.
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.exit_status: int | None = None
        self.usage: resource.struct_rusage | None = None
        self._started = False
        gate_read, self._gate = os.pipe()
        self._error, error_write = os.pipe()
        ready_read, ready_write = os.pipe()
        theirs: socket.socket | None = None
        self._control: socket.socket | None = None
        if spec.controlled:
            self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._output = Output(passes_on=not spec.quiet) if spec.unit_from else None
        self._buffer = b""
        self._user = None if spec.as_root else Credentials.of_sudo()
        sys.stdout.flush()
        sys.stderr.flush()
        parent = os.getpid()
        # a signal that arrives from here on finds the child without tracer's handlers
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        self.pid = os.fork()
        if self.pid == 0:
            ends = _ChildEnds(
                gate_read, error_write, ready_write, None if theirs is None else theirs.fileno()
            )
            self._become_program(ends, parent, mask)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for fd in (gate_read, error_write, ready_write):
            os.close(fd)
        if theirs is not None:
            theirs.close()
        if self._output is not None:
            self._output.begin()
        os.read(ready_read, 1)
        os.close(ready_read)
        self._wait_until_blocked()

    def _become_program(self, ends: _ChildEnds, parent: int, mask: Collection[int]) -> NoReturn:
        """In the child: wait at the gate, then exec. An error's number goes to the parent."""
        spec, error = self.spec, ends.error
        try:
            os.close(self._gate)
            log = os.open(spec.output, os.O_WRONLY | os.O_APPEND) if spec.output else -1
            if spec.controlled:
                os.setpgid(0, 0)  # Ctrl-C is tracer's: it still has a report to write
            if ends.control is not None:
                ends = ends.above(CONTROL_FD)
                error = ends.error
                os.dup2(ends.control or 0, CONTROL_FD, inheritable=True)
            self._become(parent)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.write(ends.ready, b"r")
            if os.read(ends.gate, 1) != b"g":
                os._exit(127)
            if spec.quiet:
                null = os.open(os.devnull, os.O_RDWR)
                os.dup2(null, 0)
                os.dup2(null, 1)
            if self._output is not None:
                os.dup2(self._output.write_end, 1)
            if spec.output:
                self._leave_terminal(log)
            if not spec.controlled:
                _libc.prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0)
            os.execvpe(spec.argv[0], list(spec.argv), self._environment())
        except OSError as failure:
            os.write(error, str(failure.errno or 0).encode())
        except BaseException:
            os.write(error, b"0")
        finally:
            os._exit(127)

    def _leave_terminal(self, log: int) -> None:
        """In the child: the terminal shows something else."""
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(log, 1)
        os.dup2(log, 2)

    def _environment(self) -> dict[str, str]:
        user = self._user
        inherited = os.environ if self.spec.controlled else initial_environment()
        env = {**inherited, **self.spec.env}
        if user is not None:
            env.update(HOME=user.home, USER=user.name, LOGNAME=user.name)
        if self.spec.controlled:
            env["TRACER_CONTROL_FD"] = str(CONTROL_FD)
        return env

    def _become(self, parent: int) -> None:
        """In the child: limits, placement, the user; last, what a change of user would clear."""
        if self.spec.controlled:
            for limit in (resource.RLIMIT_NOFILE, resource.RLIMIT_NPROC):
                _soft, hard = resource.getrlimit(limit)
                resource.setrlimit(limit, (hard, hard))
        if self.spec.cpus:
            os.sched_setaffinity(0, self.spec.cpus)
        user = self._user
        if user is not None:
            os.setgroups(list(user.groups))
            os.setresgid(user.gid, user.gid, user.gid)
            os.setresuid(user.uid, user.uid, user.uid)
        if self.spec.policy == "batch":
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        # tracer's own capabilities are for the probes alone
        _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
        die_with_parent(parent)
        for number in _SIGNALS:
            # what the caller ignored (nohup) stays ignored; what Python ignores does not
            ignored = signal.getsignal(number) is signal.SIG_IGN
            if not ignored or number in (signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)

    def _wait_until_blocked(self) -> None:
        """Until the child sleeps in its read, so that its first state is known."""
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            if stat_fields(Path(f"/proc/{self.pid}"))[:1] == ["S"]:
                return
            time.sleep(0.0002)

    def open_gate(self) -> None:
        """Let the child exec; TracerError when it cannot."""
        with contextlib.suppress(BrokenPipeError):  # a signal has ended it
            os.write(self._gate, b"g")
        code = os.read(self._error, 16)  # EOF when exec closed it
        if code:
            self.kill()
            reason = os.strerror(int(code)) if int(code) else "it failed before exec"
            status = 1 if self.spec.controlled else 127 if int(code) == errno.ENOENT else 126
            raise TracerError(
                f"cannot start {self.spec.argv[0]}{self._as_whom()}: {reason}",
                self._remedy(int(code)),
                exit_code=status,
            )
        self._started = True

    def _as_whom(self) -> str:
        return f" as the user {self._user.name}" if self._user is not None else ""

    def _remedy(self, number: int) -> str:
        if number == errno.EACCES and self._user is not None:
            return (
                f"{self._user.name} cannot reach that file: move tracer to a directory that this"
                " user can read, or run it as root: --as-root"
            )
        return f"build it with: {installation().to_build()}" if self.spec.controlled else ""

    def expect(
        self, word: str, timeout_s: float | None = None, progress: Progress | None = None
    ) -> list[str]:
        """The next control message, which must begin with `word`; its fields.

        TracerError when the program ended, sent another message, or the time is over.
        """
        assert self._control is not None
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        ticks = progress is not None and progress.is_shown
        while b"\n" not in self._buffer:
            left = None if deadline is None else max(deadline - time.monotonic(), 0)
            wait = min(TICK_S, left or TICK_S) if ticks else left
            ready, _, _ = select.select([self._control], [], [], wait)
            if not ready and ticks and progress is not None and left != 0:
                progress.tick()
                continue
            if not ready:
                raise TracerError(
                    f"the workload {Path(self.spec.argv[0]).name} said nothing for {timeout_s:g} s"
                    f" where `{word}` was due; it was ended",
                    "does it hang? run it by itself: " + shlex.join(self.spec.argv),
                )
            try:
                chunk = self._control.recv(65536)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise self._ended(word)
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        fields = line.decode(errors="replace").split(" ", 2 if word != "result" else 1)
        if fields[0] != word:
            raise TracerError(f"{self.spec.argv[0]} said {line[:80]!r} where `{word}` was due")
        return fields[1:]

    def _ended(self, word: str) -> TracerError:
        status = self.wait()
        how = f"killed by {_signal_name(-status)}" if status < 0 else f"with exit status {status}"
        return TracerError(
            f"the workload {Path(self.spec.argv[0]).name} ended before `{word}`, {how}",
            "was memory short? tracer doctor"
            if status == -signal.SIGKILL
            else "its own message, if it had one, is above",
            exit_code=2 if status == 2 else 1,
        )

    def go(self) -> None:
        """Allow the program to go on."""
        assert self._control is not None
        try:
            self._control.sendall(b"go\n")
        except BrokenPipeError:
            raise self._ended("go") from None

    def wait(self) -> int:
        """Wait for the end; the exit status, or minus the signal's number."""
        if self.exit_status is None:
            _, status, self.usage = os.wait4(self.pid, 0)
            self.exit_status = os.waitstatus_to_exitcode(status)
        return self.exit_status

    def units(self) -> int:
        """After its end: the units of work that its output counts; TracerError without them."""
        assert self._output is not None
        return units_in(self._output.text(), self.spec.unit_from)

    def kill(self) -> None:
        """Kill the child if it still runs."""
        if self.exit_status is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        if self._started and not self.spec.controlled:
            self.wait()
        self.kill()
        for fd in (self._gate, self._error):
            os.close(fd)
        if self._control is not None:
            self._control.close()
        if self._output is not None:
            self._output.close()
