"""Memory per task on the real kernel, against arithmetic: stacks, page tables, what was touched."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workloads._needs import signal_stack_bytes

ROOT = Path(__file__).parents[2]
KIB = 1024


def measured(tmp_path: Path, *words: str) -> dict[str, dict[str, dict[str, float]]]:
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "memory", *words, "--json", "-"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        env={"PATH": "/usr/bin:/bin", "XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not list((tmp_path / "tracer").iterdir()), "a complete experiment leaves no file"
    return {one["line"]: one["per_task"] for one in json.loads(done.stdout)["workloads"]}


def test_threads_and_tasks(tmp_path: Path) -> None:
    by_line = measured(tmp_path, "thread-brigade", "async-mem-brigade", "--tasks", "1000:4000:500")
    threads, tasks = by_line["thread-brigade"], by_line["async-mem-brigade"]
    # a stack of 1 MiB and a signal stack, a guard page each
    virtual = (1024 + 8) * KIB + signal_stack_bytes()
    assert threads["virtual"]["slope"] == pytest.approx(virtual, rel=0.002)
    # two pages touched of each stack, and what the allocator gave
    assert threads["proportional"]["slope"] == pytest.approx(9.5 * KIB, rel=0.02)
    assert threads["kernel_stack"]["slope"] == pytest.approx(16 * KIB, rel=0.02)
    # a page of page tables maps 2 MiB, so two threads
    assert threads["page_tables"]["slope"] == pytest.approx(2 * KIB * 1040 / 1024, rel=0.1)
    assert tasks["proportional"]["slope"] < 0.2 * threads["proportional"]["slope"]
    assert abs(tasks["kernel_stack"]["slope"]) < 64
