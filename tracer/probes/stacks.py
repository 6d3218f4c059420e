"""Probe stacks: samples of the critical path with the user stacks of its threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tracer.host.cpus import cpu_numbers
from tracer.host.files import text_of
from tracer.model.path_nodes import NO_CALL, WHOSE
from tracer.model.probe import Arrays, Context, KernelTypes, Probe
from tracer.model.profile import TAKEN
from tracer.model.states import indices
from tracer.model.stretches import FEWEST_POLLS

#: Bytes of a program's thread-local variables, and of a goroutine's record (runtime.g), that are
#: copied with a stack.
LOCAL_BYTES, GOROUTINE_BYTES = 1024, 320
#: Of the name of an asyncio task, an object of Python; where that is at the end of a page, the int
#: or the few letters that it must be.
TASK_BYTES, _FEW_TASK_BYTES = 96, 32
#: Processes whose event loop can be known at a time, by the remainder of their number.
EVENT_LOOPS = 256
#: Nodes in the ring that user space empties.
_NODES = 1 << 16
#: Stacks in the rings of all CPUs together, and of each CPU at most and at least.
_STACKS, _MOST, _FEWEST = 1 << 12, 2048, 64


def _macros(types: KernelTypes) -> dict[str, object]:
    cpus = max(cpu_numbers(text_of(Path("/sys/devices/system/cpu/possible")))) + 1
    each = max(_FEWEST, min(1 << (_STACKS // cpus).bit_length() - 1, _MOST))
    return {
        "PATH_NODES": _NODES,
        "PAGE_BYTES": 4096,
        "STACKS_OF_CPU": each,
        "STACKS_OF_ALL_CPUS": each * cpus,
        "NO_CALL": NO_CALL,
        **indices("TAKEN_", TAKEN),
        **indices("OF_", WHOSE),
        "FEWEST_POLLS": FEWEST_POLLS,
        "LOCAL_BYTES": LOCAL_BYTES,
        "FEW_LOCAL_BYTES": LOCAL_BYTES // 4,
        "GOROUTINE_BYTES": GOROUTINE_BYTES,
        "TASK_BYTES": TASK_BYTES,
        "FEW_TASK_BYTES": _FEW_TASK_BYTES,
        "EVENT_LOOPS": EVENT_LOOPS,
        **_registers(types),
        **_thread_pointer(types),
        **({"COMES_IN": ""} if _tells_who_comes_in(types) else {}),
    }


def _thread_pointer(types: KernelTypes) -> dict[str, int]:
    """Where a task has its thread pointer; only of x86-64, where it is kept up to date."""
    if not types.has_member("task_struct", "thread.fsbase"):
        return {}
    return {"OFFSET_TASK_THREAD_POINTER": types.offset_of("task_struct", "thread.fsbase")}


def _registers(types: KernelTypes) -> dict[str, int]:
    """Where pt_regs has what an unwinder begins with."""
    if types.has_member("pt_regs", "bp"):
        names = {"IP_USER": "ip", "SP": "sp", "BP": "bp"}
        return {f"OFFSET_REGS_{key}": types.offset_of("pt_regs", at) for key, at in names.items()}
    first = types.offset_of("pt_regs", "regs")
    return {
        "OFFSET_REGS_IP_USER": types.offset_of("pt_regs", "pc"),
        "OFFSET_REGS_SP": types.offset_of("pt_regs", "sp"),
        "OFFSET_REGS_BP": first + 8 * 29,
        "OFFSET_REGS_LR": first + 8 * 30,
    }


def _tells_who_comes_in(types: KernelTypes) -> bool:
    """Before Linux 6.15 nothing tells when a thread has come in: stacks are taken later."""
    return types.tracepoint_args("sched_exit_tp") is not None


def _unneeded(types: KernelTypes) -> tuple[str, ...]:
    return () if _tells_who_comes_in(types) else ("sched_exit_tp",)


def _mapped(arrays: Arrays) -> set[int]:
    threads = arrays["threads"]
    return {int(pid) for pid in np.unique(threads["tgid"][threads["tid"] != 0])}


def _read(_arrays: Arrays, _context: Context) -> None:
    """Nothing: what it samples becomes the recording's profile (capture/places.py)."""


PROBE = Probe(
    summary="where on the critical path: functions, lines, and who handed over to whom",
    hooks=(
        *("path_begins", "path_grew", "path_slept", "path_filled", "path_given", "path_taken"),
        *("created", "slept"),
        *("call_entered", "call_ended", "switched_in"),
    ),
    arrays=("sampling", "path_nodes", "stack_rings", "user_stacks", "event_loops"),
    tracepoints=("sched_exit_tp",),
    unneeded=_unneeded,
    macros=_macros,
    mapped=_mapped,
    clock="clock_stacks",
    states={"sampling": (), "stack_rings": ()},
    read=_read,
    calls=("epoll_ctl", "epoll_create1"),
    needs_calls=True,
)
