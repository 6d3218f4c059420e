"""`tracer compare` on real runs: what must hold on any machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from quiet import busy_blocks, wait_until_idle

ROOT = Path(__file__).parents[2]
TRACER = (sys.executable, "-m", "tracer", "compare")
CPU = max(os.sched_getaffinity(0))
SMALL = "--tasks 50 --iters 60 --warmups 5"


def compare(state: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*TRACER, *words], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "XDG_STATE_HOME": str(state)},
    )  # fmt: skip


def test_a_workload_against_itself_shows_no_difference(tmp_path):
    """A false alarm comes less than once in 20; three in a row, once in 8,000."""
    line = f"thread-brigade {SMALL} --cpus {CPU}"
    for _ in range(3):
        done = compare(tmp_path, line, line, "--untraced", "--json", "-")
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        if not document["differs"] and not busy_blocks(document):
            break
        wait_until_idle(time.monotonic() + 20)
    if busy_blocks(document):
        pytest.skip(f"the host was busy three times: {busy_blocks(document)}")
    assert document["words"].startswith("no difference beyond noise")
    assert document["ratio"]["blocks"] == 12
    assert not list((tmp_path / "tracer").iterdir()), "a complete experiment leaves no file"


@pytest.mark.slow
def test_pinned_against_unpinned_and_its_reasons(tmp_path):
    done = compare(
        tmp_path, f"thread-brigade {SMALL}", f"thread-brigade {SMALL} --cpus {CPU}",
        "--rounds", "12", "--json", "-",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    a, b = (sum(line[side] for line in document["lines"]) for side in ("a_ns", "b_ns"))
    gap = sum(line["difference_ns"]["median"] for line in document["lines"])
    assert abs((a - b) - gap) <= len(document["lines"])  # each is rounded
    counts = document["per_unit"]
    assert counts["wake-ups to another CPU, idle"]["b"] == 0
    assert abs(counts["system calls"]["a"] - 2 * 51 / 50) < 0.01
    if document["differs"] and document["traced_ratio"]["low"] > 1.2 and document["steal"] < 0.02:
        crossing = {"wakeup:idle", "wakeup:queued"}
        assert document["lines"][0]["name"] in crossing
        assert counts["wake-ups to another CPU, idle"]["a"] > 0.05


def test_an_interrupted_comparison_continues_with_the_same_command(tmp_path):
    words = [f"thread-brigade {SMALL}", f"thread-brigade {SMALL} --cpus {CPU}", "--untraced"]
    words += ["--rounds", "12", "--json", "-"]
    running = subprocess.Popen(
        [*TRACER, *words], cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    saved: list[str] = []
    while len(saved) < 5 and time.monotonic() < deadline:
        time.sleep(0.02)
        saved = [line for file in (tmp_path / "tracer").glob("*") for line in file.open()]
    running.send_signal(signal.SIGINT)
    _out, err = running.communicate(timeout=30)
    assert running.returncode == 130
    assert "run the same command again to continue" in err
    (file,) = (tmp_path / "tracer").iterdir()
    before = file.read_text().splitlines()
    assert len(before) >= 5
    done = compare(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    load = json.loads(done.stdout)["load"]
    assert len(load["blocks"]) == 12
    assert load["resumed"]["saved"] == len(before) - 1 and load["resumed"]["runs"] == 36
    assert f"{len(before) - 1} of 36 runs are taken from less than a minute ago" in done.stderr


def test_budgets_of_counts(tmp_path):
    words = ["run", "thread-brigade", *SMALL.split(), "--no-baseline", "--cpus", str(CPU)]
    for budget, status in (("syscalls.recvfrom.per_unit<=1.02", 0), ("window_ns<=1", 4)):
        done = subprocess.run(
            [*TRACER[:-1], *words, "--budget", budget],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stderr
    assert "budget broken: window_ns is " in done.stderr


def test_saved_reports_of_different_hosts_give_a_warning(tmp_path):
    file, other = tmp_path / "a.json", tmp_path / "b.json"
    subprocess.run(
        [*TRACER[:-1], "run", "thread-brigade", *SMALL.split(), "--no-baseline", "--json", file],
        cwd=ROOT, capture_output=True, check=True,
    )  # fmt: skip
    document = json.loads(file.read_text())
    document["host"]["fingerprint"]["kernel"] = "9.9"
    other.write_text(json.dumps(document))
    done = compare(tmp_path, str(file), str(other))
    assert done.returncode == 0, done.stderr
    assert "Warning: the reports are of different hosts:" in done.stdout
    assert "kernel: " in done.stdout and "against 9.9" in done.stdout
    assert "not enough runs to tell: 1 block, 12 would do" in done.stdout
    done = compare(tmp_path, str(file), str(file))
    assert "Warning" not in done.stdout


def test_commands_are_started_as_often_as_the_first_line_says(tmp_path):
    log = tmp_path / "log"
    lines = [f"sh -c 'echo {s} >> {log}; echo noise; sleep 0.0{n}'" for s, n in ("a1", "b2")]
    done = compare(tmp_path, "--rounds", "2", "--json", "-", "--", *lines)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)  # and nothing of the commands' own
    assert document["unit"] == "run"
    assert "tracer: A is started 6 times and B 4 times" in done.stderr
    started = log.read_text().split()
    assert (started.count("a"), started.count("b")) == (6, 4)
    assert document["per_unit"]["system calls"]["a"] > 10


def test_commands_that_run_for_a_time_are_compared_by_their_own_count(tmp_path, compiled):
    """Twice the time and about twice the rounds, so that a round takes as long."""
    lines = [f"taskset -c {CPU} {compiled('knobs')} for-time {ms}" for ms in (100, 200)]
    words = ("--rounds", "3", "--untraced", "--json", "-", "--unit-from")
    done = compare(tmp_path, *words, r"^rounds (\d+)", "--", *lines)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["unit"] == "unit"
    assert 0.7 < document["ratio"]["median"] < 1.4
    for side in ("a", "b"):
        assert document[side]["ns_per_unit"] < 100_000
    done = compare(tmp_path, *words, r"^laps (\d+)", "--", *lines)
    assert done.returncode == 2
    assert "'^laps (\\d+)' matches nothing in the command's standard output" in done.stderr


def test_a_command_that_fails_ends_the_comparison(tmp_path):
    done = compare(tmp_path, "--rounds", "2", "--", "sh -c 'exit 3'", "true")
    assert done.returncode == 1
    assert "ended with exit status 3: its runs cannot be compared" in done.stderr
