"""In which mapping an address lies: hand-written maps, and this very process."""

from __future__ import annotations

import ctypes
import os
import threading
from pathlib import Path

import pytest

from tracer.host import mappings

TEXT = """\
5600000000-5600001000 r--p 00000000 00:01 11 /usr/bin/prog
5600001000-5600003000 rw-p 00002000 00:01 11                         /usr/bin/prog
5600003000-5600004000 rw-p 00000000 00:00 0
5700000000-5700021000 rw-p 00000000 00:00 0                          [heap]
7f0004000000-7f0004021000 rw-p 00000000 00:00 0
7f0004021000-7f0008000000 ---p 00000000 00:00 0
7f1000001000-7f1000802000 rw-p 00000000 00:00 0
7f2000001000-7f2000002000 rw-p 00000000 00:00 0
7f3000000000-7f3000002000 rw-s 00001000 00:05 7                      /dev/shm/a b (deleted)
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                      [stack]
not a line
"""


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (0x5600000010, "prog + 0x10"),
        (0x5600001010, "prog + 0x2010"),  # as in the file
        (0x5600003004, "prog .bss + 0x4004"),
        (0x5700000E80, "heap + 0xe80"),
        (0x7F0004000B20, "malloc arena + 0xb20"),
        (0x7F1000801000, "stack of worker-1 + 0x800000"),
        (0x7F2000001008, "anonymous + 0x8"),
        (0x7F3000000008, "a b (deleted) + 0x1008"),
        (0x7FFD0001E66C, "main stack + 0x1e66c"),
        (0x5600004000, "unmapped"),
        (0, "unmapped"),
    ],
)
def test_where(address: int, place: str) -> None:
    parsed = mappings.parse(TEXT)
    assert len(parsed) == 10
    assert mappings.where(address, parsed, {0x7F1000800000: "worker-1"}) == place


def test_a_living_process() -> None:
    heap_or_mapped = ctypes.create_string_buffer(64)
    libc = ctypes.CDLL(None)
    function = ctypes.cast(libc.getpid, ctypes.c_void_p).value
    assert function is not None
    places = mappings.places(os.getpid(), [ctypes.addressof(heap_or_mapped), function, 0])
    assert places[0] == "unmapped"
    assert places[function].startswith("libc")
    assert places[ctypes.addressof(heap_or_mapped)] != "unmapped"


def test_the_stack_of_a_sleeping_thread() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root reads another thread's /proc/PID/task/TID/syscall everywhere")
    over, ready = threading.Event(), threading.Event()
    tids = []

    def wait() -> None:
        tids.append(threading.get_native_id())
        ready.set()
        over.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    ready.wait()
    try:
        while True:  # until it sleeps
            words = Path(f"/proc/self/task/{tids[0]}/syscall").read_text().split()
            if len(words) > 3:
                break
        pointer = int(words[-2], 16)
        place = mappings.places(os.getpid(), [pointer])[pointer]
        name = Path(f"/proc/self/task/{tids[0]}/comm").read_text().rstrip()
        assert place.startswith(f"stack of {name} + ")
    finally:
        over.set()
        thread.join()


def test_a_process_that_has_gone() -> None:
    assert mappings.places(2**22 + 1, [1]) == {}
