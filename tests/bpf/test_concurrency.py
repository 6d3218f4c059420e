"""The program as a whole: what looks at programs of known behaviour see."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from programs import TRACER, traced

#: Two processes that compute until their parent is gone.
SPINNERS = """
import os
parent = os.getpid()
if not os.fork():
    while os.getppid() == parent: sum(range(10000))
    os._exit(0)
print('ready', flush=True)
while True: sum(range(10000))
"""
#: One thread sleeps in a read for good, the other one in short sleeps.
SLEEPERS = """
import os, threading, time
threading.Thread(target=os.read, args=(0, 1), daemon=True).start()
print('ready', flush=True)
while True: time.sleep(0.05)
"""


@contextmanager
def running(program: str) -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def watched(pid: int, file: Path, seconds: float) -> Any:
    """The JSON report of attaching for so long, whatever its exit status."""
    words = ("attach", str(pid), "--duration", str(seconds), "--json", str(file))
    subprocess.run([*TRACER, *words], capture_output=True, timeout=60, check=False)
    return json.loads(file.read_text())


def of_ledger(document: Any, *states: str) -> float:
    """How many threads at a time were in states whose names begin so, by the thread ledger."""
    parts = document["ledgers"]["threads"]["parts"]
    return sum(ns for name, ns in parts.items() if name.startswith(states)) / document["window_ns"]


def test_two_spinners_run_or_are_ready_and_never_sleep(tmp_path: Path) -> None:
    """The CPU time that they ran by the thread ledger, and their number, are the truth."""
    with running(SPINNERS) as pid:
        document = watched(pid, tmp_path / "report.json", 1.5)
    found = document["concurrency"]
    assert found["all_asleep"]["share"] == 0
    assert found["threads"] == 2
    assert found["running"] + found["ready"] == pytest.approx(2)
    assert len(found["ran"]) <= 2
    assert found["running"] == pytest.approx(of_ledger(document, "user", "syscall:"), abs=0.35)


def test_sleepers_sleep_and_in_which_calls(tmp_path: Path) -> None:
    with running(SLEEPERS) as pid:
        time.sleep(0.1)
        document = watched(pid, tmp_path / "report.json", 1.0)
    found = document["concurrency"]
    by_call = {one["call"]: one["threads"] for one in found["asleep"]}
    assert by_call["read"] == pytest.approx(1)
    assert by_call["clock_nanosleep"] == pytest.approx(2 - by_call["read"], abs=0.5)
    asleep = found["threads"] - found["running"] - found["ready"]
    assert asleep == pytest.approx(of_ledger(document, "blocked:"), abs=0.35)


def test_a_command_that_sleeps(tmp_path: Path) -> None:
    document = traced(tmp_path, ["sleep", "0.8"])
    found = document["concurrency"]
    (asleep,) = (one for one in found["asleep"] if one["call"] == "clock_nanosleep")
    assert asleep["group"] == "sleep" and asleep["class"] == "sleep"
    # one thread: it is asleep, or ready, or runs
    assert asleep["threads"] == pytest.approx(of_ledger(document, "blocked:sleep"), abs=0.35)
    assert found["all_asleep"]["share"] >= asleep["threads"]
