"""Running processes: what /proc says of them, which ones can be attached to, ending them."""

from __future__ import annotations

import contextlib
import math
import os
import resource
import select
import signal
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tracer.errors import TracerError
from tracer.host.files import fields_of, number_in, text_of
from tracer.model.recording import Process
from tracer.units import plain

_PROC = Path("/proc")
_PF_KTHREAD = 0x00200000
_PF_IO_WORKER, _PF_USER_WORKER = 0x00000010, 0x00004000


@dataclass(frozen=True)
class Task:
    """One thread as /proc shows it.

    `state` is the letter of /proc/PID/stat; `call` the number of the system call it sleeps in,
    -1 for none (a page fault), None when it runs or /proc does not show it; `is_worker`: the kernel
    runs it for the process (io_uring, vhost).
    """

    state: str
    call: int | None
    is_worker: bool = False


def task(pid: int, tid: int) -> Task | None:
    """What thread `tid` of the process `pid` does; None when it has ended."""
    directory = f"{_PROC}/{pid}/task/{tid}"
    fields = stat_fields(directory)
    if has_ended(fields):
        return None
    is_worker = bool(int(fields[6]) & (_PF_IO_WORKER | _PF_USER_WORKER))
    return Task(fields[0], number_in(f"{directory}/syscall"), is_worker)


def is_i386(pid: int) -> bool:
    """Whether the program of a process is one of i386: its calls have that machine's numbers."""
    try:
        with (_PROC / str(pid) / "exe").open("rb") as file:
            head = file.read(20)
    except OSError:
        return False
    return head[:5] == b"\x7fELF\x01" and head[18:20] == b"\x03\0"  # ELFCLASS32, EM_386


def stat_fields(directory: str | Path) -> list[str]:
    """The fields of a process's or thread's `stat` behind its name, the state first (field 3 of
    proc_pid_stat(5)); empty when it has ended."""
    return text_of(f"{directory}/stat").rpartition(")")[2].split()


def has_ended(fields: Sequence[str]) -> bool:
    """Whether these `stat_fields` are of a thread that has ended."""
    return not fields or fields[0] in "ZX"


def tids(pid: int) -> list[int]:
    """The threads of a process; empty when it has ended."""
    try:
        return [int(entry.name) for entry in os.scandir(f"{_PROC}/{pid}/task")]
    except OSError:
        return []


def thread_name(pid: int, tid: int) -> str:
    """The kernel's name of a thread; empty when it has ended."""
    return text_of(f"{_PROC}/{pid}/task/{tid}/comm").removesuffix("\n")


def is_alive(pid: int) -> bool:
    """Whether it exists and is not a zombie; its first thread may have ended before the others."""
    return any(not has_ended(stat_fields(f"{_PROC}/{pid}/task/{tid}")) for tid in tids(pid))


def readable(fds: Collection[int], timeout_s: float | None) -> list[int]:
    """Wait until one of the descriptors can be read; those that can. As select(), without its limit
    on numbers."""
    waiting = select.poll()
    for fd in fds:
        waiting.register(fd, select.POLLIN)
    ready = waiting.poll(None if timeout_s is None else math.ceil(timeout_s * 1000))
    return [fd for fd, _event in ready]


def stop_all(pids: Iterable[int], grace_s: float) -> None:
    """Send SIGTERM to these processes, and SIGKILL to those that are left after `grace_s`."""
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
                signal.pidfd_send_signal(fd, signal.SIGCONT)  # else a stopped one waits
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
    return fields_of(_PROC / str(pid) / "task" / str(pid if tid is None else tid) / "status")


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
    words = text_of(_PROC / str(pid) / "cmdline").split("\0")
    return tuple(word for word in words if word)


def started_s(pid: int) -> float:
    """When it was started, in seconds since 1970; infinity when it has ended."""
    fields = stat_fields(_PROC / str(pid))
    if not fields:
        return math.inf
    since_boot_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot_s


def is_kernels(pid: int) -> bool:
    """Whether it is a kernel thread, which control groups can contain."""
    fields = stat_fields(_PROC / str(pid))
    return bool(fields) and bool(int(fields[6]) & _PF_KTHREAD)


def require(pid: int) -> None:
    """TracerError (exit status 2) when tracer cannot be attached to `pid`, with the reason."""
    status = _status(pid)
    if not status:
        raise TracerError(
            f"there is no process {pid}",
            "is that its number on this host? inside a container the numbers differ",
            exit_code=2,
        )
    name = plain(status.get("Name", ""))
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


def children(pid: int) -> list[int]:
    """The processes that its threads have forked and that are still below it."""
    files = (f"{_PROC}/{pid}/task/{tid}/children" for tid in tids(pid))
    return [int(child) for file in files for child in text_of(file).split()]


def descendants(pids: Iterable[int]) -> list[int]:
    """These processes and all that they have forked and that are still below them, each once."""
    seen: dict[int, None] = {}
    todo = list(pids)
    while todo:
        pid = todo.pop(0)
        if pid in seen or pid == os.getpid():
            continue
        seen[pid] = None
        todo += children(pid)
    return list(seen)
