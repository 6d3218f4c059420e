"""Processes seen from outside, and the kernel's BPF programs: which are there, which are left."""

from __future__ import annotations

import contextlib
import ctypes
import platform
import struct
import time
from collections.abc import Callable
from pathlib import Path


def until(is_so: Callable[[], bool], seconds: float = 120) -> None:
    """Return as soon as `is_so` returns true; fail after `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds} s"
        time.sleep(0.005)


def is_running(pid: int) -> bool:
    """False too for a zombie, which is its parent's to reap."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def is_gone(pid: int, within_s: float = 2) -> bool:
    """Whether the process has ended, or does so within that time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and is_running(pid):
        time.sleep(0.005)
    return not is_running(pid)


def children(pid: int) -> list[int]:
    """The children of all threads of `pid`, none where it has ended."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # of a thread that has ended
                found += map(int, (task / "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """All living processes below `pid`."""
    return [p for child in children(pid) for p in (child, *descendants(child))]


def child_of(pid: int, name: str) -> int:
    """The child of `pid` that runs the program `name`, once it does."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for child in children(pid):
            if Path(f"/proc/{child}/exe").resolve().name == name:
                return child
        time.sleep(0.005)
    raise AssertionError(f"no {name} was started")


def loaded_programs() -> set[int]:
    """Ids of all BPF programs in the kernel (bpf(2), BPF_PROG_GET_NEXT_ID)."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    number = {"x86_64": 321}.get(platform.machine(), 280)
    ids, last = set(), 0
    while True:
        attr = ctypes.create_string_buffer(struct.pack("=3I", last, 0, 0), 12)
        if call(number, 11, attr, 12) < 0:
            return ids
        last = struct.unpack("=3I", attr.raw)[1]
        ids.add(last)
