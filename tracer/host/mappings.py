"""In which mapping of a living process an address lies: heap, a thread's stack, a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tracer.host.files import text_of
from tracer.host.processes import tids

#: glibc's heaps of other threads start at a multiple of this (HEAP_MAX_SIZE of malloc/arena.c).
_ARENA_BYTES = 64 << 20
#: Above this, skip finding stacks: it costs one /proc read per thread.
_MOST_THREADS = 5000
_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ \d+ *(.*)")


@dataclass(frozen=True)
class Area:
    """One mapping, a line of /proc/PID/maps; `path` is empty for anonymous memory."""

    start: int
    end: int
    offset: int
    path: str

    def __contains__(self, address: int) -> bool:
        return self.start <= address < self.end


def parse(text: str) -> list[Area]:
    """The lines of /proc/PID/maps, in their order; malformed ones are left out."""
    return [
        Area(int(m[1], 16), int(m[2], 16), int(m[4], 16), m[5])
        for m in map(_LINE.fullmatch, text.split("\n"))
        if m
    ]


def where(address: int, mappings: list[Area], stacks: Mapping[int, str]) -> str:
    """Name and offset of the place of `address`.

    `stacks` has the name of a thread by its stack pointer. An address in no mapping, or in one
    that has since gone, is `unmapped`. Names are the target's: not escaped.
    """
    for index, found in enumerate(mappings):
        if address in found:
            before = mappings[index - 1] if index else None
            return _name(address, found, before, stacks)
    return "unmapped"


def _name(address: int, found: Area, before: Area | None, stacks: Mapping[int, str]) -> str:
    offset = address - found.start
    if found.path == "[heap]":
        return f"heap + {offset:#x}"
    if found.path == "[stack]":
        return f"main stack + {offset:#x}"
    if found.path.startswith("["):
        return f"{found.path[1:-1].split(':')[0]} + {offset:#x}"
    if found.path:
        return f"{Path(found.path).name} + {offset + found.offset:#x}"
    owner = next((name for pointer, name in stacks.items() if pointer in found), None)
    if owner is not None:
        return f"stack of {owner} + {offset:#x}"
    if before and before.end == found.start and before.path.startswith("/"):
        name = Path(before.path).name
        return f"{name} .bss + {address - before.start + before.offset:#x}"
    if found.start % _ARENA_BYTES == 0:
        return f"malloc arena + {offset:#x}"
    return f"anonymous + {offset:#x}"


def _stack_pointer(task: Path) -> tuple[int, str] | None:
    """Stack pointer and name of a sleeping thread; None for one that runs or has gone."""
    words = text_of(task / "syscall").split()  # NR ARGUMENTS SP PC
    name = text_of(task / "comm").removesuffix("\n")
    return (int(words[-2], 16), name) if len(words) >= 3 else None


def _stack_pointers(pid: int) -> dict[int, str]:
    tasks = [Path(f"/proc/{pid}/task/{tid}") for tid in tids(pid)]
    if len(tasks) > _MOST_THREADS:
        return {}
    return dict(pointer for pointer in map(_stack_pointer, tasks) if pointer)


def places(pid: int, addresses: Iterable[int]) -> dict[int, str]:
    """Where each address of the process lies; empty when the process has gone."""
    mappings = parse(text_of(Path(f"/proc/{pid}/maps")))
    if not mappings:
        return {}
    stacks = _stack_pointers(pid)
    return {address: where(address, mappings, stacks) for address in addresses}
