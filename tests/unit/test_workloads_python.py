"""The twins in Python as programs: alone, under control, and where they are called wrongly."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import Any

import pytest

NAMES = ["thread_brigade", "async_brigade"]
SMALL = ["--tasks", "10", "--iters", "10", "--warmups", "3"]


def program(name: str, *words: str) -> list[str]:
    return [sys.executable, "-m", f"workloads.python.{name}", *words]


def run(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program(name, *words), capture_output=True, text=True, check=False, timeout=60
    )


def check(result: dict[str, Any], tokens: int = 1) -> None:
    assert (result["tasks"], result["iterations"], result["warmups"]) == (10, 10, 3)
    assert (result["unit"], result["units"]) == ("hop", 100 * tokens)
    assert 0 < result["min_ns"] <= result["p50_ns"] <= result["p99_ns"] <= result["max_ns"]
    assert result["mean_ns"] * 10 <= result["elapsed_ns"] + 1
    assert result["ns_per_unit"] == pytest.approx(result["mean_ns"] / 10 / tokens, abs=0.01)
    assert set(result["rusage"]) == {
        "user_ns", "system_ns", "max_rss_bytes", "minor_faults", "major_faults",
        "voluntary", "involuntary",
    }  # fmt: skip


@pytest.mark.parametrize("transport", ["socketpair", "pipe"])
@pytest.mark.parametrize("name", NAMES)
def test_alone(name: str, transport: str) -> None:
    done = run(name, *SMALL, "--transport", transport)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("10 tasks, 10 iterations: mean ")
    done = run(name, *SMALL, "--transport", transport, "--json", "--tokens", "5", "--work", "9")
    result = json.loads(done.stdout)
    check(result, tokens=5)
    assert (result["extra"]["tokens"], result["extra"]["work_steps"]) == (5, 9)
    assert result["extra"]["work_ns"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_under_control(name: str) -> None:
    ours, theirs = socket.socketpair()
    env = {**os.environ, "TRACER_CONTROL_FD": str(theirs.fileno())}
    with subprocess.Popen(
        program(name, *SMALL), env=env, pass_fds=[theirs.fileno()], stdout=subprocess.PIPE
    ) as child, ours, ours.makefile("rw") as lines:  # fmt: skip
        theirs.close()
        for word in ("begin", "end"):
            message, tid, now = lines.readline().split()
            assert (message, int(tid)) == (word, child.pid)
            assert int(now) > 0
            lines.write("go\n")
            lines.flush()
        message, text = lines.readline().split(" ", 1)
        assert message == "result"
        check(json.loads(text))
        assert child.wait(60) == 0
        assert child.stdout is not None and child.stdout.read() == b""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--tasks", "0"), "'0'"),
        (("--iters", "-1"), "--iters"),
        (("--warmups", "x"), "'x'"),
        (("--tokens", "70000", "--transport", "pipe"), "at most 65536"),
        (("--transport", "tcp"), "socketpair"),
        (("--flavor", "current-thread"), "--flavor"),
    ],
)
@pytest.mark.parametrize("name", NAMES)
def test_wrong_usage_is_one_line_and_status_2(
    name: str, words: tuple[str, ...], expected: str
) -> None:
    done = run(name, *words)
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize("name", NAMES)
def test_too_few_descriptors(name: str) -> None:
    shell = f"ulimit -n 64; exec {' '.join(program(name, '--tasks', '100'))}"
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ulimit -Hn" in done.stderr
    assert len(done.stderr.splitlines()) == 1
