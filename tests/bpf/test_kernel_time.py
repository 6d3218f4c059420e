"""Kernel time outside calls, and the CPUs that threads allowed themselves: programs that know."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from programs import ROOT, TRACER, near, traced

#: Fresh memory every frame: each page is faulted in and zeroed by the kernel.
FRAMES = r"""
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
int main(int argc, char **argv)
{
    enum { SIZE = 32 << 20 };
    int frames = atoi(argv[1]), fresh = argv[2][0] == 'f';
    char *kept = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct rusage used;
    madvise(kept, SIZE, MADV_NOHUGEPAGE);
    for (int frame = 0; frame < frames; frame++) {
        char *memory = kept;
        if (fresh) {
            memory = mmap(0, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            madvise(memory, SIZE, MADV_NOHUGEPAGE);
        }
        for (volatile char *at = memory; at < memory + SIZE; at += 4096)
            *at = 1;
        if (fresh)
            munmap(memory, SIZE);
        else
            for (volatile int n = 0; n < 20000000; n++)
                ;
    }
    getrusage(RUSAGE_SELF, &used);
    printf("user %ld us\n", used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec);
}
"""
PAGES = (32 << 20) // 4096
#: Calls that do nothing, of the 32-bit table: next to all of their time is entry and exit.
INT80 = r"""
#include <stdio.h>
#include <sys/resource.h>
int main(void)
{
    struct rusage used;
    for (int n = 0; n < 200000; n++) {
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
    }
    getrusage(RUSAGE_SELF, &used);
    printf("user %ld us\n", used.ru_utime.tv_sec * 1000000 + used.ru_utime.tv_usec);
}
"""
NARROWING = r"""
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>
static int cpu;
static void only(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set))
        exit(1);
}
static void *work(void *narrow)
{
    if (narrow)
        only();
    usleep(100000);
    return 0;
}
int main(int argc, char **argv)
{
    pthread_t threads[3];
    cpu = atoi(argv[1]);
    usleep(50000);
    if (argv[2][0] == 'm')
        only();
    for (long n = 0; n < 3; n++)
        pthread_create(&threads[n], 0, work, (void *)(argv[2][0] == 'w' ? n : 0));
    for (int n = 0; n < 3; n++)
        pthread_join(threads[n], 0);
    return 0;
}
"""


def compiled(directory: Path, source: str) -> str:
    program = str(directory / "program")
    words = ["cc", "-O1", "-pthread", "-x", "c", "-", "-o", program]
    subprocess.run(words, input=source, text=True, check=True)
    return program


def run(directory: Path, *command: str) -> tuple[Any, int]:
    """The report of the program, and the user time that it says it used, ns."""
    file = directory / "report.json"
    words = [*TRACER, "run", "--json", str(file), "--", *command]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    said = re.search(r"user (\d+) us", done.stdout)
    assert said, done.stdout
    return json.loads(file.read_text()), int(said[1]) * 1000


def check_split(document: Any, user_ns: int) -> None:
    """Own code without the kernel's part is the program's user time."""
    kernel = document["kernel_time"]
    own_ns = document["ledgers"]["threads"]["parts"]["user"]
    slack = kernel["error_ns"] + document["host"]["steal_ns"]
    assert near(own_ns - kernel["outside_calls_ns"], user_ns, slack), kernel


def test_page_faults_are_the_kernels(tmp_path):
    document, user_ns = run(tmp_path, compiled(tmp_path, FRAMES), "60", "fresh")
    kernel = document["kernel_time"]
    check_split(document, user_ns)
    assert near(kernel["minor_faults"], 60 * PAGES, 500)
    own_ns = document["ledgers"]["threads"]["parts"]["user"]
    assert kernel["outside_calls_ns"] > 0.6 * own_ns
    assert kernel["error_ns"] < 0.2 * own_ns
    path_ns = document["ledgers"]["wall"]["parts"]["user"]
    assert near(kernel["on_path_ns"] / path_ns, kernel["outside_calls_ns"] / own_ns)


def test_a_program_that_computes_has_next_to_none(tmp_path):
    document, user_ns = run(tmp_path, compiled(tmp_path, FRAMES), "60", "kept")
    check_split(document, user_ns)
    own_ns = document["ledgers"]["threads"]["parts"]["user"]
    assert document["kernel_time"]["outside_calls_ns"] < 0.1 * own_ns


@pytest.mark.skipif(platform.machine() != "x86_64", reason="int 0x80 is of x86 alone")
def test_entry_and_exit_of_calls_are_the_kernels(tmp_path):
    document, user_ns = run(tmp_path, compiled(tmp_path, INT80))
    check_split(document, user_ns)
    own_ns = document["ledgers"]["threads"]["parts"]["user"]
    assert document["kernel_time"]["outside_calls_ns"] > 0.8 * own_ns


def test_attach_reads_it_at_both_ends(tmp_path):
    target = subprocess.Popen(
        [compiled(tmp_path, FRAMES), "100000", "fresh"], stdout=subprocess.DEVNULL
    )
    file = tmp_path / "report.json"
    words = [*TRACER, "attach", str(target.pid), "--duration", "1.5", "--json", str(file)]
    try:
        subprocess.run(words, cwd=ROOT, capture_output=True, check=False)
    finally:
        target.kill()
        target.wait()
    document = json.loads(file.read_text())
    kernel = document["kernel_time"]
    frames = next(c["calls"] for c in document["syscalls"] if c["name"] == "munmap")
    assert near(kernel["minor_faults"], frames * PAGES, PAGES)
    named_ns = document["ledgers"]["threads"]["parts"]["user"]
    assert kernel["outside_calls_ns"] > 0.6 * named_ns


def test_a_short_program_is_unknown(tmp_path):
    kernel = traced(tmp_path, ["true"])["kernel_time"]
    assert kernel["outside_calls_ns"] is None
    assert kernel["why_unknown"] == "less than 10 clock ticks of CPU time"
    assert kernel["minor_faults"] > 20


# ---- the CPUs that threads are allowed ----


@pytest.fixture(scope="module")
def narrowing(tmp_path_factory: pytest.TempPathFactory) -> str:
    return compiled(tmp_path_factory.mktemp("narrowing"), NARROWING)


CPUS = sorted(os.sched_getaffinity(0))


@pytest.mark.skipif(len(CPUS) < 2, reason="one CPU cannot be narrowed")
@pytest.mark.parametrize(("who", "number"), [("main", 4), ("workers", 2), ("nobody", 0)])
def test_threads_that_narrow_themselves(tmp_path, narrowing, who, number):
    """After 50 ms: the main thread, whose threads are then narrowed too, or two of its threads."""
    allowed = traced(tmp_path, [narrowing, str(CPUS[0]), who])["target"]["allowed_cpus"]
    assert allowed["start"] == CPUS
    assert allowed["end"] == (CPUS[:1] if who == "main" else CPUS)
    assert (allowed["threads"], allowed["narrowed"]) == (4, number)
    assert allowed["narrowed_to"] == (CPUS[:1] if number else [])
    if number:
        assert 50e6 <= allowed["narrowed_ns"] < 150e6
    else:
        assert allowed["narrowed_ns"] is None


@pytest.mark.skipif(len(CPUS) < 2, reason="one CPU cannot be narrowed")
def test_a_target_that_is_narrowed_from_outside(tmp_path):
    file = tmp_path / "report.json"
    target = subprocess.Popen(["sleep", "5"])
    words = [*TRACER, "attach", str(target.pid), "--duration", "1", "--json", str(file)]
    tracer = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert tracer.stderr is not None
        for line in tracer.stderr:
            if line.startswith(b"tracer: attached to "):
                break
        time.sleep(0.2)
        os.sched_setaffinity(target.pid, CPUS[:1])
        out, _err = tracer.communicate(timeout=30)
    finally:
        target.kill()
        target.wait()
    allowed = json.loads(file.read_text())["target"]["allowed_cpus"]
    assert (allowed["start"], allowed["end"]) == (CPUS, CPUS[:1])
    assert f"; CPU {CPUS[0]} at the end" in " ".join(out.decode().split())
