"""What the parts of a workload need of the resources that the system limits.

The memory is what `tracer memory` measured on Linux 6.18, x86_64: user and kernel together.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

#: glibc has up to eight malloc arenas for each CPU; all but the first map 64 MiB in two areas.
_ARENAS = 8 * (os.cpu_count() or 1) - 1
_KIB, _MIB = 1 << 10, 1 << 20
_AT_MINSIGSTKSZ = 51  # linux/auxvec.h


def signal_stack_bytes(auxv: Path = Path("/proc/self/auxv")) -> int:
    """The signal stack that Rust's standard library maps for each thread: 8 KiB, or what this
    processor's registers need (12 KiB with AMX), in whole pages. `auxv` is the auxiliary vector:
    pairs of 64-bit numbers, key and value."""
    try:
        values: dict[int, int] = dict(struct.iter_unpack("=QQ", auxv.read_bytes()))
        least = values.get(_AT_MINSIGSTKSZ, 0)
    except (OSError, struct.error):
        least = 0
    page = os.sysconf("SC_PAGE_SIZE")
    return -(-max(8 * _KIB, least) // page) * page


@dataclass(frozen=True)
class Needs:
    """What a workload needs of each limited resource: (per task, fixed).

    `areas` are mappings of memory (a thread has four: its stack and its signal stack, each with
    a guard); `watches` are descriptors that epoll watches; `memory_bytes` includes the kernel's
    share; `virtual_bytes` is what one process maps, touched or not, and `committed_bytes` what
    of it counts against CommitLimit (with vm.overcommit_memory=2).
    """

    descriptors: tuple[int, int] = (0, 0)
    threads: tuple[int, int] = (0, 0)
    areas: tuple[int, int] = (0, 0)
    watches: tuple[int, int] = (0, 0)
    memory_bytes: tuple[int, int] = (0, 0)
    virtual_bytes: tuple[int, int] = (0, 0)
    committed_bytes: tuple[int, int] = (0, 0)

    def __add__(self, other: Needs) -> Needs:
        sums = {}
        for name, (per_task, fixed) in vars(self).items():
            more_per_task, more_fixed = getattr(other, name)
            sums[name] = per_task + more_per_task, fixed + more_fixed
        return Needs(**sums)


#: A Rust program with one thread: standard streams, control socket, libraries.
PROGRAM = Needs(
    descriptors=(0, 4),
    threads=(0, 1),
    areas=(0, 40),
    memory_bytes=(0, _MIB),
    virtual_bytes=(0, 8 * _MIB),
)
#: Joints of a row, one more than tasks: two descriptors each.
JOINTS = {
    "socketpair": Needs(descriptors=(2, 2), memory_bytes=(4840, 0)),
    "pipe": Needs(descriptors=(2, 2), memory_bytes=(6600, 0)),
}
#: A kernel thread with a stack of 1 MiB; the fixed part is malloc's arenas.
THREADS = Needs(
    threads=(1, 0),
    areas=(4, 2 * _ARENAS),
    memory_bytes=(35370, 0),
    virtual_bytes=(_MIB + 9 * _KIB + signal_stack_bytes(), 64 * _MIB * _ARENAS),
    committed_bytes=(_MIB + 4 * _KIB + signal_stack_bytes(), 0),
)
#: A channel in memory between two threads.
CHANNELS = Needs(memory_bytes=(960, 0), virtual_bytes=(700, 0))
#: A forked process.
PROCESSES = Needs(threads=(1, 0), memory_bytes=(144 * _KIB, 0))
#: Both ends of a task's joint, watched by epoll. The fixed part is the inaccuracy of the kernel's
#: counter, which batches by CPU (percpu_counter, fs/eventpoll.c).
WATCHED = Needs(watches=(2, 43), memory_bytes=(540, 0), virtual_bytes=(50, 0))
#: A ring of io_uring for each thread.
RINGS = Needs(descriptors=(1, 1), areas=(2, 2), memory_bytes=(22000, 0), virtual_bytes=(8450, 0))
#: A task of tokio in memory, with its channel.
TASKS = Needs(memory_bytes=(1425, 0), virtual_bytes=(1425, 0))


def workers(count: int) -> Needs:
    """The worker threads of tokio's runtime and its epoll instance."""
    return Needs(
        descriptors=(0, 6), threads=(0, count), areas=(0, 6 * count),
        virtual_bytes=(0, 66 * _MIB * count),
    )  # fmt: skip
