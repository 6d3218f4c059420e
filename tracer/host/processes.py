"""Processes that are there already: what /proc says of them, whom a request names, their end."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import select
import signal
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import TracerError
from tracer.model.recording import Process

_PROC = Path("/proc")
_PF_KTHREAD = 0x00200000


@dataclass(frozen=True)
class Task:
    """One thread as /proc shows it.

    `state` is the letter of /proc/PID/stat; `call` the number of the system call it sleeps in,
    -1 for none (a page fault), None when it runs or that is not told.
    """

    state: str
    call: int | None


def task(pid: int, tid: int) -> Task | None:
    """What thread `tid` of the process `pid` does; None when it has ended."""
    directory = _PROC / str(pid) / "task" / str(tid)
    try:
        state = (directory / "stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return None
    if state in "ZX":
        return None
    try:
        first = (directory / "syscall").read_text().split()[0]
        call = None if first == "running" else int(first)
    except (OSError, ValueError, IndexError):
        call = None
    return Task(state, call)


def tids(pid: int) -> list[int]:
    """The threads of a process; empty when it has ended."""
    try:
        return [int(entry.name) for entry in (_PROC / str(pid) / "task").iterdir()]
    except OSError:
        return []


def thread_name(pid: int, tid: int) -> str:
    """The kernel's name of a thread; empty when it has ended."""
    try:
        text = (_PROC / str(pid) / "task" / str(tid) / "comm").read_text(errors="replace")
    except OSError:
        return ""
    return text.rstrip("\n")


def is_alive(pid: int) -> bool:
    """Whether it is there and no zombie: its first thread may have ended before the others."""
    return any(task(pid, tid) is not None for tid in tids(pid))


def readable(fds: Collection[int], timeout_s: float | None) -> list[int]:
    """Those of the descriptors that can be read, waited for; select() takes no large numbers."""
    waiting = select.poll()
    for fd in fds:
        waiting.register(fd, select.POLLIN)
    found = waiting.poll(None if timeout_s is None else math.ceil(timeout_s * 1000))
    return [fd for fd, _event in found]


def stop_all(pids: Iterable[int], grace_s: float) -> None:
    """Ask these processes to end; insist after `grace_s`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # a descriptor each
    left = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            left.add(os.pidfd_open(pid))
    for number, seconds in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 1.0)):
        for fd in left:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, number)
                signal.pidfd_send_signal(fd, signal.SIGCONT)  # a stopped one acts only then
        deadline = time.monotonic() + seconds
        while left and (wait_s := deadline - time.monotonic()) > 0:
            for fd in readable(left, wait_s):
                os.close(fd)
                left.remove(fd)
    for fd in left:
        os.close(fd)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def session_of(pid: int) -> int:
    """The session a process is in; 0 when it has ended."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def _status(pid: int, tid: int | None = None) -> dict[str, str]:
    path = _PROC / str(pid) / "task" / str(pid if tid is None else tid) / "status"
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        return {}
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def described(pid: int) -> Process:
    """Number, name, and number in its own PID namespace (the same where it has ended)."""
    return Process(pid, _number_inside(pid, pid), thread_name(pid, pid))


def _number_inside(pid: int, tid: int) -> int:
    """A thread's number in its own PID namespace; the host's where it has ended."""
    return int((_status(pid, tid).get("NSpid", "").split() or [str(tid)])[-1])


def numbers_inside(pid: int) -> dict[int, int]:
    """The threads of a process: number in its own PID namespace -> number on the host."""
    if _number_inside(pid, pid) == pid:
        return {tid: tid for tid in tids(pid)}
    return {_number_inside(pid, tid): tid for tid in tids(pid)}


def arguments(pid: int) -> tuple[str, ...]:
    """Its command line; empty when it has none or has ended."""
    try:
        text = (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ()
    return tuple(os.fsdecode(word) for word in text.rstrip(b"\0").split(b"\0") if word)


def is_kernels(pid: int) -> bool:
    """Whether it is a thread of the kernel, which a control group may hold too."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return False
    return bool(int(stat.rsplit(")", 1)[1].split()[6]) & _PF_KTHREAD)


def require(pid: int) -> None:
    """TracerError (exit status 2) when tracer cannot be attached to `pid`, with the reason."""
    status = _status(pid)
    if not status:
        raise TracerError(
            f"there is no process {pid}",
            "is that its number on this host? inside a container the numbers differ",
            exit_code=2,
        )
    name = status.get("Name", "")
    if pid == os.getpid():
        raise TracerError(f"process {pid} is this tracer itself", "name another one", exit_code=2)
    if int(status["Tgid"]) != pid:
        raise TracerError(
            f"{pid} is a thread of the process {status['Tgid']}",
            f"tracer attach {status['Tgid']} --path-of {pid}",
            exit_code=2,
        )
    if is_kernels(pid):
        raise TracerError(
            f"process {pid} ({name}) is a thread of the kernel: it has no program to trace",
            "name a process of a program",
            exit_code=2,
        )
    if not is_alive(pid):
        raise TracerError(f"process {pid} ({name}) has ended already", exit_code=2)


def descendants(pids: Iterable[int]) -> list[int]:
    """These processes and all that they have forked and that are still below them, each once."""
    found: dict[int, None] = {}
    todo = list(pids)
    while todo:
        pid = todo.pop(0)
        if pid in found or pid == os.getpid():
            continue
        found[pid] = None
        for tid in tids(pid):
            try:
                text = (_PROC / str(pid) / "task" / str(tid) / "children").read_text()
            except OSError:
                continue
            todo += [int(child) for child in text.split()]
    return list(found)
