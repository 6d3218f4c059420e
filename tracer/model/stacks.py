"""Stacks of user space: as they were copied, and as they are unwound and named. Plain records."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class StackSample:
    """What a thread of the process `tgid` had at a time (CLOCK_MONOTONIC ns).

    `ip`, `sp`, `bp` are the user registers: instruction, stack and frame pointer; `lr` is the link
    register, 0 on x86-64. `data` is a copy of the stack from `sp` upward, as long as it was taken.
    """

    tgid: int
    at_ns: int
    ip: int
    sp: int
    bp: int
    lr: int
    data: bytes | memoryview


@dataclass(frozen=True)
class Frame:
    """A function that was called, inlined ones too.

    `function` is empty where its name is unknown; names are the target's: not escaped. `module` is
    the name of the mapped file, `[vdso]`, `perf map` for code that was made at run time, or empty.
    `file` and `line` are where in the source it was; empty and None where that is unknown. `kind`
    is `native`, `python`, `java`, `go`, or `unknown` for a frame without a name. `offset` is the
    address in the file, as its symbol table has it; in memory without a file the address itself.
    """

    function: str
    module: str
    file: str
    line: int | None
    inlined: bool
    kind: str
    offset: int


@dataclass(frozen=True)
class Unwound:
    """The stacks of samples, in their order.

    A stack has indices of `frames`, from the innermost one; several where functions are inlined
    into each other. `whole` says whether it reaches the thread's first function; where it does
    not, `broke_in` is the module in which it ends, else empty. `missing` says why names or whole
    stacks are missing that should be here, and what to type; empty when none is known to be.
    """

    stacks: tuple[tuple[int, ...], ...]
    frames: tuple[Frame, ...]
    whole: tuple[bool, ...]
    broke_in: tuple[str, ...]
    missing: str = ""


@dataclass(frozen=True)
class NamedStack:
    """Frames from the innermost one on; `whole` and `broke_in` as in `Unwound`."""

    frames: tuple[Frame, ...]
    whole: bool = True
    broke_in: str = ""

    @cached_property
    def _hash(self) -> int:
        return hash((self.frames, self.whole, self.broke_in))

    def __hash__(self) -> int:  # asked for with each sample: of some dozen frames
        return self._hash


class StackTable:
    """Unwound stacks, each different one once, for as long as a sample has it."""

    def __init__(self) -> None:
        self._known: weakref.WeakKeyDictionary[NamedStack, weakref.ref[NamedStack]] = (
            weakref.WeakKeyDictionary()
        )
        #: Why names or stacks are missing that should be here; empty when none is known to be.
        self.missing = ""

    def __len__(self) -> int:
        return len(self._known)

    def one(self, stack: NamedStack) -> NamedStack:
        """The one that equals `stack`: that itself where there is none yet."""
        known = self._known.get(stack)
        found = known() if known else None
        if found is None:
            found = stack
            self._known[stack] = weakref.ref(stack)
        return found
