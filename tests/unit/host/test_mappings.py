"""In which memory an address lies: hand-written maps, this very process, a compiled program."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import pytest

from tracer.host import mappings
from tracer.model.mappings import Area, Space

TEXT = """\
5600000000-5600001000 r--p 00000000 00:01 11 /usr/bin/prog
5600001000-5600003000 rw-p 00002000 00:01 11                         /usr/bin/prog
5600003000-5600004000 rw-p 00000000 00:00 0
5700000000-5700021000 rw-p 00000000 00:00 0
5800000000-5800021000 rw-p 00000000 00:00 0                          [heap]
7f0004000000-7f0004021000 rw-p 00000000 00:00 0
7f0004021000-7f0008000000 ---p 00000000 00:00 0
7f1000001000-7f1000802000 rw-p 00000000 00:00 0
7f2000001000-7f2000002000 rw-p 00000000 00:00 0
7f3000000000-7f3000002000 rw-s 00001000 00:05 7                      /dev/shm/a b (deleted)
7f4000000000-7f4000002000 rw-s 00000000 00:01 8                      /dev/zero (deleted)
7f5000000000-7f5000002000 rw-s 00000000 00:01 9                      /memfd:queue (deleted)
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0                      [stack]
7ffd00100000-7ffd00104000 r--p 00000000 00:00 0                      [vvar]
not a line
"""


def space_of(areas: list[Area]) -> Space:
    space = Space(0)
    for area in areas:
        space.add(0, area)
    return space


def test_parse() -> None:
    areas = mappings.parse(TEXT)
    assert len(areas) == 14
    assert areas[1] == Area(0x5600001000, 0x5600003000, 0x2000, "/usr/bin/prog", (0, 1), 11)
    assert areas[9].shared and areas[9].inode == 7 and areas[9].device == (0, 5)
    assert [area.shared for area in areas].count(True) == 3


@pytest.mark.parametrize(
    ("address", "place"),
    [
        (0x5600000010, "prog + 0x10"),
        (0x5600001010, "prog + 0x2010"),  # as in the file
        (0x5600003004, "heap + 0x4"),  # without the file nothing says that it is .bss
        (0x5800000E80, "heap + 0xe80"),
        (0x7F0004000B20, "malloc arena + 0xb20"),
        (0x7F0004000030, "malloc arena lock + 0x30"),
        (0x7F1000801000, "stack of worker-1 + 0x800000"),
        (0x7F2000001008, "anonymous + 0x8"),
        (0x7F3000000008, "shared a b (deleted) + 0x1008"),
        (0x7F4000000008, "shared memory + 0x8"),
        (0x7F5000000008, "shared memfd:queue + 0x8"),
        (0x7FFD0001E66C, "main stack + 0x1e66c"),
        (0x7FFD00100010, "vvar + 0x10"),
        (0x5600004000, None),
        (0, None),
    ],
)
def test_where(address: int, place: str | None) -> None:
    space = space_of(mappings.parse(TEXT))
    assert mappings.where(space, 2**22 + 1, address, 0, {0x7F1000800000: "worker-1"}) == place


def test_memory_with_the_stacks_of_several_threads_is_nobodys() -> None:
    space = space_of(mappings.parse(TEXT))
    stacks = {0x7F1000800000: "a", 0x7F1000700000: "b"}
    assert mappings.where(space, 0, 0x7F1000801000, 0, stacks) == "anonymous + 0x800000"


def test_memory_behind_the_program_is_the_heap_of_brk() -> None:
    """The kernel calls it so only after it has grown."""
    program = Area(0x5600000000, 0x5600003000, 0, "/usr/bin/prog", (0, 1), 11)
    near, far = Area(0x5610000000, 0x5610021000, 0, ""), Area(0x7F0000001000, 0x7F0000002000, 0, "")
    space = space_of([program, near, far])
    assert mappings.where(space, 0, 0x5610000040, 0, {}) == "heap + 0x40"
    assert mappings.where(space, 0, 0x7F0000001040, 0, {}) == "anonymous + 0x40"


def test_this_process() -> None:
    shared = mmap.mmap(-1, 4096)
    libc = ctypes.CDLL(None)
    function = ctypes.cast(libc.getpid, ctypes.c_void_p).value
    variable = ctypes.addressof(ctypes.c_void_p.in_dll(libc, "environ"))
    at = ctypes.addressof(ctypes.c_char.from_buffer(shared))
    assert function is not None
    space = space_of(mappings.read_areas(os.getpid()))

    def where(address: int) -> str | None:
        return mappings.where(space, os.getpid(), address, 0, {})

    assert where(0) is None
    assert (where(function) or "").startswith("libc")
    assert "environ + 0x0" in (where(variable) or "")
    assert (where(at) or "").startswith("shared memory + ")


def test_the_interpreters_lock() -> None:
    runtime = ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, "_PyRuntime"))
    space = space_of(mappings.read_areas(os.getpid()))
    place = mappings.where(space, os.getpid(), runtime + 0x1A8, 0, {})
    assert place == "GIL: _PyRuntime + 0x1a8"


def test_a_file_that_is_another_one_by_now_names_nothing(tmp_path: Path) -> None:
    file = tmp_path / "program"
    file.write_bytes(Path("/proc/self/exe").read_bytes())
    inode = file.stat().st_ino
    area = Area(0x400000, 0x10000000, 0, str(file), (0, 0), inode)
    assert mappings.symbols_of(area, 0) is not None
    other = Area(0x400000, 0x10000000, 0, str(file), (0, 0), inode + 1)
    assert mappings.symbols_of(other, 0) is None


def test_a_process_that_has_gone() -> None:
    assert mappings.read_areas(2**22 + 1) == []
