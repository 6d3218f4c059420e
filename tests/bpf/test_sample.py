"""--sample 1/N: a part of the calls is seen; estimates are held against the program's own count."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from programs import ROOT, TRACER, assert_books_close, assert_trusted, quiet_run

SCHEMA = json.loads((ROOT / "docs" / "schema" / "tracer.run-2.json").read_text())

#: Threads that differ in what they call, and one that makes no call and computes; at the end it
#: prints its calls by name.
PROGRAM = """
import os, sys, threading, time
SECONDS, THREADS = float(sys.argv[1]), int(sys.argv[2])
zero, null = os.open('/dev/zero', os.O_RDONLY), os.open('/dev/null', os.O_WRONLY)
lines = []
def work(number, until):
    asked = read = written = slept = 0
    while time.monotonic() < until:
        for _ in range(50):
            for _ in range(number + 1): os.getppid()
            asked += number + 1
            os.read(zero, 512); read += 1
            if number % 2: os.write(null, b'x'); written += 1
        time.sleep(0.001); slept += 1
    lines.append((asked, read, written, slept))
until = time.monotonic() + SECONDS
for process in range(2):
    if not (pid := os.fork()): break
threads = [threading.Thread(target=work, args=(n, until)) for n in range(THREADS)]
for thread in threads: thread.start()
for thread in threads: thread.join()
sums = [sum(column) for column in zip(*lines)]
print('getppid %d read %d write %d clock_nanosleep %d' % tuple(sums), flush=True)
if pid:
    os.wait(); os.wait()
"""
#: Neither calls nor, where it has its CPU alone, switches.
SPINNER = "while True: pass"


def tracer(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TRACER, *words], capture_output=True, text=True, check=False)


def traced_command(
    file: Path, *words: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """One run that the host did not disturb, the last of 5 where it disturbed all."""
    for _ in range(5):
        done = tracer("run", "--json", str(file), *words)
        assert done.returncode == 0, done.stderr
        document = json.loads(file.read_text())
        if not document["doubts"]:
            break
    return done, document


def own_counts(text: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, number in re.findall(r"(getppid|read|write|clock_nanosleep) (\d+)", text):
        found[name] = found.get(name, 0) + int(number)
    return found


def assert_labelled(document: dict[str, Any], report: str, one_in: int) -> None:
    """Nobody can take a sampled number for an exact one."""
    jsonschema.validate(document, SCHEMA)
    assert document["sampled"]["one_in"] == one_in
    assert document["syscalls"] is None
    assert not {"futex", "waits"} & set(document)
    head = document["headline"]
    assert head["io"] is head["user"] is head["system"] is None
    parts = document["ledgers"]["threads"]["parts"]
    assert not any(ns for name, ns in parts.items() if name.startswith("syscall:"))
    assert f"Sampled (--sample 1/{one_in})" in report
    assert re.search(r"^  ~ own code, estimated from [0-9.]+ %", report, re.M)


def test_estimates_hold_against_the_programs_own_count(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    words = ["--sample", "1/4", "--", sys.executable, "-c", PROGRAM, "6", "3"]
    done, document = traced_command(file, *words)
    assert_books_close(document)
    assert_labelled(document, done.stderr, 4)
    own, found = own_counts(done.stdout), document["sampled"]
    assert 0.1 < found["seen_share"] < 0.45
    rows = {row["name"]: row for row in found["syscalls"]}
    # every call is in the sum, and Python makes a few besides
    assert sum(own.values()) <= found["calls"] <= 1.1 * sum(own.values())
    for name, true in own.items():
        row = rows[name]
        assert row["low"] is not None and row["low"] <= row["calls"] <= row["high"]
        # the interval holds 95 % of the time: here twice as wide
        half = max(row["high"] - row["calls"], row["calls"] - row["low"])
        assert abs(row["calls"] - true) <= 2 * half + 0.01 * true, (name, true, row)
        assert row["seen"] < true
        assert 0 < row["p50_ns"] <= row["p99_ns"] <= row["max_ns"]
    shares = found["on_cpu"]
    assert sum(share["share"] for share in shares.values()) == pytest.approx(1)
    assert all(share["low"] <= share["share"] <= share["high"] for share in shares.values())


def test_waits_are_those_of_a_run_that_sees_every_call(tmp_path: Path) -> None:
    """Sleeps of 5 ms in a call, and in a lock, are on the path in full."""
    program = (
        "import threading, time\n"
        "for _ in range(200): time.sleep(0.005)\n"
        "lock = threading.Lock(); lock.acquire()\n"
        "for _ in range(100): lock.acquire(timeout=0.005)\n"
    )
    shares = {}
    for option in ((), ("--sample", "1/8")):
        file = tmp_path / f"report{len(option)}.json"
        _done, document = traced_command(file, *option, "--", sys.executable, "-c", program)
        parts = document["ledgers"]["wall"]["parts"]
        own = document["ledgers"]["threads"]["parts"]
        # a host can hide switches; and a lock's deadline begins before its call
        assert own["blocked:sleep"] >= 0.95 * 200 * 5_000_000
        assert own["blocked:futex"] >= 0.95 * 100 * 5_000_000
        shares[option] = (parts["sleep"], parts["timed_wait"])
    (sleep, timed), (sampled_sleep, sampled_timed) = shares.values()
    assert sampled_sleep == pytest.approx(sleep, rel=0.1)
    assert sampled_timed == pytest.approx(timed, rel=0.1)


def test_a_thread_without_calls_is_sampled_too(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    with subprocess.Popen([sys.executable, "-c", SPINNER]) as spinner:
        words = ["attach", str(spinner.pid), "--duration", "6", "--sample", "1/2"]
        try:
            done, document = quiet_run(lambda: tracer(*words, "--json", str(file)), file)
        finally:
            spinner.kill()
    assert_labelled(document, done.stdout, 2)
    found = document["sampled"]
    assert found["on_cpu"]["user"]["share"] > 0.9
    assert 0.1 < found["seen_share"] < 0.9


def test_a_workload_closes_its_window(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    words = ["run", "thread-brigade", "--tasks", "20", "--iters", "500", "--rounds", "1"]
    done, document = quiet_run(lambda: tracer(*words, "--sample", "1/8", "--json", str(file)), file)
    assert_trusted(done, document)
    jsonschema.validate(document, SCHEMA)
    # a hop is a receive and a send
    assert document["sampled"]["calls"] == pytest.approx(2 * document["result"]["units"], rel=0.05)
    assert document["result"]["units"] == 20 * 500


def test_a_saved_report_is_the_same(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    program = [sys.executable, "-c", PROGRAM, "1", "1"]
    done = tracer("run", "--sample", "1/2", "--json", str(file), "--", *program)
    saved = tracer("report", str(file))
    block = re.search(r"^Sampled \(--sample 1/2\).*?\n\n", done.stderr, re.M | re.S)
    assert block and block[0] in saved.stdout


def test_what_needs_every_call_is_refused() -> None:
    for words, named in (
        (("--light",), "--light"),
        (("--record", "x"), "--record"),
        (("--probe", "+stacks"), "--probe stacks"),
        (("--probe", "+io_uring"), "--probe io_uring"),
        (("--budget", "syscalls.read.calls<=5"), "--budget"),
    ):
        done: subprocess.CompletedProcess[str] = tracer(
            "run", "--sample", "1/8", *words, "--", "true"
        )
        assert done.returncode == 2
        assert named in done.stderr
        assert "Traceback" not in done.stderr
