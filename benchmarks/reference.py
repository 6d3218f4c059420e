"""The published reference programs: how to run the binaries and to read their output.

The user builds them; they are not part of this repository. How to get them: HOW_TO_GET.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import workloads
from benchmarks.conditions import RunResult
from benchmarks.subject import last_cpu
from tracer.errors import TracerError

COMMIT = "692fcf07024861fecf1c08bfbe31a74b4118de14"
HOW_TO_GET = (
    "needs the published programs: clone github.com/jimblandy/context-switch elsewhere, check out"
    f" {COMMIT}, run `cargo build --release` there with the cargo that built the workloads"
    " (scripts/setup.sh find-cargo), then: make bench REFERENCE=that-clone/target/release"
)
_UNITS_NS = {"ns": 1.0, "µs": 1e3, "ms": 1e6, "s": 1e9}
_TIME = r"([0-9.]+)(ns|µs|ms|s)\b"


@dataclass(frozen=True)
class Reference:
    """One of their programs against one of ours.

    `flags` are its names for our options; without them its sizes are fixed at `tasks` and
    `iterations`, after `warmups` trips. `figure` is a pattern for the time per unit in its
    output: the mean over all iterations divided by the tasks, as ns_per_unit of ours.
    `runtimes` are the packages that ours and theirs run on, where a difference in time is one
    between runtimes: the row names them, with the versions in both Cargo.lock.
    """

    workload: str
    flags: Mapping[str, str]
    figure: str
    tasks: int = 500
    iterations: int = 10_000
    warmups: int = 5
    runtimes: tuple[str, str] | None = None


_BRIGADE = {"tasks": "--threads", "iters": "--iters", "warmups": "--warmups"}
_CREATION = {"tasks": "--tasks", "iters": "--iters", "warmups": "--warmups"}
_PER_HOP = rf"\({_TIME} per task per iter\)"
_PER_TASK = rf"create a task: .*\({_TIME} per task\)"

#: One row for each program; rows whose workload does not exist are left out.
REFERENCES = (
    Reference("thread-brigade", _BRIGADE, _PER_HOP),
    Reference("async-brigade", _BRIGADE, _PER_HOP),
    Reference("one-thread-brigade", {}, _PER_HOP),
    Reference("async-mem-brigade", {}, _PER_HOP, runtimes=("tokio", "tokio")),
    Reference("thread-creation", _CREATION, _PER_TASK, tasks=1000),
    Reference(
        "async-creation", _CREATION, _PER_TASK, tasks=10_000, runtimes=("tokio", "async-std")
    ),
)
_LOCK = workloads.DIRECTORY / "native" / "Cargo.lock"


def locked_version(lock: Path, package: str) -> str:
    """The version of a package in a Cargo.lock; empty where the file or the package is missing."""
    text = lock.read_text() if lock.exists() else ""
    match = re.search(rf'^name = "{re.escape(package)}"\nversion = "([^"]+)"', text, re.M)
    return match[1] if match else ""


def title(row: Reference, directory: Path) -> str:
    """The program, and what ours and theirs run on if that differs.

    `directory` is their clone's target/release: the versions are those of its Cargo.lock.
    """
    if not row.runtimes:
        return row.workload
    locks = (_LOCK, directory.resolve().parent.parent / "Cargo.lock")
    ours, theirs = (
        f"{package} {locked_version(lock, package)}".strip()
        for package, lock in zip(row.runtimes, locks, strict=True)
    )
    return f"{row.workload} ({ours}; theirs {theirs})"


def figure_ns(text: str, pattern: str) -> float:
    """The time that `pattern` matches in a program's output, in ns; TracerError if none."""
    match = re.search(pattern, text)
    if not match:
        raise TracerError(f"no time in the reference program's output: {text.strip()[:200]!r}")
    return float(match[1]) * _UNITS_NS[match[2]]


def run(reference: Reference, directory: Path, sizes: Mapping[str, int]) -> RunResult:
    """One run, pinned as ours; `sizes` are our options (tasks, iters, warmups)."""
    program = directory / reference.workload
    argv = [str(program)]
    for name, flag in reference.flags.items():
        argv += [flag, str(sizes[name])]
    return {"ns_per_unit": figure_ns(_output(argv), reference.figure)}


def _output(argv: Sequence[str]) -> str:
    command = ["taskset", "-c", str(last_cpu()), *argv]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise TracerError(f"{argv[0]}: exit status {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout + done.stderr
