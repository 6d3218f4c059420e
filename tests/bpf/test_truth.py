"""`tracer run -- COMMAND` against perf, strace, getrusage and the programs' own counts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from programs import (
    ROOT,
    TRACER,
    answers,
    assert_books_close,
    calls,
    free_port,
    near,
    need,
    perf_counts,
    start,
    started,
    strace_counts,
    switches,
    threads,
    traced,
)


def assert_switches(document: Any, truth: int) -> None:
    """To 1 %; neither perf nor getrusage counts the switch that ends a thread, tracer does."""
    assert 0.99 * truth - 20 <= switches(document) <= 1.01 * truth + 20 + threads(document)


def assert_as_getrusage(document: Any) -> None:
    """getrusage counts the command and the children that were waited for: here all."""
    assert_switches(document, document["rusage"]["voluntary"] + document["rusage"]["involuntary"])


@pytest.mark.parametrize(
    "command",
    [
        ("perf", "bench", "sched", "pipe", "-l", "20000"),
        ("perf", "bench", "sched", "messaging", "-g", "2", "-l", "1000"),
        ("hackbench", "-g", "2", "-l", "1000"),
        ("hackbench", "-g", "2", "-l", "1000", "-T", "--pipe"),
    ],
    ids=["pipe", "messaging", "hackbench", "hackbench-threads"],
)
def test_switches_and_migrations_as_perf_stat_counts_them(tmp_path: Path, command: Any) -> None:
    need("perf", command[0])
    out = tmp_path / "perf.csv"
    events = "context-switches,cpu-migrations"
    document = traced(tmp_path, ("perf", "stat", "-x,", "-o", str(out), "-e", events, *command))
    assert_books_close(document)
    truth = perf_counts(out)
    assert truth["context-switches"] > 1000
    assert_switches(document, truth["context-switches"])
    # perf counts a thread that is moved twice before it runs once (perf_event_task_migrate)
    moved = document["sched"]["migrations"]
    assert truth["cpu-migrations"] - 20 <= moved <= 1.3 * truth["cpu-migrations"] + 40
    assert_as_getrusage(document)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="needs two CPUs")
def test_migrations_as_the_kernel_counts_them(tmp_path: Path) -> None:
    """se.nr_migrations of /proc/PID/sched, of a thread that moves itself."""
    code = (
        "import os; cpus = sorted(os.sched_getaffinity(0))\n"
        "def moved(): return [int(line.split(':')[1]) for line in open('/proc/self/sched')"
        " if line.startswith('se.nr_migrations')][0]\n"
        "before = moved()\n"
        "for n in range(1000): os.sched_setaffinity(0, {cpus[n % len(cpus)]})\n"
        "print(moved(), moved() - before)"
    )
    file = tmp_path / "report.json"
    done = subprocess.run(
        [*TRACER, "run", "--json", str(file), "--", sys.executable, "-c", code],
        cwd=ROOT, text=True, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    whole, inside = map(int, done.stdout.split())
    document = json.loads(file.read_text())
    assert 999 <= inside <= 1000, "the first CPU may be the one on which it was"
    assert inside <= document["sched"]["migrations"] <= whole


def test_calls_as_strace_counts_them(tmp_path: Path) -> None:
    need("perf", "strace")
    command = ("perf", "bench", "sched", "pipe", "-l", "3000")
    document = traced(tmp_path, command)
    assert_books_close(document)
    truth = strace(tmp_path, command)
    assert truth["write"] > 6000
    for name in ("read", "write", "mmap", "openat"):
        assert near(calls(document)[name], truth[name], slack=2), name


def strace(directory: Path, command: Sequence[str]) -> dict[str, int]:
    assert started(command, directory).wait(120) == 0
    return strace_counts(directory / "strace.txt")


Server = tuple[Sequence[str], int, Callable[[], None], Callable[[], None]]


def redis(directory: Path) -> Server:
    """Started by redis-tools' own file: redis-server is another name of redis-check-rdb."""
    port = free_port()
    named = directory / "redis-server"
    if not named.exists():
        named.symlink_to("/usr/bin/redis-check-rdb")
    words = (str(named), "--port", str(port), "--bind", "127.0.0.1", "--save", "")

    def load() -> None:
        subprocess.run(
            ["redis-benchmark", "-p", str(port), "-n", "3000", "-c", "1", "-t", "set", "-q"],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    def stop() -> None:
        subprocess.run(["redis-cli", "-p", str(port), "shutdown", "nosave"], check=True)

    return words, port, load, stop


def nginx(directory: Path) -> Server:
    port = free_port()
    (directory / "index.html").write_text("hello\n" * 10)
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; worker_processes 2; pid {directory}/pid; error_log {directory}/log;\n"
        "user root; events { worker_connections 64; }\n"
        f"http {{ access_log off; client_body_temp_path {directory}/b;"
        f" proxy_temp_path {directory}/p; fastcgi_temp_path {directory}/f;"
        f" uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;"
        f" server {{ listen 127.0.0.1:{port}; root {directory}; }} }}\n"
    )

    def load() -> None:
        subprocess.run(
            ["ab", "-q", "-n", "2000", "-c", "4", f"http://127.0.0.1:{port}/index.html"],
            check=True,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    def stop() -> None:
        subprocess.run(["nginx", "-c", str(config), "-s", "quit"], check=True)

    return ("nginx", "-c", str(config)), port, load, stop


@pytest.mark.parametrize(
    ("server", "programs", "requests", "names"),
    [
        (redis, ("redis-check-rdb", "redis-benchmark"), 3000, ("read", "write")),
        (nginx, ("nginx", "ab"), 2000, ("accept4", "recvfrom", "writev", "close")),
    ],
    ids=["redis", "nginx"],
)
def test_a_server_under_load(
    tmp_path: Path,
    server: Callable[[Path], Server],
    programs: Sequence[str],
    requests: int,
    names: Sequence[str],
) -> None:
    need("strace", *programs)
    words, port, load, stop = server(tmp_path)
    file = tmp_path / "report.json"
    running = start("run", "--units", str(requests), "--json", str(file), "--", *words)
    answers(port)
    load()
    stop()
    _out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    document = json.loads(file.read_text())
    assert_books_close(document)

    words, port, load, stop = server(tmp_path)
    other = started(words, tmp_path)
    answers(port)
    load()
    stop()
    assert other.wait(60) == 0
    truth = strace_counts(tmp_path / "strace.txt")
    for name in names:
        assert truth[name] >= requests, name
        assert near(calls(document)[name], truth[name], slack=12), name
    assert_as_getrusage(document)


ASYNCIO = """
import asyncio, sys
COUNT = int(sys.argv[1])
async def serve(reader, writer):
    while line := await reader.readline():
        writer.write(line)
        await writer.drain()
    writer.close()
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(COUNT):
        writer.write(b"hello\\n")
        assert await reader.readline() == b"hello\\n"
    writer.close()
    server.close()
asyncio.run(main())
"""


def test_a_python_asyncio_server(tmp_path: Path) -> None:
    document = traced(tmp_path, (sys.executable, "-c", ASYNCIO, "2000"), "--units", "2000")
    assert_books_close(document)
    assert near(calls(document)["sendto"], 4000, slack=4), "a question and an answer each"
    assert near(calls(document)["recvfrom"], 4000, slack=8)
    assert document["result"]["units"] == 2000


def test_make_with_two_jobs(tmp_path: Path) -> None:
    need("make", "gcc", "strace")
    for number in range(12):
        (tmp_path / f"part{number}.c").write_text(
            f"int part{number}(void) {{ return {number}; }}\n"
        )
    objects = " ".join(f"part{number}.o" for number in range(12))
    (tmp_path / "Makefile").write_text(
        f"libparts.a: {objects}\n\tar rcs $@ $^\nclean:\n\trm -f *.o *.a\n"
    )
    command = ("make", "-s", "-j2", "-C", str(tmp_path))
    document = traced(tmp_path, command)
    assert_books_close(document)
    subprocess.run(["make", "-s", "-C", str(tmp_path), "clean"], check=True)
    truth = strace(tmp_path, command)
    assert near(calls(document)["execve"], truth["execve"], slack=1)
    assert truth["execve"] >= 36, "cc, cc1 and as for each file"
    # not wait4: how often make looks for ended jobs depends on the time they take
    for name in ("openat", "mmap"):
        assert near(calls(document)[name], truth[name], slack=3), name
    assert_as_getrusage(document)


GO = """package main

import "fmt"

func main() {
	questions, answers := make(chan int), make(chan int)
	for i := 0; i < 4; i++ {
		go func() {
			for q := range questions {
				answers <- q * 2
			}
		}()
	}
	sum := 0
	for i := 0; i < 50000; i++ {
		questions <- i
		sum += <-answers
	}
	fmt.Println(sum)
}
"""
JAVA = """
public class Work {
    public static void main(String[] words) throws Exception {
        Thread[] threads = new Thread[4];
        final Object lock = new Object();
        final int[] sum = new int[1];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> {
                for (int j = 0; j < 20000; j++) synchronized (lock) { sum[0]++; }
            }, "adder-" + i);
            threads[i].start();
        }
        for (Thread t : threads) t.join();
        System.out.println(sum[0]);
    }
}
"""


@pytest.mark.parametrize(
    ("compiler", "name", "text", "build", "run"),
    [
        ("go", "work.go", GO, ("go", "build", "-o", "work", "work.go"), ("./work",)),
        ("javac", "Work.java", JAVA, ("javac", "Work.java"), ("java", "-cp", ".", "Work")),
    ],
    ids=["go", "java"],
)
def test_a_runtime_with_threads_of_its_own(
    tmp_path: Path, compiler: str, name: str, text: str, build: Any, run: Any
) -> None:
    """Skips without the runtime: nothing else needs it."""
    if shutil.which(compiler) is None:
        pytest.skip(f"no {compiler} on this machine")
    (tmp_path / name).write_text(text)
    cache = {"GOCACHE": str(ROOT / "build" / "go"), "GO111MODULE": "off"}
    subprocess.run(build, cwd=tmp_path, check=True, env={**os.environ, **cache}, timeout=120)
    program = ("sh", "-c", f"cd {tmp_path} && exec {' '.join(run)}")
    document = traced(tmp_path, program)
    assert_books_close(document)
    assert_as_getrusage(document)
    if compiler == "javac":
        groups = {group["name"]: group["threads"] for group in document["thread_groups"]}
        assert groups["adder-*"] == 4


def test_a_stopped_process_does_no_work(tmp_path: Path) -> None:
    """SIGSTOP in the window: the time is `blocked:stopped`, and the path is outside the target."""
    file = tmp_path / "report.json"
    code = "import os, signal, sys; print(os.getpid(), flush=True); input()"
    running = start(
        "run", "--json", str(file), "--", sys.executable, "-c", code, stdin=subprocess.PIPE
    )
    assert running.stdout is not None and running.stdin is not None
    pid = int(running.stdout.readline())
    time.sleep(0.1)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.5)
    os.kill(pid, signal.SIGCONT)
    running.communicate("go\n", timeout=30)
    assert running.returncode == 0
    document = json.loads(file.read_text())
    assert_books_close(document)
    assert document["ledgers"]["threads"]["parts"]["blocked:stopped"] >= 400_000_000
    assert document["ledgers"]["wall"]["parts"]["external"] >= 400_000_000
