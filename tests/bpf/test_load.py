"""Experiments beside real load: it is seen and told first, and no verdict rests on it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from quiet import idle_share, wait_until_idle

ROOT = Path(__file__).parents[2]
SPIN = "while True: pass"
SMALL = "--tasks 50 --iters 100"
CPUS = sorted(os.sched_getaffinity(0))
NO_VERDICT = "no verdict"


@contextlib.contextmanager
def spinners() -> Iterator[list[subprocess.Popen[bytes]]]:
    """A process on each CPU that computes for ever."""
    started = [
        subprocess.Popen(["taskset", "-c", str(cpu), sys.executable, "-c", SPIN]) for cpu in CPUS
    ]
    try:
        yield started
    finally:
        for process in started:
            process.kill()
            process.wait()


def tracer(state: Path, *words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tracer", *words], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=timeout_s, env={**os.environ, "XDG_STATE_HOME": str(state)},
    )  # fmt: skip


def measured(state: Path, *words: str) -> tuple[str, dict[str, Any]]:
    """The text report and the document of one experiment."""
    file = state / "report.json"
    done = tracer(state, *words, "--json", str(file))
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text())


SWEEP = ("sweep", f"thread-brigade {SMALL}", f"one-thread-brigade {SMALL}", "--untraced",
         "--over", "tokens=1,4", "--rounds", "3")  # fmt: skip


def check_busy(text: str, load: dict[str, Any], noun: str, blocks: int) -> None:
    """Each CPU has a spinner beside the workload: it takes about half of the CPU, or more."""
    assert " ".join(text.split()).startswith(
        f"Busy host: in all {blocks} {noun}s other programs used "
    )
    assert load["before"]["others"] > 0.8
    assert [block["disturbed"] for block in load["blocks"]] == [True] * blocks
    assert all(0.3 < block["others"] <= 1.05 for block in load["blocks"])
    assert load["verdict_allowed"] is False


def test_a_sweep_beside_a_spinner_on_each_cpu(tmp_path: Path) -> None:
    with spinners():
        text, document = measured(tmp_path, *SWEEP)
    check_busy(text, document["load"], "round", 3)
    for crossing in document["crossings"]:
        assert crossing["between"] is None and NO_VERDICT in crossing["words"]


@pytest.mark.slow
def test_compare_beside_a_spinner_on_each_cpu(tmp_path: Path) -> None:
    lines = (f"thread-brigade {SMALL}", f"one-thread-brigade {SMALL}")
    with spinners():
        text, document = measured(tmp_path, "compare", *lines, "--untraced")
    check_busy(text, document["load"], "block", 12)
    assert document["differs"] is False and document["words"].startswith(NO_VERDICT)
    schema = ROOT / "docs" / "schema" / "tracer.compare-1.json"
    jsonschema.Draft202012Validator(json.loads(schema.read_text())).validate(document)


def test_a_budget_is_not_judged_beside_load(tmp_path: Path) -> None:
    lines = (f"thread-brigade {SMALL}", f"one-thread-brigade {SMALL}")
    words = ("compare", *lines, "--untraced", "--rounds", "2", "--budget", "ratio<=0.01")
    with spinners():
        done = tracer(tmp_path, *words)
    assert done.returncode == 3
    assert "no budget is judged" in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")
def test_explain_beside_a_spinner_on_each_cpu(tmp_path: Path) -> None:
    line = "thread-brigade --tasks 10 --iters 50"
    with spinners():
        text, document = measured(tmp_path, "explain", "pinning", "--workload", line,
                                  "--rounds", "2")  # fmt: skip
    check_busy(text, document["load"], "block", 2)
    assert document["answer"] == ["No verdict: the host was busy while this was measured."]
    assert {theory["verdict"] for theory in document["theories"]} == {"not tested"}
    assert document["prediction"] is None and document["advice"] == []


def test_it_waits_in_vain_beside_a_spinner(tmp_path: Path) -> None:
    with spinners():
        done = tracer(tmp_path, *SWEEP, "--wait-quiet", "1.5")
    assert done.returncode == 1 and done.stdout == ""
    assert "no quiet host in 1.5 s: at the end other programs used " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_on_a_quiet_host_there_is_a_verdict(tmp_path: Path) -> None:
    """The spinners end while it waits. The same two lines whose order is known: a hop of threads
    takes several times as long as its reads and writes alone."""
    deadline_s = time.monotonic() + 40
    seen = []
    while time.monotonic() < deadline_s:
        wait_until_idle(deadline_s, least=0.95)
        with spinners() as started:
            running = subprocess.Popen(
                [sys.executable, "-m", "tracer", *SWEEP, "--wait-quiet", "60", "--json", "-"],
                cwd=ROOT, text=True, stdout=subprocess.PIPE,
                env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
            )  # fmt: skip
            time.sleep(2)
            assert running.poll() is None, "it waits while they spin"
            for process in started:
                process.kill()
            out, _err = running.communicate(timeout=120)
        assert running.returncode == 0
        document = json.loads(out)
        load, idle_after = document["load"], idle_share(0.5)
        assert max(load["before"].values()) <= 0.1
        if not any(block["disturbed"] for block in load["blocks"]):
            assert load["verdict_allowed"] is True
            assert "one-thread-brigade" in document["crossings"][0]["words"]
            assert NO_VERDICT not in document["crossings"][0]["words"]
            return
        seen.append((load["blocks"], idle_after))
    pytest.skip(f"no quiet run in 40 s: {seen}")
