"""The `-D` settings of the C programs: shared indices, sizes, this kernel's offsets, hooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from tracer import probes
from tracer.errors import TracerError
from tracer.host.cpus import cpu_numbers
from tracer.host.files import text_of
from tracer.kernel.programs import HOOKS
from tracer.model import histogram, states, syscalls
from tracer.model.events import Outcome
from tracer.model.probe import KernelTypes
from tracer.model.threads import SLOT_BITS

#: Of an element of the array `call_info`: the class, whether the call can write a control message,
#: whether it returns when data is on the disk, and whether its first argument is a descriptor; the
#: bits above the lowest byte are of probe syscalls.
_CALL_CLASS, _CALL_SYNCS, _CALL_WRITES, _CALL_ON_DESCRIPTOR = 0x1F, 0x20, 0x40, 0x80
_WRITES = frozenset({"write", "writev", "sendto", "sendmsg"})
#: In x86's thread_info.status while a call is one of i386 (arch/x86/include/asm/thread_info.h).
_TS_COMPAT = 2
#: A slot is reused only after this many others were retired: more than CPUs can race for one.
FREE_RESERVE = 256
#: Futex words whose holders are known at a time, a power of two, and threads known of each.
_WORDS, _WORD_THREADS = 1 << 14, 12
#: Calls of sched_setaffinity that are kept, and two.
MAX_AFFINITIES = 1024
#: Rows of a table of threads: at most, and of one that is kept small at least.
MOST_ROWS, _FEWEST_ROWS = 1 << SLOT_BITS, 1 << 14
#: Sets of a CPU's statistics, a power of two: more CPUs than that share them.
_STAT_CPUS = 64
#: Programs outside the target that each CPU can tell apart.
CPU_OTHERS = 64
#: Kinds of sleep, by what was awaited, call and waker, that each CPU can tell apart.
CPU_OUTSIDE_WAITS = 128
#: --sample: a piece of time is so many ticks of the kernel, as a power of two (an eighth of a
#: second at 250 ticks a second), and is in one of so many groups.
_SAMPLE_SHIFT, SAMPLE_GROUPS = 5, 16
#: Calls that the state machine treats on their own.
_CALLS = (
    *("execve", "execveat", "sched_yield", "exit_group", "restart_syscall", "sched_setaffinity"),
)
#: The call in which the target's first thread waits for the gate.
GATE_CALL = "read"


@dataclass(frozen=True)
class Sizes:
    """How many CPUs, threads at a time, and thread numbers the arrays have room for."""

    cpus: int
    threads: int
    tids: int

    @classmethod
    def of_this_host(cls, threads: int = MOST_ROWS) -> Sizes:
        """Room for every CPU and thread number that this kernel can have, and so many threads at a
        time, a power of two."""
        cpus = max(cpu_numbers(text_of(Path("/sys/devices/system/cpu/possible")))) + 1
        tids = int(text_of(Path("/proc/sys/kernel/pid_max"))) + 1
        return cls(cpus, threads, tids)


def rows_for(threads: int) -> int:
    """Rows of a table for a target that has so many threads now and may get many more: the kernel
    takes memory for all of them, about 1 KiB each."""
    wanted = max(8 * threads + _FEWEST_ROWS // 2, _FEWEST_ROWS)
    return min(1 << (wanted - 1).bit_length(), MOST_ROWS)


def call_info(machine: str) -> NDArray[np.uint64]:
    """Class and properties of each system call by number, shape (MAX_CALLS,)."""
    info = np.array(syscalls.class_table(machine), dtype=np.uint64)
    number = syscalls.numbers(machine)
    properties = (
        (_WRITES, _CALL_WRITES),
        (syscalls.SYNCS, _CALL_SYNCS),
        (syscalls.ON_DESCRIPTOR, _CALL_ON_DESCRIPTOR),
    )
    for names, bit in properties:
        for name in names & number.keys():
            info[number[name]] |= bit
    return info


def macros(
    names: Sequence[str],
    light: bool,
    types: KernelTypes,
    machine: str,
    sizes: Sizes,
    followed: bool = False,
    one_in: int = 1,
) -> dict[str, object]:
    """Everything that the C needs, of these probes and of the state machine; `followed`: one
    window follows the other; `one_in`: of so many pieces of time calls are seen in one."""
    number = syscalls.numbers(machine)
    found: dict[str, object] = {
        **states.macros(),
        **{f"WAKEUP_{outcome.name}": int(outcome) for outcome in Outcome},
        "MAX_CPUS": sizes.cpus,
        "STAT_CPUS": min(sizes.cpus, _STAT_CPUS),
        "MAX_THREADS": sizes.threads,
        "CPUS_BEFORE": sizes.cpus if followed else 1,
        "THREADS_BEFORE": sizes.threads if followed else 1,
        "SLOT_BITS": SLOT_BITS,
        "MAX_TIDS": sizes.tids,
        "MAX_CALLS": syscalls.TABLE_LENGTH,
        "CALLS_OF_COMPAT": syscalls.COMPAT,
        "CALL_CLASS": _CALL_CLASS,
        "CALL_WRITES": _CALL_WRITES,
        "CALL_SYNCS": _CALL_SYNCS,
        "CALL_ON_DESCRIPTOR": _CALL_ON_DESCRIPTOR,
        "HIST_BUCKETS": histogram.BUCKETS,
        "HIST_OCTAVES": histogram.OCTAVES,
        "COMM_LENGTH": 16,
        "FREE_RESERVE": FREE_RESERVE,
        "MAX_WORDS": _WORDS,
        "WORD_THREADS": _WORD_THREADS,
        "CPU_OTHERS": CPU_OTHERS,
        "CPU_OUTSIDE_WAITS": CPU_OUTSIDE_WAITS,
        "SAMPLE_GROUPS": SAMPLE_GROUPS,
        "SAMPLE_ROWS": min(sizes.cpus, _STAT_CPUS) * SAMPLE_GROUPS if one_in > 1 else 1,
        **_numbers_of_machine(machine),
        "MAX_AFFINITIES": MAX_AFFINITIES,
        **hooks(names),
    }
    for name in names:
        found.update(probes.available()[name].macros(types))
    found.update(_call_numbers(names, number))
    if light:
        found["LIGHT"] = ""
    if followed:
        found["FOLLOWED"] = ""
    if one_in > 1:
        found |= {"SAMPLED": "", "SAMPLE_N": one_in, "SAMPLE_SHIFT": _SAMPLE_SHIFT}
    return found


def _numbers_of_machine(machine: str) -> dict[str, int]:
    """The calls that the state machine knows, and the same by 32-bit programs (NR_COMPAT_*): a
    number that no call has where the machine has no such programs."""
    number = syscalls.numbers(machine)
    other = syscalls.COMPAT_MACHINES.get(machine)
    compat = syscalls.numbers(other) if other else {}
    found = {}
    for name in _CALLS:
        found[f"NR_{name.upper()}"] = number[name]
        found[f"NR_COMPAT_{name.upper()}"] = syscalls.COMPAT + compat[name] if compat else 2**32 - 1
    return found


def offsets(types: KernelTypes, machine: str) -> dict[str, object]:
    """Where this kernel keeps what the programs read: members of structs, arguments of
    tracepoints and of system calls."""
    switch = list(types.tracepoint_args("sched_switch") or ())
    found: dict[str, object] = {
        "OFFSET_TASK_PID": types.offset_of("task_struct", "pid"),
        "OFFSET_TASK_TGID": types.offset_of("task_struct", "tgid"),
        "OFFSET_TASK_FLAGS": types.offset_of("task_struct", "flags"),
        "OFFSET_TASK_PRIO": types.offset_of("task_struct", "normal_prio"),
        "OFFSET_TASK_RUNTIME": types.offset_of("task_struct", "se.sum_exec_runtime"),
        "OFFSET_TASK_POLICY": types.offset_of("task_struct", "policy"),
        "OFFSET_TASK_STACK": types.offset_of("task_struct", "stack"),
        "OFFSET_TASK_SIGNAL": types.offset_of("task_struct", "signal"),
        "OFFSET_SIGNAL_FLAGS": types.offset_of("signal_struct", "flags"),
        # moved in Linux 5.16, commit bcf9033e5449 ("sched: move CPU field back into thread_info if
        # THREAD_INFO_IN_TASK=y"); where both exist, this one is in use
        "OFFSET_TASK_CPU": types.offset_of(
            "task_struct", "cpu" if types.has_member("task_struct", "cpu") else "thread_info.cpu"
        ),
        **_throttled(types),
        **_io_wait(types),
        **_registers(types, machine),
        **_compat(types, machine),
        "SWITCH_PREV": switch.index("prev") if "prev" in switch else 1,
    }
    if "prev_state" in switch:
        # Linux 5.18, commit fa2c3254d7cf ("sched/tracing: Don't re-read p->state when emitting
        # sched_switch event"): second there, last since commit 9c2136be0878 of the same version
        found["SWITCH_PREV_STATE"] = switch.index("prev_state")
    else:
        # renamed in Linux 5.14, commit 2f064a59a11f ("sched: Change task_struct::state")
        state = "__state" if types.has_member("task_struct", "__state") else "state"
        found["OFFSET_TASK_STATE"] = types.offset_of("task_struct", state)
    return found


def _throttled(types: KernelTypes) -> dict[str, int]:
    """What tells that a task's control group has used up its quota; nothing where none can."""
    if types.has_member("task_struct", "throttled"):
        # Linux 6.18, commit e1fad12dcb66 ("sched/fair: Switch to task based throttle model")
        return {"OFFSET_TASK_THROTTLED": types.offset_of("task_struct", "throttled")}
    if types.has_member("cfs_rq", "throttle_count"):
        return {
            "OFFSET_TASK_CFS_RQ": types.offset_of("task_struct", "se.cfs_rq"),
            "OFFSET_CFS_RQ_THROTTLES": types.offset_of("cfs_rq", "throttle_count"),
        }
    return {}


def _io_wait(types: KernelTypes) -> dict[str, int]:
    """Where a task says that it sleeps for a block device, and the bit there."""
    place = types.bit_of("task_struct", "in_iowait")
    if place is None:
        return {}
    return {"OFFSET_TASK_IOWAIT": place[0], "TASK_IOWAIT": place[1]}


def _registers(types: KernelTypes, machine: str) -> dict[str, int]:
    """Where a system call's arguments, its number and the stack pointer are in pt_regs."""
    names = ("FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH")
    if machine in ("x86_64", "amd64"):
        registers = ("di", "si", "dx", "r10", "r8", "r9")
        at = [types.offset_of("pt_regs", register) for register in registers]
        call = types.offset_of("pt_regs", "orig_ax")
    elif machine in ("aarch64", "arm64"):
        start = types.offset_of("pt_regs", "regs")
        at = [types.offset_of("pt_regs", "orig_x0"), *(start + 8 * i for i in range(1, 6))]
        call = types.offset_of("pt_regs", "syscallno")
    else:
        _unknown_machine(machine)
    found = {f"OFFSET_REGS_{name}": offset for name, offset in zip(names, at, strict=True)}
    return {
        **found,
        "OFFSET_REGS_CALL": call,
        "OFFSET_REGS_STACK": types.offset_of("pt_regs", "sp"),
    }


def _compat(types: KernelTypes, machine: str) -> dict[str, int]:
    """Where registers and task say that a call is one of a 32-bit program, and its bit there."""
    if machine not in syscalls.COMPAT_MACHINES:
        return {}
    return {
        "OFFSET_REGS_CX": types.offset_of("pt_regs", "cx"),
        "OFFSET_REGS_IP": types.offset_of("pt_regs", "ip"),
        "OFFSET_TASK_COMPAT": types.offset_of("task_struct", "thread_info.status"),
        "TASK_COMPAT": _TS_COMPAT,
    }


def _unknown_machine(machine: str) -> NoReturn:
    raise TracerError(
        f"tracer knows the system calls of x86_64 and aarch64, not of {machine}", exit_code=1
    )


def _call_numbers(names: Sequence[str], number: Mapping[str, int]) -> dict[str, int]:
    """The numbers of the system calls that the probes' C names.

    A call that this machine lacks gets a distinct number that no real call uses.
    """
    calls = dict.fromkeys(call for name in names for call in probes.available()[name].calls)
    return {
        f"NR_{call.upper()}": number.get(call, 2**32 - 1 - index)
        for index, call in enumerate(calls)
    }


def hooks(names: Sequence[str]) -> dict[str, str]:
    """A definition of each hook that one of these probes implements: it calls them in turn."""
    found = {}
    for hook in HOOKS:
        calls = [f"{n}_{hook}(__VA_ARGS__)" for n in names if hook in probes.available()[n].hooks]
        if calls:
            found[f"hook_{hook}(...)"] = f"({','.join(calls)})"
    return found
