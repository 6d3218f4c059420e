"""Programs that are not tracer's own, and what other tools count of them."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Where servers are installed; an ordinary user's PATH need not have it.
os.environ["PATH"] += ":/usr/sbin:/sbin"
TRACER = (sys.executable, "-m", "tracer")


def need(*programs: str) -> None:
    """Skip where a program is missing; under TRACER_FORCE_BPF=1 that is a failure."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        why = f"missing: {', '.join(missing)} (scripts/setup.sh test-tools)"
        if os.environ.get("TRACER_FORCE_BPF") == "1":
            pytest.fail(why)
        pytest.skip(why)


#: What `start` has started in this test.
STARTED: list[subprocess.Popen[str]] = []


def start(*words: str, **more: Any) -> subprocess.Popen[str]:
    """tracer with these words, in the background, until the test's end at most."""
    running: subprocess.Popen[str] = subprocess.Popen(
        [*TRACER, *words],
        cwd=ROOT,
        text=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
    )
    STARTED.append(running)
    return running


def traced(directory: Path, command: Sequence[str], *options: str, status: int = 0) -> Any:
    """The JSON report of `tracer run options -- command`, which ends with that status."""
    file = directory / "report.json"
    done = subprocess.run(
        [*TRACER, "run", "--json", str(file), *options, "--", *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return json.loads(file.read_text())


def calls(document: Mapping[str, Any]) -> dict[str, int]:
    """System calls by name, calls that failed left out."""
    return {c["name"]: c["calls"] - sum(c["errors"].values()) for c in document["syscalls"]}


def threads(document: Mapping[str, Any]) -> int:
    """Threads seen: getrusage does not count the last switch of each, which ends it."""
    return sum(group["threads"] for group in document["thread_groups"])


def switches(document: Mapping[str, Any]) -> int:
    by_kind = document["sched"]["switches"]
    return int(by_kind["voluntary"] + by_kind["involuntary"])


def assert_books_close(document: Mapping[str, Any]) -> None:
    """All ledgers to 1 %, and nothing lost.

    Some virtual machines hide switches: the wait that each of them hides has no name.
    """
    hidden_ns = 10_000_000 * sum(document["repairs"].values())
    assert document["losses"]["total"] == 0, document["losses"]
    for name, book in document["ledgers"].items():
        assert sum(book["parts"].values()) + book["residual_ns"] == book["total_ns"], name
        assert abs(book["residual_ns"]) <= 0.01 * book["total_ns"] + hidden_ns, name
    assert document["ledgers"]["wall"]["total_ns"] == document["window_ns"]


def is_open(document: Mapping[str, Any]) -> bool:
    """Whether any ledger has more than 1 % of its time without a name."""
    books = document["ledgers"].values()
    return any(abs(book["residual_ns"]) > 0.01 * book["total_ns"] for book in books)


Done = subprocess.CompletedProcess[str]


def disturbance(done: Done, document: Mapping[str, Any]) -> str:
    """What the host did to a run that is not to be trusted; empty: nothing.

    Some virtual machines hide switches, whose waits then have no name. With --light the end of
    the window is seen only if tracer sleeps by then, for which it needs a CPU.
    """
    hidden = sum(document["repairs"].values())
    if done.returncode == 3 and hidden and is_open(document):
        return f"this host hid {hidden} switches in the run: a ledger stayed open"
    if done.returncode == 3 and document["light"] and _is_late(done):
        return "tracer did not get a CPU before the window's end"
    return ""


def _is_late(done: Done) -> bool:
    return "the end of the window was not seen" in done.stdout + done.stderr


def quiet_run(run: Callable[[], Done], file: Path) -> tuple[Done, Any]:
    """One run that the host did not disturb, the last of 5 where it disturbed all; its JSON.

    Whatever the host does, the exit status of each is 3 exactly where the report is not to be
    trusted, and there the report says so.
    """
    for _ in range(5):
        file.unlink(missing_ok=True)
        done = run()
        assert file.exists(), done.stderr
        document = json.loads(file.read_text())
        lost = document["losses"]["total"]
        report = done.stdout + done.stderr
        assert ("the ledger of" in report.split("\n\n")[0]) == is_open(document)
        assert ("Losses  none" in report) == (lost == 0)
        assert done.returncode == (3 if _is_late(done) or is_open(document) or lost else 0)
        assert (
            ("NOT TO BE TRUSTED: " in report) == bool(document["doubts"]) == bool(done.returncode)
        )
        if not disturbance(done, document):
            break
    return done, document


def assert_trusted(done: Done, document: Mapping[str, Any]) -> None:
    """Exit status 0, as it is on a quiet host; skips, with the reason, where it was not quiet."""
    if reason := disturbance(done, document):
        pytest.skip(reason)
    assert done.returncode == 0


def near(measured: float, truth: float, slack: int = 0) -> bool:
    """To 1 %; `slack` for what is not the program's own."""
    return abs(measured - truth) <= 0.01 * truth + slack


def perf_counts(file: Path) -> dict[str, int]:
    """What `perf stat -x, -o file` counted."""
    rows = (line.split(",") for line in file.read_text().splitlines() if "," in line)
    return {row[2].split(":")[0]: int(row[0]) for row in rows if row[0].isdigit()}


def strace_counts(file: Path) -> dict[str, int]:
    """What `strace -c -f -o file` counted, calls that failed left out."""
    row = r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(\d*) +(\w+)$"
    rows = re.findall(row, file.read_text(), re.M)
    return {name: int(count) - int(failed or 0) for count, failed, name in rows}


def started(command: Sequence[str], directory: Path) -> subprocess.Popen[bytes]:
    """The command under `strace -c -f`, whose counts go to `strace.txt` there."""
    out = str(directory / "strace.txt")
    quiet = subprocess.DEVNULL
    return subprocess.Popen(["strace", "-c", "-f", "-o", out, *command], stdout=quiet, stderr=quiet)


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> None:
    """Return when somebody listens on that port of 127.0.0.1."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"nobody listens on {port}")
