"""Stacks of living processes, as a debugger reads them: ptrace and /proc/PID/mem."""

from __future__ import annotations

import ctypes
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tracer.host.mappings import read_areas
from tracer.model.mappings import AddressSpaces
from tracer.model.stacks import StackSample

_GETREGSET, _SEIZE, _INTERRUPT, _DETACH = 0x4204, 0x4206, 0x4207, 17
_NT_PRSTATUS = 1
_WALL = 0x40000000


class _Vector(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


def _ptrace(request: int, pid: int, address: int, data: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(request, pid, address, data) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def _stopped(tid: int) -> Iterator[None]:
    _ptrace(_SEIZE, tid, 0, None)
    try:
        _ptrace(_INTERRUPT, tid, 0, None)
        os.waitpid(tid, _WALL)
        yield
    finally:
        _ptrace(_DETACH, tid, 0, None)


def _registers(tid: int) -> tuple[int, int, int, int]:
    """ip, sp, frame pointer, link register."""
    values = (ctypes.c_ulong * 64)()
    vector = _Vector(ctypes.addressof(values), ctypes.sizeof(values))
    _ptrace(_GETREGSET, tid, _NT_PRSTATUS, ctypes.addressof(vector))
    if platform.machine() == "x86_64":
        return values[16], values[19], values[4], 0
    return values[32], values[31], values[29], values[30]


def sample(pid: int, tid: int = 0, size: int = 8192) -> StackSample:
    """A thread's registers and stack now; the thread goes on."""
    with _stopped(tid or pid):
        ip, sp, bp, lr = _registers(tid or pid)
        stack = next(area for area in read_areas(pid) if sp in area)
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            memory.seek(sp)
            data = memory.read(min(size, stack.end - sp))
        return StackSample(pid, time.monotonic_ns(), ip, sp, bp, lr, data)


def sleeping(pid: int, call: str, timeout_s: float = 10.0) -> None:
    """Wait until the first thread of a process sleeps in a function of the kernel."""
    until = time.monotonic() + timeout_s
    while call not in Path(f"/proc/{pid}/wchan").read_text():
        assert time.monotonic() < until, Path(f"/proc/{pid}/wchan").read_text()
        time.sleep(0.005)


def spaces_of(*pids: int) -> AddressSpaces:
    """What processes have mapped now."""
    spaces = AddressSpaces()
    for pid in pids:
        at_ns = time.monotonic_ns()
        for area in read_areas(pid):
            spaces.mapped(at_ns, pid, area)
    return spaces
