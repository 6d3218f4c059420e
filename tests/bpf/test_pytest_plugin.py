"""The pytest plugin on the real kernel, in projects of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from programs import need

pytest_plugins = ["pytester"]

PROJECT = """
import os, time, pytest

@pytest.mark.tracer(budget=["syscalls.getppid.calls<=100"])
def test_kept():
    for _ in range(100): os.getppid()

@pytest.mark.tracer(budget=["syscalls.getppid.calls<=100"])
def test_broken():
    for _ in range(101): os.getppid()

@pytest.mark.tracer(budget=["syscalls.clock_nanosleep.per_unit<=1"])
def test_block(traced):
    os.getppid()
    with traced(units=10) as t:
        for _ in range(10): time.sleep(0.001)
    assert [call.name for call in t.calls] == ["clock_nanosleep"]
    assert t.value("syscalls.clock_nanosleep.per_unit") == 1
"""
SUMMARY = [
    "*= tracer =*",
    "*test_*, 100 system calls, *",
]


def test_budgets_on_counts_are_exact(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACER_FORCE_BPF", "1")
    pytester.makepyfile(PROJECT)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--strict-markers")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["budget broken: syscalls.getppid.calls is 101, *"])
    result.stdout.fnmatch_lines(SUMMARY)


def test_processes_of_xdist_send_their_lines(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(PROJECT)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "2")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(SUMMARY)


def test_an_ordinary_user_sees_why_it_is_skipped() -> None:
    need("setpriv")
    user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    if subprocess.run([*user, "test", "-r", __file__], check=False).returncode:
        pytest.skip("an ordinary user cannot read the clone")
    with tempfile.TemporaryDirectory() as made:  # that of pytest is root's alone
        directory = Path(made)
        directory.chmod(0o755)
        (directory / "test_project.py").write_text(PROJECT)
        done = subprocess.run(
            [*user, sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider"],
            cwd=directory,
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TRACER_FORCE_BPF": ""},
        )
    assert "3 skipped" in done.stdout.splitlines()[-1], done.stdout + done.stderr
    assert "tracer cannot trace here: loading BPF programs needs root's rights" in done.stdout
