"""Probe futex against strace in the same run, and against programs with known answers."""

import json
import os
import re
import subprocess
import sys

import pytest
import straced
from programs import TRACER, need, traced

from tracer.capture.workload import run_traced
from tracer.model.spec import Spec
from tracer.probes.futex import OPERATIONS, PROBE, WAITS

CALLS = PROBE.calls

SIZE = ("--tasks", "20", "--iters", "40", "--warmups", "5")


def operation(call):
    """The operation's name, as strace writes it, without its flags."""
    if call.name != "futex":
        return call.name
    words = re.search(r"FUTEX_[A-Z0-9_|]+", call.arguments)
    assert words, call
    return words[0].split("|")[0].removeprefix("FUTEX_").removesuffix("_PRIVATE")


def against_strace(engine, tmp_path, program, edges):
    """Run `program` under both; every count equal but for `edges` calls at the window's edges."""
    log = tmp_path / "strace"
    recording = run_traced(engine, Spec(straced.command(log, CALLS, program)))
    seen = [(operation(c), c) for c in straced.window(log) if c.name in CALLS]
    by_name = {op.name: op for op in recording.probes["futex"].operations}
    assert set(by_name) | {name for name, _ in seen} <= set(OPERATIONS)
    for name in OPERATIONS:
        op = by_name.get(name)
        calls = [c for own, c in seen if own == name]
        assert abs((op.calls if op else 0) - len(calls)) <= edges, name
        if op:
            for error, number in (("EAGAIN", op.again), ("ETIMEDOUT", op.timed_out)):
                assert abs(number - sum(c.error == error for c in calls)) <= edges
        if op and name not in WAITS and name != "UNLOCK_PI":
            woke = [c.value for c in calls if c.value >= 0]
            assert abs(op.woke_none - woke.count(0)) <= edges
            assert abs(op.woke_one - woke.count(1)) <= edges
            assert op.woke_none + op.woke_one + op.woke_more + op.failed == op.calls
    return recording.probes["futex"]


@pytest.mark.parametrize("flavor", ["current-thread", "multi-thread"])
def test_async_brigade_is_as_strace_saw_it(engine, release, tmp_path, flavor):
    program = (str(release / "async-brigade"), *SIZE, "--flavor", flavor)
    log = tmp_path / "strace"
    if flavor == "multi-thread":
        assert against_strace(engine, tmp_path, program, edges=3).operations
        return
    recording = run_traced(engine, Spec(straced.command(log, CALLS, program)))
    assert [c for c in straced.window(log) if c.name in CALLS] == []
    assert recording.probes["futex"].operations == ()


def test_std_mutex_is_as_strace_saw_it(engine, planted_program, tmp_path):
    program = (planted_program, "std-mutex", "20000")
    for _ in range(10):  # until the threads meet
        record = against_strace(engine, tmp_path, program, edges=4)
        names = {op.name for op in record.operations}
        if "WAIT_BITSET" in names:
            break
    assert names == {"WAIT_BITSET", "WAKE"}


def test_known_calls_are_as_strace_saw_them(engine, planted_program, tmp_path):
    program = (planted_program, "futex-calls", "30", "4")
    assert len(against_strace(engine, tmp_path, program, edges=0).operations) == 5


def test_known_calls(planted):
    recording = planted("futex-calls", "200", "10")
    record = recording.probes["futex"]
    by_name = {op.name: op for op in record.operations}
    assert set(by_name) == {"WAIT", "WAKE", "CMP_REQUEUE", "LOCK_PI", "UNLOCK_PI"}
    wait, wake, requeue = by_name["WAIT"], by_name["WAKE"], by_name["CMP_REQUEUE"]
    assert (wait.calls, wait.again, wait.timed_out) == (200 + 10 + 8, 200, 10)
    assert wait.slept == wait.asleep.count == wait.to_run.count == 18
    assert (wait.interrupted, wait.failed) == (0, 0)
    assert (wake.woke_none, wake.woke_one, wake.woke_more, wake.woken) == (200, 0, 1, 7)
    assert (requeue.calls, requeue.woke_more, requeue.woken) == (1, 1, 8)
    assert (by_name["LOCK_PI"].calls, by_name["LOCK_PI"].slept) == (201, 1)
    assert by_name["UNLOCK_PI"].calls == 202
    for op in by_name.values():
        assert op.asleep.sum_ns <= 10 * recording.window_ns
    # ten sleeps of 1 ms each, and what the waiters slept of the window
    assert wait.asleep.sum_ns >= 10_000_000


def test_addresses_of_known_calls(planted):
    record = planted("futex-calls", "200", "10").probes["futex"]
    assert sum(at.waits + at.wakes for at in record.places) == sum(
        op.calls for op in record.operations
    )
    assert record.other_places == record.unplaced == 0
    alone, free, first, lock, second = record.places
    assert (alone.waits, alone.slept, alone.wakes, alone.woken) == (210, 10, 200, 0)
    assert (free.waits, free.slept, free.wakes) == (200, 0, 200)
    assert (first.waits, first.slept, first.wakes, first.woken) == (8, 8, 1, 8)
    assert (lock.waits, lock.slept, lock.wakes) == (1, 1, 2)
    assert (second.waits, second.wakes, second.woken) == (0, 1, 7)
    assert alone.where and alone.where.startswith("main stack + ")
    assert free.where and free.where.startswith("main stack + ")
    for at in (first, lock, second):
        assert at.where and at.where.startswith("heap + ")
    assert (first.waiters, first.wakers) == ((("waiter", 8),), (("planted", 1),))
    assert lock.waiters == (("pi", 1),)


def test_a_contended_std_mutex_has_one_address(planted):
    for _ in range(5):  # four threads on two CPUs nearly always meet
        record = planted("std-mutex", "30000").probes["futex"]
        if len(record.operations) == 2:
            break
    busiest = record.places[0]
    assert busiest.waiters == (("worker-*", busiest.waits),)
    assert busiest.wakers == (("worker-*", busiest.wakes),)
    waits = next(op for op in record.operations if op.name == "WAIT_BITSET")
    wakes = next(op for op in record.operations if op.name == "WAKE")
    assert waits.timed_out == waits.interrupted == waits.failed == 0
    # one that is woken before it has gone to sleep returns without having slept
    assert waits.slept <= waits.calls - waits.again == wakes.woken


# ---- names of addresses ----

#: Threads that meet at a lock in .data and at one in .bss, both far from the beginning of them.
LOCKS = """
#include <pthread.h>
#include <unistd.h>
static long before[999] = {1};
pthread_mutex_t filled_lock = PTHREAD_MUTEX_INITIALIZER;
static char zeroes[1 << 20];
static pthread_mutex_t zeroed_lock;
static void *work(void *lock)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(lock);
		usleep(PAUSE_US);
		pthread_mutex_unlock(lock);
	}
	return zeroes + before[0];
}
int main(void)
{
	pthread_t threads[4];
	for (int i = 0; i < 4; i++)
		pthread_create(threads + i, 0, work, i < 2 ? &filled_lock : &zeroed_lock);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], 0);
}
"""
#: Two processes that meet at a lock in shared memory, which the child maps at another address.
SHARED = """
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	int fd = memfd_create("queue", 0), child, changed = ftruncate(fd, 8192);
	char *at = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pthread_mutexattr_t shared;
	pthread_mutex_t *lock = (void *)(at + 4096 + 64);
	pthread_mutexattr_init(&shared);
	pthread_mutexattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(lock, &shared);
	child = fork();
	if (!child) {
		char *other = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 4096);
		munmap(at, 8192);
		lock = (void *)(other + 64);
	}
	for (int i = 0; i < 500; i++) {
		pthread_mutex_lock(lock);
		usleep(100);
		pthread_mutex_unlock(lock);
	}
	return child ? wait(&changed) < 0 : 0;
}
"""
#: Threads that share one arena of malloc, with blocks too large for what each thread keeps.
ARENA = """
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
static void *work(void *unused)
{
	for (int i = 0; i < 100000; i++) {
		void *blocks[8];
		for (int k = 0; k < 8; k++)
			blocks[k] = malloc(2000 + k * 16);
		for (int k = 0; k < 8; k++)
			free(blocks[k]);
	}
	return unused;
}
int main(void)
{
	pthread_t threads[6];
	mallopt(M_ARENA_MAX, 2);
	for (int i = 0; i < 6; i++)
		pthread_create(threads + i, 0, work, 0);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], 0);
}
"""
PYTHON = """
import threading
def work():
    for _ in range(2_000_000): pass
threads = [threading.Thread(target=work, name=f"calc-{n}") for n in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""
GO = """
package main

import "time"

func main() {
	there, back := make(chan int), make(chan int)
	go func() {
		for n := range there {
			time.Sleep(time.Millisecond)
			back <- n
		}
	}()
	for n := 0; n < 200; n++ {
		there <- n
		<-back
	}
}
"""
FUTEX = ("--probe", "futex")


def built(directory, name, text, *options):
    """A C program."""
    need("gcc")
    file = directory / name
    command = ["gcc", "-O1", "-pthread", *options, "-x", "c", "-", "-o", str(file)]
    subprocess.run(command, input=text, text=True, check=True)
    return str(file)


def addresses(document):
    return document["futex"]["addresses"]


def test_variables_of_a_command_by_name(tmp_path):
    """It has ended when its report is written. What each lock had is not known to be equal, but
    each has its own threads."""
    program = built(tmp_path, "locks", LOCKS, "-DROUNDS=500", "-DPAUSE_US=100")
    document = traced(tmp_path, [program], *FUTEX)
    by_name = {at["where"]: at for at in addresses(document)}
    for name in ("filled_lock", "zeroed_lock"):
        at = by_name[f"locks: {name} + 0x0"]
        assert at["slept"] > 100 and at["processes"] == 1
        assert list(at["waiters"]) == list(at["wakers"]) == ["locks"]
    others = set(by_name) - {f"locks: {name} + 0x0" for name in ("filled_lock", "zeroed_lock")}
    assert all(name.startswith("stack of locks + ") for name in others), "pthread_join's"


def test_variables_of_a_running_process_by_name(tmp_path):
    program = built(tmp_path, "locks", LOCKS, "-DROUNDS=100000", "-DPAUSE_US=100")
    file = tmp_path / "report.json"
    with subprocess.Popen([program]) as running:
        words = ("attach", str(running.pid), "--duration", "1", *FUTEX, "--json", str(file))
        done = subprocess.run([*TRACER, *words], capture_output=True, text=True)
        running.kill()
    assert file.exists(), done.stderr
    names = [at["where"] for at in addresses(json.loads(file.read_text()))]
    assert {"locks: filled_lock + 0x0", "locks: zeroed_lock + 0x0"} <= set(names)


def test_a_lock_in_shared_memory_is_one_address(tmp_path):
    document = traced(tmp_path, [built(tmp_path, "shared", SHARED)], *FUTEX)
    (lock,) = addresses(document)
    assert lock["where"] == "shared memfd:queue + 0x1040"
    assert lock["processes"] == 2
    # after each wait somebody woke; both together took the lock 1,000 times
    assert 100 < lock["slept"] <= lock["waits"] <= 1000
    assert lock["waits"] <= lock["wakes"] + 1 <= 1001


def test_the_lock_of_the_python_interpreter(tmp_path):
    document = traced(tmp_path, [sys.executable, "-c", PYTHON], *FUTEX)
    own = [at for at in addresses(document) if at["where"].startswith("GIL: _PyRuntime + 0x")]
    assert sum(at["waits"] for at in own) > 0.8 * sum(at["waits"] for at in addresses(document))
    assert addresses(document)[0] in own
    group = {name for at in own for name in at["waiters"]}
    assert group <= {group["name"] for group in document["thread_groups"]}
    assert "calc-*" in group


def test_the_locks_of_mallocs_arenas(tmp_path):
    document = traced(tmp_path, [built(tmp_path, "arena", ARENA, "-O0")], *FUTEX)
    names = [re.sub(r" \+ .*", "", at["where"]) for at in addresses(document)]
    assert "malloc arena lock" in names
    # the first arena's, in the C library: by its name where the library's symbols are installed
    assert names[0] in ("malloc: main_arena", "libc.so.6", "malloc arena lock")


def test_the_words_of_the_go_runtime(tmp_path):
    need("go")
    source = tmp_path / "pingpong.go"
    source.write_text(GO)
    caches = {"GOCACHE": str(tmp_path / "cache"), "GO111MODULE": "off", "GOFLAGS": ""}
    program = str(tmp_path / "pingpong")
    build = ["go", "build", "-o", program, str(source)]
    subprocess.run(build, check=True, env={**os.environ, **caches}, cwd=tmp_path)
    names = [at["where"] for at in addresses(traced(tmp_path, [program], *FUTEX))]
    words = re.compile(r"(pingpong: runtime\.\w+|Go heap) \+ 0x[0-9a-f]+")
    assert names and all(words.fullmatch(name) for name in names), names
    assert any("runtime.m0" in name or "runtime.sched" in name for name in names)


def test_names_after_thousands_of_short_processes(tmp_path):
    """Each maps some twenty files; only the last one has locks."""
    program = built(tmp_path, "locks", LOCKS, "-DROUNDS=100", "-DPAUSE_US=100")
    script = f"i=0; while [ $i -lt 2000 ]; do /bin/true; i=$((i+1)); done; {program}"
    document = traced(tmp_path, ["sh", "-c", script], *FUTEX)
    names = {at["where"] for at in addresses(document)}
    assert {"locks: filled_lock + 0x0", "locks: zeroed_lock + 0x0"} <= names
    assert None not in names
