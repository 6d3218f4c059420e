"""The stack of a thread that waits in a system call now, from /proc; the thread is not stopped."""

from __future__ import annotations

import os
import re
import threading
import time
from dataclasses import dataclass

from tracer.host.files import text_of
from tracer.model.stacks import StackSample

#: As much as is copied of any stack.
_BYTES = 16384
#: /proc/PID/task/TID/syscall (proc(5)): the call and its six arguments, stack pointer, instruction.
_IN_CALL = re.compile(r"(\d+) 0x([0-9a-f]+)(?: 0x[0-9a-f]+){5} 0x([0-9a-f]+) 0x([0-9a-f]+)\n?")


@dataclass(frozen=True)
class WaitingStack:
    """What a thread waited in: the system call's number, its first argument, and the stack.

    The frame pointer is not known. Of a function whose frame is found by it, the callers are
    missing."""

    call: int
    first: int
    sample: StackSample


def waiting_stack(pid: int, tid: int) -> WaitingStack | None:
    """None where the thread runs, waits outside a call, went on meanwhile, or cannot be read."""
    file = f"/proc/{pid}/task/{tid}/syscall"
    text = "" if tid == threading.get_native_id() else text_of(file)  # which would tell of its read
    found = _IN_CALL.fullmatch(text)
    if found is None:
        return None
    at_ns = time.monotonic_ns()
    first, sp, ip = (int(found[n], 16) for n in (2, 3, 4))
    data = _memory(pid, sp)
    if not data or text_of(file) != text:
        return None
    return WaitingStack(int(found[1]), first, StackSample(pid, at_ns, ip, sp, 0, 0, data))


def _memory(pid: int, at: int) -> bytes:
    """As much of it as there is."""
    try:
        fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(fd, _BYTES, at)
    except (OSError, OverflowError):
        return b""
    finally:
        os.close(fd)
