"""Where a Python process keeps the task that its asyncio event loop runs, and that task's name.

CPython 3.12 and 3.13 have one dictionary {event loop: task} in the module `_asyncio`. It is found
by way of the interpreter's modules in the memory of the running process, which is not stopped.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from tracer.host.mappings import read_areas
from tracer.host.symbols import symbols_of
from tracer.model.mappings import Area
from tracer.model.profile import Task
from tracer.model.stacks import Frame

_PYTHON = re.compile(r"(?:.*/)?(?:lib)?python3\.(1[23])(?:\.so.*)?")
#: By minor version, where a task has its name: TaskObj of Modules/_asynciomodule.c.
_NAME_AT = {12: 144, 13: 128}
#: Of 3.12: where the runtime has the first interpreter, and an interpreter its modules. Later ones
#: tell, behind this cookie, in the words of these numbers (_Py_DebugOffsets).
_INTERPRETERS_AT, _MODULES_AT = 40, 944
_COOKIE, _WORDS = b"xdebugpy", 12
_FREE_THREADED, _INTERPRETERS, _MODULES = 2, 5, 11
#: A module's dictionary in it.
_DICT_AT = 16
#: A dictionary's table, and where it has values apart; a table's size of indices, kind and number
#: of entries; where its indices begin.
_DICT, _KEYS, _KEYS_BYTES = struct.Struct("=32x2Q"), struct.Struct("=9x2B13xQ"), 32
_NAMES = 1  # the kind of a table whose keys are all strings
_MOST_ENTRIES = 1 << 16
#: A string of ASCII letters: its length, its state, and where they begin.
_TEXT, _TEXT_AT = struct.Struct("=16xQ8xI"), 40
_STATE, _ASCII = 0x7C, 0x64
#: An integer: sign and number of digits, and the first two of 30 bits.
_INTEGER = struct.Struct("=16xQ2I")
#: What runs a task's coroutine is in this library, or where that is part of the program, here.
_RUNS = re.compile(r"(?:task_step|task_wakeup|TaskStepMethWrapper)")


@dataclass(frozen=True)
class CurrentTasks:
    """The address of a process's dictionary, and of the types of dictionaries and of integers;
    where in a task its name is."""

    tasks: int
    dict_type: int
    int_type: int
    name_at: int


def current_tasks(pid: int) -> CurrentTasks | None:
    """Of a living process; None where it has not imported asyncio, is no Python of these versions,
    has more than one GIL or none, or cannot be read."""
    for area in read_areas(pid):
        match = _PYTHON.fullmatch(area.path)
        if match and area.offset == 0:
            with suppress(OSError, ValueError, OverflowError, struct.error):
                found = _found(pid, area, int(match[1]))
                if found:
                    return found
    return None


def _found(pid: int, area: Area, minor: int) -> CurrentTasks | None:
    symbols = symbols_of(area, pid)
    if symbols is None:
        return None
    own = [symbols.variable(name) for name in ("_PyRuntime", "PyDict_Type", "PyLong_Type")]
    if None in own:
        return None
    runtime, dict_type, int_type = (area.start - symbols.first + (at or 0) for at in own)
    memory = _Memory(pid)
    try:
        interpreters, modules = _INTERPRETERS_AT, _MODULES_AT
        if memory.read(runtime, len(_COOKIE)) == _COOKIE:
            words = struct.unpack(f"={_WORDS}Q", memory.read(runtime, 8 * _WORDS))
            interpreters, modules = words[_INTERPRETERS], words[_MODULES]
            if words[_FREE_THREADED]:
                return None
        elif minor > min(_NAME_AT):
            return None
        main = memory.word(runtime + interpreters + 8)  # behind the newest one
        module = memory.item(memory.word(main + modules), b"_asyncio")
        tasks = module and memory.item(memory.word(module + _DICT_AT), b"_current_tasks")
        return CurrentTasks(tasks, dict_type, int_type, _NAME_AT[minor]) if tasks else None
    finally:
        memory.close()


class _Memory:
    """The memory of a process. OSError or ValueError where it has none."""

    def __init__(self, pid: int) -> None:
        self._fd = os.open(f"/proc/{pid}/mem", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        os.close(self._fd)

    def read(self, at: int, size: int) -> bytes:
        found = os.pread(self._fd, size, at)
        if len(found) < size:
            raise ValueError
        return found

    def word(self, at: int) -> int:
        (found,) = struct.unpack("=Q", self.read(at, 8))
        return int(found)

    def item(self, dictionary: int, name: bytes) -> int:
        """The address of the value under a name; 0 where there is none."""
        keys, values = _DICT.unpack(self.read(dictionary, _DICT.size))
        log2_index_bytes, kind, count = _KEYS.unpack(self.read(keys, _KEYS_BYTES))
        if values or log2_index_bytes > 32 or count > _MOST_ENTRIES:
            raise ValueError
        words = 2 if kind == _NAMES else 3
        entries = self.read(keys + _KEYS_BYTES + (1 << log2_index_bytes), 8 * words * count)
        for entry in struct.iter_unpack(f"={words}Q", entries):
            key, value = entry[-2:]
            if key and value and self._is_text(key, name):
                return int(value)
        return 0

    def _is_text(self, at: int, text: bytes) -> bool:
        return _text(self.read(at, _TEXT_AT + len(text))) == text


def _text(data: bytes) -> bytes | None:
    """The letters of a string, as many as `data` has; None for anything else."""
    if len(data) < _TEXT_AT:
        return None
    length, state = _TEXT.unpack_from(data)
    letters = data[_TEXT_AT : _TEXT_AT + length]
    is_text = state & _STATE == _ASCII and length and letters.isascii()
    return letters if is_text and letters.decode(errors="replace").isprintable() else None


def task_named(name: bytes, *, is_int: bool) -> Task | None:
    """The task whose name is this copied object: a string of ASCII letters, or an integer, from
    which asyncio makes `Task-N` when it is asked; None for anything else."""
    if not is_int:
        text = (_text(name) or b"").decode(errors="replace")
        numbered = re.fullmatch(r"Task-(\d{1,12})", text)
        number = int(numbered[1]) if numbered else None
        return Task("asyncio", number, "" if numbered else text) if text else None
    tag, *digits = _INTEGER.unpack_from(name)
    if tag not in (1 << 3, 2 << 3):  # the sign, below the number of digits, is plus
        return None
    return Task("asyncio", sum(digit << 30 * at for at, digit in enumerate(digits[: tag >> 3])))


def may_run_a_task(frames: Sequence[Frame], *, whole: bool) -> bool:
    """Whether asyncio runs a task in this stack, or that may be in what is missing of it: another
    thread of the program polls too."""
    return not whole or any(
        frame.module.rpartition("/")[2].startswith("_asyncio.") or _RUNS.match(frame.function)
        for frame in frames
    )
