"""A report that is not to be trusted says so first, and decides the exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from programs import ROOT, TRACER, is_open

#: tracer with room for 511 threads: the loss is the kernel programs' own.
SMALL = (
    "import tracer.model.threads; tracer.model.threads.SLOT_BITS = 9\n"
    "import tracer.kernel.seed; tracer.kernel.seed._SPARE = 8\n"
    "from tracer.cli.main import main; main()"
)
THREADS = """
import sys, threading, time
time.sleep(float(sys.argv[1]))
made = [threading.Thread(target=time.sleep, args=(0.5,)) for _ in range(600)]
for thread in made: thread.start()
for thread in made: thread.join()
"""
Done = subprocess.CompletedProcess[str]


def small(*words: str) -> Done:
    return subprocess.run(
        [sys.executable, "-c", SMALL, *words],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def first_line(report: str) -> str:
    """The first line of a report with what it was wrapped to; messages are before it."""
    lines = [line for line in report.splitlines() if not line.startswith("tracer: ")]
    end = next(n for n, line in enumerate(lines) if n and not line.startswith("  "))
    return " ".join(line.strip() for line in lines[:end])


def check(document: Any, report: str) -> None:
    lost = document["losses"]["by_kind"]["thread_table_full"]
    assert lost >= 600 - 511
    assert document["doubts"]
    assert first_line(report).startswith("NOT TO BE TRUSTED: ")
    assert f"{lost} thread table full" in first_line(report)


@pytest.mark.parametrize(("strict", "status"), [((), 0), (("--strict",), 3)])
def test_a_command_has_its_own_status_unless_strict(tmp_path, strict, status):
    file = tmp_path / "report.json"
    command = (sys.executable, "-c", THREADS, "0")
    done = small("run", *strict, "--json", str(file), "--", *command)
    assert done.returncode == status, done.stderr
    check(json.loads(file.read_text()), done.stderr)


def test_attach_has_status_3_after_losses(tmp_path):
    file = tmp_path / "report.json"
    target = subprocess.Popen([sys.executable, "-c", THREADS, "4"])
    try:
        done = small("attach", str(target.pid), "--json", str(file))
    finally:
        target.wait()
    assert done.returncode == 3, done.stderr
    check(json.loads(file.read_text()), done.stdout)


@pytest.mark.parametrize("light", [(), ("--light",)])
def test_attach_has_status_3_exactly_where_a_ledger_is_open(tmp_path: Path, light):
    """A thread that computes from before tracer came: with --light its time has a name at once."""
    file = tmp_path / "report.json"
    spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    words = ["attach", str(spinner.pid), "--duration", "0.5", *light, "--json", str(file)]
    try:
        done = subprocess.run(
            [*TRACER, *words], cwd=ROOT, capture_output=True, text=True, check=False
        )
    finally:
        spinner.kill()
        spinner.wait()
    document = json.loads(file.read_text())
    doubtful = is_open(document) or document["losses"]["total"] > 0
    assert done.returncode == (3 if doubtful else 0)
    assert ("the ledger of" in first_line(done.stdout)) == is_open(document)
