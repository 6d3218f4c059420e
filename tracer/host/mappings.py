"""In which memory of a process an address lies: a variable, the heap, a thread's stack, a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from tracer.host.files import text_of
from tracer.host.symbols import Symbols, symbols_of
from tracer.model.mappings import Area, Space

#: glibc's heaps of other threads start at a multiple of this (HEAP_MAX_SIZE of malloc/arena.c).
_ARENA_BYTES = 64 << 20
#: Where the arena's own record, whose first member is its lock, lies in the first of these heaps:
#: behind heap_info, which glibc 2.35 made longer.
_ARENA_LOCKS = (0x20, 0x30)
#: brk(2)'s memory begins at most this far behind the program's (arch_randomize_brk: 1 GiB).
_BRK_BYTES = 2 << 30
#: Go's heap is mapped in pieces of this size (runtime/mheap.go: a heap grows by 4 MiB).
_GO_BYTES = 4 << 20
#: What these variables are; a thread waits in one of them only for what is said here.
_WELL_KNOWN = {"_PyRuntime": "GIL", "main_arena": "malloc"}
_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) (\w+):(\w+) (\d+) *(.*)")


def parse(text: str) -> list[Area]:
    """The lines of /proc/PID/maps, in their order; malformed ones are left out."""
    return [
        Area(int(m[1], 16), int(m[2], 16), int(m[4], 16), m[8],
             (int(m[5], 16), int(m[6], 16)), int(m[7]), m[3][3] == "s", m[3][2] == "x")
        for m in map(_LINE.fullmatch, text.split("\n"))
        if m
    ]  # fmt: skip


def read_areas(pid: int) -> list[Area]:
    """What a process has mapped now; empty when it has ended."""
    return parse(text_of(Path(f"/proc/{pid}/maps")))


def where(
    space: Space, pid: int, address: int, at_ns: int, stacks: Mapping[int, str]
) -> str | None:
    """Name and offset of the place of `address`; None where nothing was mapped.

    `stacks` has the name of a thread by its stack pointer. Names are the target's: not escaped.
    """
    found = space.find(address, at_ns)
    if found is None:
        return None
    offset = address - found.start
    if found.path == "[stack]":
        return f"main stack + {offset:#x}"
    if found.path.startswith("[") and not found.path.startswith(("[heap]", "[anon")):
        return f"{found.path[1:-1].split(':')[0]} + {offset:#x}"
    if found.shared:
        return f"{_shared_name(found)} + {offset + found.offset:#x}"
    variable = _variable(space, pid, found, address, at_ns)
    if variable or found.inode:
        return variable or f"{Path(found.path).name} + {offset + found.offset:#x}"
    return _anonymous(space, pid, found, address, stacks)


def _shared_name(area: Area) -> str:
    """`shared memory` where it has no name of its own."""
    if area.path.startswith(("/dev/zero", "/memfd:", "/SYSV")):
        name = area.path.removesuffix(" (deleted)")
        return "shared memory" if name == "/dev/zero" else f"shared {name[1:]}"
    return f"shared {Path(area.path).name}"


def _variable(space: Space, pid: int, found: Area, address: int, at_ns: int) -> str | None:
    """The variable of a program or library at this address; without a name, its file."""
    loaded = space.loaded_below(address, at_ns)
    symbols = symbols_of(loaded, pid) if loaded else None
    if loaded is None or symbols is None:
        return None
    base = loaded.start - symbols.first
    is_own = (found.device, found.inode) == (loaded.device, loaded.inode)
    if not symbols.contains(address - base):
        return None
    if not is_own and (found.inode or not symbols.is_zeroed(found.start - base)):
        return None
    named = symbols.at(address - base)
    file = Path(loaded.path).name
    if named is None:
        return None if is_own else f"{file} .bss + {address - base:#x}"
    name, offset = named
    return f"{_WELL_KNOWN.get(name, file)}: {name} + {offset:#x}"


def _anonymous(space: Space, pid: int, found: Area, address: int, stacks: Mapping[int, str]) -> str:
    """Memory without a file: a stack, or of an allocator."""
    offset = address - found.start
    program = space.program
    if program and found.start % _GO_BYTES == 0 and is_go(program, pid):
        return f"Go heap + {offset:#x}"
    owners = {name for pointer, name in stacks.items() if pointer in found}
    if len(owners) == 1:
        return f"stack of {owners.pop()} + {offset:#x}"
    if found.path == "[heap]" or (program and 0 < found.start - program.end < _BRK_BYTES):
        return f"heap + {offset:#x}"
    if found.start % _ARENA_BYTES == 0:
        return f"malloc arena{' lock' * (offset in _ARENA_LOCKS)} + {offset:#x}"
    return f"anonymous + {offset:#x}"


def is_go(program: Area, pid: int) -> bool:
    """Whether the Go runtime is in the program."""
    symbols: Symbols | None = symbols_of(program, pid)
    return symbols is not None and symbols.has(".go.buildinfo")
