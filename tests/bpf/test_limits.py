"""Each limit is lowered and reached: the right one is named, the predicted size runs, 2 % more
does not."""

import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HIT = Path(__file__).parents[1] / "harness" / "hit.py"
GROUPS = Path("/sys/fs/cgroup")
NOBODY = 65534


def hit(workload: str, *words: object, before: Callable[[], None] | None = None
        ) -> tuple[dict[str, object], str]:  # fmt: skip
    done = subprocess.run(
        [sys.executable, HIT, workload, *map(str, words)],
        capture_output=True, text=True, preexec_fn=before, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def lowered(which: int, value: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(which, (value, value))


@contextlib.contextmanager
def sysctl(name: str, value: int) -> Iterator[None]:
    path = Path("/proc/sys") / name.replace(".", "/")
    old = path.read_text()
    path.write_text(str(value))
    try:
        yield
    finally:
        path.write_text(old)


def threads_now() -> int:
    return int(Path("/proc/loadavg").read_text().split()[3].split("/")[1])


@contextlib.contextmanager
def group(controller: str, settings: dict[str, object]) -> Iterator[Callable[[], None]]:
    """A control group of version 1 or 2 with these settings; yields what moves a child into it."""
    base = GROUPS if (GROUPS / "cgroup.controllers").exists() else GROUPS / controller
    directory = base / f"tracer-test-{os.getpid()}"
    try:
        directory.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    try:
        for name, value in settings.items():
            if not (directory / name).exists():
                pytest.skip(f"control groups here have no {name}")
            (directory / name).write_text(str(value))
        yield lambda: (directory / "cgroup.procs").write_text(str(os.getpid())) and None
    finally:
        directory.rmdir()


def check(
    outcome: dict[str, object], error: str, limit: str, message: str, low: int, high: int
) -> None:
    assert outcome["limit"] == limit
    assert low <= int(str(outcome["most"])) <= high
    assert outcome["fits"] is True, error
    assert outcome["beyond"] is False
    assert message in error


def test_open_files() -> None:
    outcome, error = hit("thread-brigade", before=lowered(resource.RLIMIT_NOFILE, 2000))
    check(outcome, error, "RLIMIT_NOFILE (hard)", "the limit is 2000", 990, 997)


def test_processes_of_a_user() -> None:
    before = lowered(resource.RLIMIT_NPROC, 700)
    outcome, error = hit("thread-mem-brigade", NOBODY, before=before)
    check(outcome, error, "RLIMIT_NPROC (hard)", "full: RLIMIT_NPROC (ulimit -u) (700)", 600, 699)


def test_pids_of_a_control_group() -> None:
    with group("pids", {"pids.max": 900}) as enter:
        outcome, error = hit("thread-brigade", before=enter)
    name = str(outcome["limit"])
    assert name.endswith(f"tracer-test-{os.getpid()}/pids.max")
    check(outcome, error, name, f"full: {name} (900)", 890, 899)


def test_threads_of_the_system() -> None:
    most = threads_now() + 1500
    with sysctl("kernel.threads-max", most):
        outcome, error = hit("thread-mem-brigade")
    check(outcome, error, "kernel.threads-max", f"full: kernel.threads-max ({most})", 1300, 1500)


def test_numbers_of_processes() -> None:
    most = threads_now() + 300 + 1500
    with sysctl("kernel.pid_max", most):
        outcome, error = hit("thread-mem-brigade")
    check(outcome, error, "kernel.pid_max", f"full: kernel.pid_max ({most})", 1300, 1800)


def test_memory_areas() -> None:
    with sysctl("vm.max_map_count", 8000):
        outcome, error = hit("thread-mem-brigade")
    check(outcome, error, "vm.max_map_count", "the limit is 8000: raise vm.max_map_count",
          1800, 1990)  # fmt: skip


def test_address_space() -> None:
    size = (64 << 20) * 8 * (os.cpu_count() or 1) + (2 << 30)
    outcome, error = hit("thread-mem-brigade", before=lowered(resource.RLIMIT_AS, size))
    check(outcome, error, "RLIMIT_AS (hard)", "raise RLIMIT_AS", 2000, 2110)


def test_watches() -> None:
    with sysctl("fs.epoll.max_user_watches", 6000):
        outcome, error = hit("async-brigade", NOBODY)  # they are counted by user
    check(outcome, error, "fs.epoll.max_user_watches", "raise fs.epoll.max_user_watches",
          2950, 3000)  # fmt: skip


def open_files() -> int:
    return int(Path("/proc/sys/fs/file-nr").read_text().split()[0])


def settled_open_files(deadline_s: float) -> int:
    """Open files of the system, once other processes have opened and closed few for 0.2 s."""
    now = open_files()
    while time.monotonic() < deadline_s:
        before = now
        time.sleep(0.2)
        now = open_files()
        if abs(now - before) <= 10:
            break
    return now


def test_files_of_the_system() -> None:
    deadline_s = time.monotonic() + 30
    while True:  # other processes open files too: between the prediction and the run as well
        with sysctl("fs.file-max", settled_open_files(deadline_s) + 4000):
            outcome, error = hit("one-thread-brigade", NOBODY)
        if (outcome["fits"] and not outcome["beyond"]) or time.monotonic() > deadline_s:
            break
    check(outcome, error, "fs.file-max", "raise fs.file-max", 1700, 2100)


def test_memory_of_a_control_group() -> None:
    is_first = not (GROUPS / "cgroup.controllers").exists()
    name = "memory.limit_in_bytes" if is_first else "memory.max"
    with group("memory", {name: 400 << 20}) as enter:
        outcome, error = hit("thread-mem-brigade", before=enter)
    limit = str(outcome["limit"])
    assert limit.endswith(f"tracer-test-{os.getpid()}/{name}")
    check(outcome, error, limit, "killed by SIGKILL", 9000, 11800)
