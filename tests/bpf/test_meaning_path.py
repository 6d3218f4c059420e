"""The critical path against programs that planted it: who ended them, what they waited for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from meaning import MS, delayed, facts_of, near, on_cpu, path, told, waited, working
from programs import ROOT
from test_attach import attach, report

HERE = Path(__file__).parent / "planted"


@pytest.mark.parametrize("way", ["close"])
def test_a_close_that_runs_after_its_call_is_the_closers_work(tmp_path, compiled, way):
    document, facts = told(tmp_path, (compiled("late_close"), way))
    assert near(working(document), facts["computed_ns"], slack_ns=3 * MS)
    assert waited(document) <= 0.01 * document["window_ns"]


def test_a_notified_condition_is_the_notifiers_work(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("timed_condition"), "notified"))
    assert facts["expired"] == 0
    assert near(working(document), facts["computed_ns"], slack_ns=3 * MS)
    assert waited(document) <= 0.03 * document["window_ns"]


@pytest.mark.parametrize("mode", ["poll", "poll-after-notify"])
def test_a_periodic_look_at_a_flag_is_waiting(tmp_path, compiled, mode):
    document, facts = told(tmp_path, (compiled("timed_condition"), mode))
    assert facts["expired"] >= 20
    assert near(waited(document) + delayed(document), facts["waited_ns"])
    assert on_cpu(path(document)) <= 0.03 * document["window_ns"]


def test_a_go_program(tmp_path):
    if shutil.which("go") is None:
        pytest.skip("no go on this machine")
    made = tmp_path / "lock_and_channel"
    subprocess.run(
        ("go", "build", "-o", str(made), str(HERE / "lock_and_channel.go")),
        env={**os.environ, "GOCACHE": str(ROOT / "build" / "go"), "GO111MODULE": "off"},
        check=True,
        timeout=120,
    )
    document, facts = told(tmp_path, (str(made),))
    assert near(working(document), facts["computed_ns"], slack_ns=5 * MS)
    assert near(waited(document), facts["slept_ns"], slack_ns=3 * MS)


def test_a_java_monitor(tmp_path):
    if shutil.which("javac") is None:
        pytest.skip("no javac on this machine")
    subprocess.run(("javac", "-d", str(tmp_path), str(HERE / "Monitor.java")), check=True)
    pipe = subprocess.PIPE
    words = ("java", "-cp", str(tmp_path), "Monitor")
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as java:
        assert java.stdin is not None and java.stdout is not None
        while java.stdout.readline() != "ready\n":
            assert java.poll() is None
        main = next(
            task.name
            for task in Path(f"/proc/{java.pid}/task").iterdir()
            if task.name != str(java.pid) and (task / "comm").read_text() == "java\n"
        )
        file = tmp_path / "report.json"
        running = attach(str(java.pid), "--path-of", main, "--json", str(file))
        java.stdin.write("\n")
        java.stdin.flush()
        facts = facts_of(java.stdout.readline())
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=30)
        java.stdin.close()
    document = report(file)
    assert near(working(document), facts["computed_ns"])
    parts = path(document)
    assert near(parts["sleep"] + parts["timed_wait"], facts["slept_ns"])
