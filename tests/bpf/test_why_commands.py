"""`tracer explain -- COMMAND` on programs of which it is known what helps them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from programs import ROOT, TRACER, need
from quiet import busy_blocks, wait_until_idle

from tracer.analysis.statistics.intervals import ENOUGH_BLOCKS

HERE = Path(__file__).parent
#: More than the 12 that a claim needs: some may meet load.
FULL = ("--rounds", "14")


def explain(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TRACER, "explain", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
        env={**os.environ, "XDG_STATE_HOME": str(state)},
    )  # fmt: skip


def found(document: Any) -> dict[str, str]:
    return {change["label"]: change["found"] for change in document["changes"][1:]}


@pytest.fixture
def answer(tmp_path: Path) -> Callable[..., Any]:
    """The document of `tracer explain words` with enough quiet blocks; else the test is skipped."""

    def explained(*words: str) -> Any:
        for _ in range(3):
            idle = wait_until_idle(time.monotonic() + 20)
            if idle < 0.5:
                pytest.skip(f"the host is busy: its CPUs are idle for {100 * idle:.0f} %")
            done = explain(tmp_path, *FULL, "--json", "-", *words)
            assert done.returncode == 0, done.stderr
            document = json.loads(done.stdout)
            if len(document["load"]["blocks"]) - len(busy_blocks(document)) >= ENOUGH_BLOCKS:
                return document
        pytest.skip(f"the host was busy three times: {busy_blocks(document)}")

    return explained


@pytest.mark.slow
def test_one_cpu_helps_two_threads_that_take_turns(answer, compiled):
    """On two CPUs each pass wakes a CPU or crosses to another; on one it does not."""
    document = answer("--", compiled("knobs"), "ping-pong", "6000")
    base, pinned = document["changes"][0], document["changes"][1]
    assert pinned["label"] == "one CPU"
    spread = document["noise_floor"]["high"] - document["noise_floor"]["low"]
    if base["ns_per_unit"]["median"] < 1.1 * pinned["ns_per_unit"]["median"] or spread > 0.3:
        assert found(document)["one CPU"] != "hurts"  # both stay on one CPU by themselves here
        return
    assert found(document)["one CPU"] == "helps", document["answer"]
    assert document["answer"][0].startswith("What helps: ")
    assert re.search(r"one CPU, [\d.]+x \[.*\] as fast \(taskset -c \d+ COMMAND\)",
                     document["answer"][0])  # fmt: skip


@pytest.mark.slow
def test_one_cpu_hurts_parallel_work(answer, compiled):
    document = answer("--", compiled("knobs"), "parallel", "30")
    assert found(document)["one CPU"] == "hurts", document["answer"]
    gain = document["changes"][1]["gain"]["median"]
    assert 0.4 < gain < 0.65
    assert "What hurts: one CPU, which takes" in " ".join(document["answer"])


@pytest.mark.slow
def test_nothing_helps_a_sleep(answer):
    document = answer("--", "sleep", "0.15")
    assert document["fixed_time"] != "yes"
    assert not {"helps", "hurts"} & set(found(document).values()), document["answer"]
    assert not any("What helps" in sentence for sentence in document["answer"])


@pytest.fixture(scope="module")
def go_workers(tmp_path_factory) -> str:
    need("go")
    made = tmp_path_factory.mktemp("go") / "workers"
    subprocess.run(
        ("go", "build", "-o", str(made), str(HERE / "planted" / "workers.go")),
        env={**os.environ, "GOCACHE": str(ROOT / "build" / "go"), "GO111MODULE": "off"},
        check=True,
    )
    return str(made)


@pytest.mark.slow
def test_more_workers_help_a_go_program_whose_jobs_wait(answer, go_workers):
    document = answer("--", go_workers)
    cpus = len(os.sched_getaffinity(0))
    double, half = f"GOMAXPROCS={2 * cpus}", f"GOMAXPROCS={cpus // 2}"
    assert found(document)[double] == "helps", document["answer"]
    gains = {change["label"]: change["gain"] for change in document["changes"][1:]}
    assert 1.7 < gains[double]["median"] < 2.1
    assert found(document)[half] == "hurts"
    assert f"{double}, " in document["answer"][0]
    assert f"({double} COMMAND)" in document["answer"][0]


@pytest.mark.slow
def test_a_fixed_time_is_recognised_and_its_count_answers(answer, compiled):
    words = ("--", compiled("knobs"), "for-time", "70")
    document = answer(*words)
    times = [change["ns_per_unit"]["median"] for change in document["changes"]]
    assert max(times) < 1.02 * min(times)
    assert document["fixed_time"] in ("yes", "perhaps")
    assert "--unit-from" in " ".join(document["answer"])
    assert "helps" not in found(document).values()
    counted = answer("--unit-from", r"^rounds (\d+)", *words)
    assert (counted["unit"], counted["fixed_time"]) == ("unit", "no")
    for run in counted["runs"]:
        assert run["result"]["units"] > 50
    # what helps a round is what helps the same rounds without a time limit
    gain = counted["changes"][1]["gain"]
    expected = "helps" if gain["low"] > 1.1 else found(counted)["one CPU"]
    assert found(counted)["one CPU"] == expected


def test_a_quick_look_is_no_claim(tmp_path, compiled):
    """What it says first: as many starts as there are; also from a busy host."""
    log = tmp_path / "log"
    words = ("--quick", "--json", "-", "--", "sh", "-c", f"echo x >> {log}; echo noise")
    done = explain(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert {"helps", "hurts"}.isdisjoint(found(document).values())
    said = " ".join(done.stderr.split())  # folded as its words fall
    assert f"the command is started {document['starts']} times: once traced" in said
    assert re.search(r"its first run took .*: about \d+ s in all", said)
    assert log.read_text().count("x") == document["starts"] == 1 + 4 * (2 + len(found(document)))
    assert not list((tmp_path / "tracer").iterdir()), "a complete experiment leaves no file"


def test_a_change_that_the_command_does_not_stand_is_not_tested(tmp_path):
    done = explain(tmp_path, "--quick", "--json", "-", "--", "sh", "-c", "test $(nproc) -gt 1")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert "one CPU" not in found(document)
    assert "ended with exit status 1" in document["not_tested"]["one CPU"]
    done = explain(tmp_path, "--quick", "--", "false")
    assert done.returncode == 1
    assert "ended with exit status 1" in done.stderr
    done = explain(tmp_path, "--quick", "--unit-from", "n ([0-9]+)", "--", "true")
    assert done.returncode == 2
    assert "matches nothing in the command's standard output, which is empty" in done.stderr
