"""The table of calls: every number has a row, 32-bit calls have their own names."""

from __future__ import annotations

import json
import platform
import signal
import subprocess
from pathlib import Path

import pytest
from programs import assert_books_close, calls, start, traced

x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="its kernel takes no other calls")

#: A 64-bit program that makes some calls through the 32-bit gate, where 20 is getpid (in the
#: other table writev) and 162 nanosleep (sync).
GATE = r"""
#define _GNU_SOURCE
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
static long gate(long nr, long first)
{
	long result;
	__asm__ volatile("int $0x80"
		: "=a"(result)
		: "a"(nr), "b"(first), "c"(0L), "d"(0L), "S"(0L), "D"(0L)
		: "memory", "r8", "r9", "r10", "r11");
	return result;
}
int main(void)
{
	int *time = mmap(0, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long wrong = 0;
	time[1] = 5000000;
	for (int i = 0; i < 1000; i++) {
		wrong += syscall(SYS_getpid) != getpid();
		wrong += gate(20, 0) != getpid();
		wrong += gate(20, 0) != getpid();
	}
	for (int i = 0; i < 40; i++)
		wrong += gate(162, (long)time) != 0;
	return wrong != 0;
}
"""
#: A 32-bit program: 300 calls of getppid (64), then one of pause (29).
SMALL = r"""
static long gate(long nr)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(nr), "b"(0) : "memory");
	return result;
}
void _start(void)
{
	for (int i = 0; i < 300; i++)
		gate(64);
	gate(29);
}
"""
#: 7 calls of each number that no kernel has: more numbers than there are rows by CPU.
NUMBERS = r"""
#include <unistd.h>
int main(void)
{
	for (int round = 0; round < 7; round++)
		for (int number = 1000 - 600; number < 424; number++)
			syscall(number);
	for (int round = 0; round < 7; round++)
		for (int number = 480; number < 540; number++)
			syscall(number);
	return 0;
}
"""


def compiled(directory: Path, source: str, *options: str) -> str:
    program = directory / "program"
    subprocess.run(
        ["cc", "-x", "c", "-", "-O1", "-o", str(program), *options],
        input=source, text=True, check=True,
    )  # fmt: skip
    return str(program)


@x86
def test_32_bit_calls_of_a_64_bit_program_have_their_own_names(tmp_path: Path) -> None:
    document = traced(tmp_path, [compiled(tmp_path, GATE)])
    assert_books_close(document)
    found = calls(document)
    assert found["i386 getpid"] == 2000
    assert found["getpid"] == 4000
    assert found["i386 nanosleep"] == 40
    assert not {"writev", "sync"} & set(found)
    sleep = document["ledgers"]["wall"]["parts"]["sleep"]
    assert sleep >= 0.95 * 40 * 5_000_000  # from each switch to its wake-up
    assert document["headline"]["waiting"] > 0.8


@x86
def test_attach_to_a_32_bit_program_asleep_in_a_call(tmp_path: Path) -> None:
    program = compiled(tmp_path, SMALL, "-m32", "-nostdlib", "-static", "-fno-pie", "-no-pie")
    file = tmp_path / "report.json"
    with subprocess.Popen([program]) as target:
        try:
            running = start("attach", str(target.pid), "--duration", "0.3", "--json", str(file))
            running.communicate(timeout=30)
        finally:
            target.send_signal(signal.SIGKILL)
    document = json.loads(file.read_text())
    assert_books_close(document)
    threads = document["ledgers"]["threads"]
    # by the other table it would be shmget, a call of the class memory
    assert threads["parts"]["blocked:other"] == threads["total_ns"]


@x86
def test_more_calls_than_rows_by_cpu(tmp_path: Path) -> None:
    document = traced(tmp_path, [compiled(tmp_path, NUMBERS)])
    assert document["losses"]["total"] == 0
    found = {call["name"]: call for call in document["syscalls"]}
    own = [found[f"syscall_{number}"] for number in (*range(400, 424), *range(480, 511))]
    assert all(call["calls"] == call["errors"]["ENOSYS"] == 7 for call in own)
    assert all(call["total_ns"] > 0 for call in own)
    assert found["other numbers"]["calls"] == 7 * 29
    assert len(found) > 64
