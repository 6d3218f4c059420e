"""Which task of a runtime a thread was running, from what was copied of its memory."""

from __future__ import annotations

import struct
from functools import lru_cache

from tracer.host.asyncio_tasks import task_named
from tracer.host.mappings import is_go
from tracer.host.symbols import Symbols, symbols_of
from tracer.model.mappings import AddressSpaces
from tracer.model.path_nodes import Locals
from tracer.model.profile import Task
from tracer.model.stacks import StackSample

#: Of tokio's thread-local record: the word with the number of the task that is being polled
#: (tokio/src/runtime/context.rs, `current_task_id`); seen in tokio 1.4x as rustc 1.95 lays it out.
_TOKIO_WORD = 6 * 8
#: Of runtime.g: `goid`, seen in Go 1.26.
_GOID_AT = 152
#: Numbers of tasks are counted up from 1: what is larger is something else.
_MOST = 1 << 40


def task_of(
    spaces: AddressSpaces, sample: StackSample, found: Locals, *, is_asyncio: bool
) -> Task | None:
    """The task that a thread ran at that time; None where it ran none, or where that cannot be
    seen: another runtime, a program without symbols, another machine.

    `is_asyncio`: a task of asyncio may be in that stack.
    """
    tgid = sample.tgid
    if found.asyncio:
        return task_named(found.asyncio, is_int=found.is_int) if is_asyncio else None
    space = spaces.of(tgid, sample.at_ns)
    program = space.program if space else None
    if program is None:
        return None
    if found.goroutine and is_go(program, tgid):
        return _task("go", found.goroutine, _GOID_AT)
    symbols = symbols_of(program, tgid)
    offset = _tokio_context(symbols) if symbols else None
    if offset is None:
        return None
    return _task("tokio", found.local, len(found.local) + offset + _TOKIO_WORD)


@lru_cache(maxsize=256)  # it looks through all symbols, and is asked for with each stack
def _tokio_context(symbols: Symbols) -> int | None:
    return symbols.thread_local("tokio", "7context7CONTEXT")


def _task(runtime: str, data: bytes, at: int) -> Task | None:
    if not 0 <= at <= len(data) - 8:
        return None
    (number,) = struct.unpack_from("=Q", data, at)
    return Task(runtime, number) if 0 < number < _MOST else None
