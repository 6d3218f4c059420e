"""Runs `tracer-replay`, the Rust program that replays the events of a recording.

workloads/native/replay/src/wire.rs describes the request and the answer.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tracer.errors import TracerError
from tracer.host.installation import installation
from tracer.model.events import EVENT_DTYPE, Kind
from tracer.model.states import (
    AWAITED,
    BEHIND,
    OWN_PARTS,
    PATH_PARTS,
    SOURCES,
    WAITS,
    RunState,
)
from tracer.model.syscalls import COMPAT, COMPAT_MACHINES, MACHINE, class_table, numbers
from workloads import NATIVE

PROGRAM = NATIVE / "tracer-replay"

_MAGIC = b"TRREPL01"
_SEGMENTS = 1
_NO_CALL = (1 << 64) - 1
_ANSWER_HEAD = struct.Struct("<8sQ")
_ANSWER_ARRAY = struct.Struct("<16s3Q")
_KNOWN_DTYPE = np.dtype([("slot", "<u4"), ("tid", "<u4"), ("tgid", "<u4"), ("pad", "<u4")])
#: Events that are written at a time.
_BLOCK = 1 << 18


@dataclass(frozen=True)
class Request:
    """What is replayed.

    `rows`: EVENT_DTYPE, in order of time; `end_slot`: the thread that closed the window, 0: not
    known; `known`: (slot, tid, tgid) of threads that were there before the first event.
    """

    rows: NDArray[np.void]
    start_ns: int
    end_ns: int
    end_slot: int
    known: Iterable[tuple[int, int, int]] = field(default=())
    machine: str = MACHINE
    segments: bool = True


def replayed(request: Request) -> Mapping[str, NDArray[np.uint8]]:
    """The arrays of the answer by name, as bytes of shape (rows, bytes of a row).

    TracerError where the program is not there, fails, or refuses the events.
    """
    if not os.access(PROGRAM, os.X_OK):
        raise TracerError(
            "the program that replays recordings is not built",
            f"build it with: {installation().to_build()}",
        )
    output = os.memfd_create("replay", os.MFD_CLOEXEC)
    try:
        _run(request, output)
        size = os.fstat(output).st_size
        return _arrays(mmap.mmap(output, size, prot=mmap.PROT_READ) if size else b"")
    finally:
        os.close(output)


def _run(request: Request, output: int) -> None:
    with subprocess.Popen(
        [PROGRAM], stdin=subprocess.PIPE, stdout=output, stderr=subprocess.PIPE, cwd="/", env={}
    ) as process:
        assert process.stdin and process.stderr
        with contextlib.suppress(BrokenPipeError), process.stdin as to:  # it says why on stderr
            to.write(_head(request))
            rows = np.ascontiguousarray(request.rows.astype(EVENT_DTYPE, copy=False))
            for first in range(0, len(rows), _BLOCK):
                to.write(rows[first : first + _BLOCK].view(np.uint8).data)
        said = process.stderr.read(4000).decode(errors="replace").strip()
    if process.returncode:
        why = said or f"it ended with status {process.returncode}"
        raise TracerError(f"the events cannot be replayed: {why}")


def _head(request: Request) -> bytes:
    names = _names().encode()
    known = np.array([(*row, 0) for row in request.known], _KNOWN_DTYPE)
    words = [
        *(request.start_ns, request.end_ns, request.end_slot, _SEGMENTS * request.segments),
        *(*_restarts(request.machine), _NO_CALL, _NO_CALL)[:2],
        *(len(names), len(known), len(request.rows)),
    ]
    head = _MAGIC + struct.pack("<9Q", *words) + names + b"\0" * (-len(names) % 8)
    return head + bytes(class_table(request.machine)) + known.tobytes()


def _restarts(machine: str) -> list[int]:
    """Numbers of restart_syscall."""
    other = COMPAT_MACHINES.get(machine)
    found = [numbers(machine)["restart_syscall"]]
    return found + ([COMPAT + numbers(other)["restart_syscall"]] if other else [])


def _names() -> str:
    """What the program must know under the same numbers: see its parts.rs."""
    lists = {
        "parts": OWN_PARTS,
        "path": [str(len(PATH_PARTS))],
        "sources": SOURCES,
        "waits": WAITS,
        "behind": BEHIND,
        "awaited": AWAITED,
        "states": [state.name for state in RunState],
        "kinds": [kind.name for kind in Kind],
    }
    return " ".join(f"{name}:{' '.join(values)}" for name, values in lists.items())


def _arrays(answer: mmap.mmap | bytes) -> dict[str, NDArray[np.uint8]]:
    try:
        magic, count = _ANSWER_HEAD.unpack_from(answer, 0)
        found = {}
        for number in range(count if magic == _MAGIC else 0):
            at = _ANSWER_HEAD.size + number * _ANSWER_ARRAY.size
            name, offset, rows, size = _ANSWER_ARRAY.unpack_from(answer, at)
            data = np.frombuffer(answer, np.uint8, rows * size, offset)
            found[name.rstrip(b"\0").decode()] = data.reshape(rows, size)
        return found
    except (struct.error, ValueError) as error:
        raise TracerError(
            f"the answer of {PROGRAM.name} cannot be read: {error}",
            f"build it anew: {installation().to_build(anew=True)}",
        ) from None
