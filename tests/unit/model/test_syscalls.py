"""The system call table against the system's headers and the running kernel."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.model import syscalls

MACHINES = ("x86_64", "aarch64")
X86_HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
I386_HEADER = X86_HEADER.with_name("unistd_32.h")
GENERIC_HEADER = Path("/usr/include/asm-generic/unistd.h")
I386 = syscalls.numbers("i386")
# Constants of the generic header that are no calls of 64-bit machines: two markers, and the
# calls (numbers 403 to 423) that exist for 32-bit machines only.
MARKERS = {"syscalls", "arch_specific_syscall"}
ONLY_32_BIT = range(403, 424)


def header_numbers(path: Path) -> dict[str, int]:
    """Numbers by name as a kernel header defines them, one level of indirection resolved."""
    text = path.read_text()
    base = {n: int(v) for n, v in re.findall(r"#define (__NR\w+)\s+(\d+)\s", text)}
    via = re.findall(r"#define (__NR_\w+)\s+(__NR3264_\w+)\s", text)
    base |= {name: base[target] for name, target in via if target in base}
    return {n.removeprefix("__NR_"): v for n, v in base.items() if n.startswith("__NR_")}


@pytest.mark.skipif(not X86_HEADER.exists(), reason="no x86_64 kernel headers")
def test_x86_64_agrees_with_the_header() -> None:
    expected = header_numbers(X86_HEADER)
    ours = syscalls.numbers("x86_64")
    assert len(expected) > 300
    assert expected == {name: ours.get(name) for name in expected}


@pytest.mark.skipif(not I386_HEADER.exists(), reason="no i386 kernel headers")
def test_i386_agrees_with_the_header() -> None:
    expected = header_numbers(I386_HEADER)
    ours = syscalls.numbers("i386")
    assert len(expected) > 400
    assert expected == {name: ours.get(name) for name in expected}


@pytest.mark.skipif(not GENERIC_HEADER.exists(), reason="no generic kernel headers")
def test_aarch64_agrees_with_the_generic_header() -> None:
    expected = header_numbers(GENERIC_HEADER)
    ours = syscalls.numbers("aarch64")
    assert len(expected) > 300
    for name, number in expected.items():
        if name in ours:
            assert ours[name] == number, name
        else:
            # Either not a call of this machine, or a 32-bit machine's name of one.
            shared = number in ours.values()
            assert name in MARKERS or number in ONLY_32_BIT or shared, name


@pytest.mark.skipif(platform.machine() not in MACHINES, reason="no table for this machine")
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("getpid", os.getpid),
        ("getppid", os.getppid),
        ("getuid", os.getuid),
        ("getpgid", os.getpgrp),
    ],
)
def test_numbers_mean_what_the_kernel_means(name: str, expected: Callable[[], int]) -> None:
    # The argument 0 means the caller to getpgid; the others take none.
    assert ctypes.CDLL(None).syscall(syscalls.numbers()[name], 0) == expected()


@pytest.mark.parametrize(
    ("machine", "nr", "name"),
    [
        ("x86_64", 0, "read"),
        ("x86_64", 202, "futex"),
        ("x86_64", 232, "epoll_wait"),
        ("aarch64", 63, "read"),
        ("aarch64", 98, "futex"),
        ("aarch64", 222, "mmap"),
        ("x86_64", 426, "io_uring_enter"),
        ("arm64", 426, "io_uring_enter"),
        ("x86_64", 400, "syscall_400"),
        ("x86_64", -1, "syscall_-1"),
        ("x86_64", 20, "writev"),
        ("x86_64", 512 + 20, "i386 getpid"),
        ("x86_64", 512 + 391, "i386 syscall_391"),
        ("aarch64", 512 + 20, "syscall_532"),
        ("x86_64", 511, "other numbers"),
        ("x86_64", 1023, "i386 other numbers"),
    ],
)
def test_name_of(machine: str, nr: int, name: str) -> None:
    assert syscalls.name_of(nr, machine) == name


@pytest.mark.parametrize("machine", MACHINES)
def test_names_and_numbers_are_inverse(machine: str) -> None:
    numbers = syscalls.numbers(machine)
    assert len(numbers) > 300
    assert all(syscalls.name_of(nr, machine) == name for name, nr in numbers.items())
    assert max(numbers.values()) < syscalls.COMPAT - 1


def test_unknown_machine_is_an_error() -> None:
    with pytest.raises(TracerError, match="vax"):
        syscalls.name_of(0, "vax")


def test_the_table_says_where_it_is_from() -> None:
    path = Path(syscalls.__file__).with_name("syscall_table.json")
    assert re.search(
        r"linux-raw-sys \d+\.\d+\.\d+ .*Linux \d+\.\d+", json.loads(path.read_text())["source"]
    )


@pytest.mark.parametrize(
    ("expected", "names"),
    [
        ("io", "read readv pread64 sendmsg recvmmsg sendfile splice accept4 connect fsync"),
        ("io", "copy_file_range io_getevents openat newfstatat getxattrat"),
        ("poll", "poll ppoll select pselect6 epoll_wait epoll_pwait2 epoll_ctl epoll_create1"),
        ("futex", "futex futex_waitv futex_wait futex_wake futex_requeue"),
        ("io_uring", "io_uring_setup io_uring_enter io_uring_register"),
        ("sleep", "nanosleep clock_nanosleep"),
        ("memory", "mmap munmap mprotect brk madvise mremap mlock mlockall munlock"),
        ("process", "clone clone3 fork execve wait4 waitid exit exit_group kill tgkill"),
        ("process", "set_tid_address sched_yield sched_setaffinity"),
        ("io", "_llseek stat64 fstatat64 sendfile64 recvmmsg_time64 chown32 mq_timedsend_time64"),
        ("poll", "_newselect pselect6_time64"),
        ("futex", "futex_time64"),
        ("sleep", "clock_nanosleep_time64"),
        ("other", "pause rt_sigtimedwait rt_sigsuspend ioctl restart_syscall syscall_400"),
    ],
)
def test_class_of(expected: str, names: str) -> None:
    assert {name: syscalls.class_of(name) for name in names.split()} == dict.fromkeys(
        names.split(), expected
    )


def test_no_name_is_in_two_classes_and_no_word_is_idle() -> None:
    known = set().union(*(syscalls.numbers(machine) for machine in (*MACHINES, "i386")))
    words = [(word, kind) for kind, text in syscalls._WORDS.items() for word in text.split()]
    assert {kind for _, kind in words} == set(syscalls.CLASSES) - {"other"}
    matches: dict[str, list[str]] = {name: [] for name in known}
    for word, kind in words:
        hits = [n for n in known if n == word or (word[-1] == "*" and n.startswith(word[:-1]))]
        assert hits, f"{word} matches no system call"
        for name in hits:
            matches[name].append(kind)
    for name, kinds in matches.items():
        assert kinds in ([], [syscalls.class_of(name)]), name


@pytest.mark.parametrize("machine", MACHINES)
def test_class_table(machine: str) -> None:
    table = syscalls.class_table(machine)
    assert len(table) == 1024
    other = syscalls.CLASSES.index("other")
    numbers = syscalls.numbers(machine)
    by_number = {nr: syscalls.CLASSES.index(syscalls.class_of(n)) for n, nr in numbers.items()}
    assert table[:512] == [by_number.get(nr, other) for nr in range(512)]
    compat = table[512:]
    if machine == "x86_64":
        by_number = {nr: syscalls.class_of(f"i386 {n}") for n, nr in I386.items()}
        assert [syscalls.CLASSES[index] for index in compat] == [
            by_number.get(nr, "other") for nr in range(512)
        ]
        assert by_number[20] == "process" and by_number[162] == "sleep"
    else:
        assert set(compat) == {other}
    assert syscalls.CLASSES == (
        "io", "poll", "futex", "io_uring", "sleep", "memory", "process", "other",
    )  # fmt: skip
