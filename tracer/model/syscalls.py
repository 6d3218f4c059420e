"""Names and classes of system calls by number, for x86_64 and aarch64.

A kernel of x86_64 takes the calls of i386 too, by their own numbers, from 32-bit programs and from
`int $0x80` in any. Here and in the kernel such a call has its i386 number + `COMPAT`, and a
name that says so: `i386 getpid`.

The numbers are in `syscall_table.json`, which `scripts/update_syscall_table.py`
generates; its key "source" names the origin. The classes are this project's own and say
which kind of work or waiting a call is.
"""

from __future__ import annotations

import json
import platform
from functools import lru_cache
from pathlib import Path

from tracer.errors import TracerError

CLASSES = ("io", "poll", "futex", "io_uring", "sleep", "memory", "process", "other")
#: Calls of the machine's own are below, those of its 32-bit programs from here on.
COMPAT = 512
#: Calls that return when something is on the disk.
SYNCS = frozenset({"fsync", "fdatasync", "sync", "syncfs", "sync_file_range", "msync"})
TABLE_LENGTH = 2 * COMPAT  # of class_table()
#: Name of the last number of either: it stands for all numbers beyond.
_BEYOND = "other numbers"
#: A machine and the one whose calls its kernel takes as well.
COMPAT_MACHINES = {"x86_64": "i386"}
MACHINE = platform.machine()

_ALIASES = {"amd64": "x86_64", "arm64": "aarch64"}
_TABLE = Path(__file__).with_name("syscall_table.json")

# The class of each name; a word ending in "*" stands for every name that starts so. A name
# matched by no word is "other": among those are calls that wait for something no class
# covers (pause, rt_sigsuspend, rt_sigtimedwait, flock, semop), those whose work depends on
# the device or command (ioctl, fcntl), and restart_syscall, which continues any call.
_WORDS = {
    # Moving data to or from files, sockets, pipes and queues, waiting for it to reach the
    # disk, and what has to read or write a file system's own data.
    "io": """
        read readv pread64 preadv preadv2 write writev pwrite64 pwritev pwritev2
        sendto sendmsg sendmmsg recvfrom recvmsg recvmmsg sendfile splice tee vmsplice
        copy_file_range accept accept4 connect shutdown
        fsync fdatasync sync syncfs sync_file_range msync readahead fadvise64 fallocate
        io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents
        mq_timedsend mq_timedreceive msgsnd msgrcv
        open openat openat2 open_by_handle_at creat close close_range lseek truncate ftruncate
        stat lstat fstat newfstatat statx statfs fstatfs access faccessat faccessat2
        getdents getdents64 readlink readlinkat mkdir mkdirat mknod mknodat rmdir
        link linkat symlink symlinkat unlink unlinkat rename renameat renameat2
        chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat
        utime utimes futimesat utimensat file_getattr file_setattr
        _llseek readdir oldstat oldfstat oldlstat fstatat64 fadvise64_64 socketcall
        getxattr* lgetxattr fgetxattr setxattr* lsetxattr fsetxattr
        listxattr* llistxattr flistxattr removexattr* lremovexattr fremovexattr
    """,
    "poll": "epoll_* poll ppoll select pselect6 _newselect",
    "futex": "futex futex_*",
    "io_uring": "io_uring_*",
    "sleep": "nanosleep clock_nanosleep",
    "memory": """
        mmap mmap2 munmap mprotect mremap brk madvise process_madvise process_mrelease mseal
        mlock mlock2 mlockall munlock munlockall mincore remap_file_pages pkey_*
        mbind get_mempolicy set_mempolicy set_mempolicy_home_node migrate_pages move_pages
        memfd_create memfd_secret shmget shmat shmdt shmctl userfaultfd map_shadow_stack
        process_vm_readv process_vm_writev
    """,
    "process": """
        clone clone3 fork vfork execve execveat exit exit_group wait4 waitid waitpid
        kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_* ptrace kcmp
        set_tid_address set_robust_list get_robust_list rseq prctl arch_prctl personality
        getpid gettid getppid getpgid getpgrp setpgid getsid setsid unshare setns
        sched_* getpriority setpriority nice ioprio_get ioprio_set
        getrlimit ugetrlimit setrlimit prlimit64 getrusage
    """,
}
#: Calls whose result is a number of bytes.
MOVES_BYTES = frozenset(
    (
        *("read", "readv", "pread64", "preadv", "preadv2", "recvfrom", "recvmsg"),
        *("write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg"),
        *("sendfile", "splice", "tee", "vmsplice", "copy_file_range"),
    )
)
#: Calls whose result is a number of ready file descriptors.
GIVES_EVENTS = frozenset(
    (
        *("epoll_wait", "epoll_pwait", "epoll_pwait2"),
        *("poll", "ppoll", "select", "pselect6"),
    )
)
#: Calls whose first argument is the descriptor of the one file that they are about.
ON_DESCRIPTOR = MOVES_BYTES | {
    *("sendmmsg", "recvmmsg", "accept", "accept4", "connect", "shutdown", "close"),
    *("getdents", "getdents64", "fsync", "fdatasync", "syncfs", "sync_file_range"),
    *("readahead", "fadvise64", "fallocate", "ftruncate", "flock", "ioctl", "fcntl"),
    *("epoll_wait", "epoll_pwait", "epoll_pwait2", "io_uring_enter"),
    *("mq_timedsend", "mq_timedreceive"),
}
_EXACT = {word: name for name, words in _WORDS.items() for word in words.split()}
#: i386 has some calls once more, for wider numbers.
_WIDER = ("_time64", "64", "32")
_PREFIXES = {word[:-1]: name for word, name in _EXACT.items() if word.endswith("*")}


@lru_cache(maxsize=1)
def _names() -> dict[str, dict[int, str]]:
    """Names by number by machine."""
    table = json.loads(_TABLE.read_text())
    return {
        machine: {int(number): name for number, name in calls.items()}
        for machine, calls in table.items()
        if machine != "source"
    }


def _of_machine(machine: str) -> dict[int, str]:
    machine = _ALIASES.get(machine, machine)
    try:
        return _names()[machine]
    except KeyError:
        known = ", ".join(_names())
        raise TracerError(
            f"no table of the system calls of {machine}", f"known are {known}"
        ) from None


def name_of(nr: int, machine: str = MACHINE) -> str:
    """Name of the system call `nr`, `syscall_<nr>` if it has none.

    `machine` is as in `uname -m`; TracerError if there is no table for it. This holds
    for all functions of the module.
    """
    own = _of_machine(machine)
    if nr == COMPAT - 1:
        return _BEYOND
    other = COMPAT_MACHINES.get(_ALIASES.get(machine, machine))
    if nr < COMPAT or other is None:
        return own.get(nr, f"syscall_{nr}")
    nr -= COMPAT
    name = _BEYOND if nr == COMPAT - 1 else _of_machine(other).get(nr, f"syscall_{nr}")
    return f"{other} {name}"


def numbers(machine: str = MACHINE) -> dict[str, int]:
    """Numbers of all system calls by name."""
    return {name: number for number, name in _of_machine(machine).items()}


def class_of(name: str) -> str:
    """The one of `CLASSES` that the system call `name` belongs to."""
    name = name.rpartition(" ")[2]  # without the other machine's
    if (exact := _EXACT.get(name)) is not None:
        return exact
    for suffix in _WIDER:
        if (exact := _EXACT.get(name.removesuffix(suffix))) is not None:
            return exact
    return next((kind for start, kind in _PREFIXES.items() if name.startswith(start)), "other")


def class_table(machine: str = MACHINE) -> list[int]:
    """Index into `CLASSES` by number, `TABLE_LENGTH` entries; unknown is "other".

    The last one of the machine's own calls and of the others stands for all higher numbers.
    """
    return [CLASSES.index(class_of(name_of(number, machine))) for number in range(TABLE_LENGTH)]
