"""Where a window begins and ends, and what lies between two of them."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from meaning import MS, Planted, facts_of, near, told, working
from processes import is_running
from programs import start
from test_attach import attach


def test_a_command_lasts_until_its_parents_wait_returns(tmp_path, compiled):
    """Its memory goes back to the kernel after its last own instruction."""
    for _ in range(3):
        file = tmp_path / "report.json"
        running = start("run", "--json", str(file), "--", compiled("big_exit"), "800")
        assert running.stdout is not None
        facts = facts_of(running.stdout.readline() + running.stdout.readline())
        while is_running(facts["pid"]):
            time.sleep(0.0005)
        gone = time.monotonic_ns()
        out, err = running.communicate(timeout=30)
        assert running.returncode == 0, err
        facts |= facts_of(out)
        assert gone - facts["end"] >= 5 * MS, "the memory took its time to be freed"
        window_ns = json.loads(file.read_text())["window_ns"]
        assert near(window_ns, gone - facts["begin"], share=0.02, slack_ns=2 * MS)


def test_the_end_of_a_child_is_on_the_path(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("big_exit"), "400", "child"))
    assert near(
        document["window_ns"], facts["waited"] - facts["begin"], share=0.02, slack_ns=3 * MS
    )
    assert working(document) >= 0.97 * document["window_ns"]


def test_nothing_is_unseen_between_intervals(tmp_path: Path, compiled):
    program = Planted(compiled("counted_calls"))
    try:
        file = tmp_path / "windows.json"
        running = attach(str(program.pid), "--interval", "0.25", "--json", str(file))
        program.stdin.write("\n")
        program.stdin.flush()
        calls = facts_of(program.out.readline())["calls"]
        time.sleep(0.3)
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
    finally:
        program.end()
    windows = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(windows) >= 5
    seen = [
        sum(c["calls"] for c in window["syscalls"] if c["name"] == "getppid") for window in windows
    ]
    assert sum(seen) == calls
