"""The critical path against programs that planted it: who ended them, what they waited for."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from meaning import MS, delayed, facts_of, near, on_cpu, path, told, waited, working
from programs import ROOT, start
from test_attach import attach, report

HERE = Path(__file__).parent / "planted"


def test_the_thread_that_ends_the_program_has_the_path(tmp_path, compiled):
    for _ in range(5):
        document, facts = told(tmp_path, (compiled("exit_beside_spinner"),))
        assert near(path(document)["sleep"], facts["slept_ns"])
        assert path(document)["user"] < 0.03 * document["window_ns"]


@pytest.mark.parametrize("way", ["close", "dup2"])
def test_a_close_that_runs_after_its_call_is_the_closers_work(tmp_path, compiled, way):
    document, facts = told(tmp_path, (compiled("late_close"), way))
    assert near(working(document), facts["computed_ns"], slack_ns=3 * MS)
    assert waited(document) <= 0.01 * document["window_ns"]


@pytest.fixture
def steering() -> Iterator[str]:
    """A network namespace whose loopback steers what it receives to CPU 1."""
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two CPUs")
    name = f"steered-{os.getpid()}"
    made = subprocess.run(("ip", "netns", "add", name), capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no network namespace can be made here: {made.stderr.strip()}")
    inside = ("ip", "netns", "exec", name)
    try:
        subprocess.run((*inside, "ip", "link", "set", "lo", "up"), check=True)
        steer = "echo 2 > /sys/class/net/lo/queues/rx-0/rps_cpus"
        subprocess.run((*inside, "sh", "-c", steer), check=True)
        yield f"/run/netns/{name}"
    finally:
        subprocess.run(("ip", "netns", "delete", name), check=True)


def test_a_steered_wake_up_is_not_that_of_whom_it_interrupts(tmp_path, compiled, steering):
    command = ("nsenter", f"--net={steering}", compiled("steered_receive"))
    document, facts = told(tmp_path, command)
    parts = path(document)
    assert document["sched"]["outside_wakers"]["softirq"] >= 95, "none is the bystander's"
    assert near(parts["external"], facts["computed_ns"], slack_ns=15 * MS)
    assert parts["syscall:process"] <= 0.05 * facts["computed_ns"], "the bystander's calls"


def test_a_client_on_loopback_is_another_process(tmp_path, compiled):
    file, rounds = tmp_path / "report.json", "2000"
    program = compiled("tcp_ping_pong")
    running = start("run", "--json", str(file), "--", program, "serve", rounds)
    assert running.stdout is not None
    port = running.stdout.readline().split()[1]
    subprocess.run((program, "ask", port, rounds), check=True, timeout=30)
    _out, err = running.communicate(timeout=30)
    assert running.returncode == 0, err
    wakers = report(file)["sched"]["outside_wakers"]
    assert sum(wakers.values()) >= 0.5 * int(rounds)
    assert wakers["other_process"] >= 0.95 * sum(wakers.values())
    assert wakers["softirq"] <= 0.01 * sum(wakers.values())


def test_a_timed_wait_for_a_lock_is_its_holders_work(tmp_path, compiled):
    for _ in range(5):
        document, facts = told(tmp_path, (compiled("timed_lock"),))
        if min(facts["expired"], facts["free_at_once"]) >= 36:
            break
    else:
        pytest.skip("the host was too busy for the program to keep its schedule")
    assert facts["waited_ns"] >= 0.35 * facts["elapsed_ns"]
    assert near(working(document), facts["elapsed_ns"])
    assert waited(document) <= 0.03 * document["window_ns"]


def test_a_notified_condition_is_the_notifiers_work(tmp_path, compiled):
    document, facts = told(tmp_path, (compiled("timed_condition"), "notified"))
    assert facts["expired"] == 0
    least, most = facts["computed_ns"], facts["computed_ns"] + delayed(document)
    assert 0.97 * least - 3 * MS <= working(document) <= 1.03 * most + 3 * MS
    assert waited(document) <= 0.03 * document["window_ns"]


@pytest.mark.parametrize("mode", ["poll", "poll-after-notify", "poll-beside-work"])
def test_a_periodic_look_at_a_flag_is_waiting(tmp_path, compiled, mode):
    document, facts = told(tmp_path, (compiled("timed_condition"), mode))
    assert facts["expired"] >= 20
    assert near(waited(document) + delayed(document), facts["waited_ns"])
    assert on_cpu(path(document)) <= 0.03 * document["window_ns"]


def test_threads_that_share_the_interpreters_lock_do_not_wait(tmp_path):
    document, facts = told(tmp_path, (sys.executable, str(HERE / "gil_pool.py")))
    assert facts["cpu_ns"] >= 0.6 * facts["wall_ns"], "what is missing went to other programs"
    assert waited(document) <= 0.02 * document["window_ns"]


def test_a_thread_that_waits_for_the_interpreters_lock_waits_for_its_holder(tmp_path):
    document, facts = told(tmp_path, (sys.executable, str(HERE / "gil_handoff.py")))
    assert facts["answered_ns"] >= 50 * 0.2 * facts["switch_interval_ns"]
    assert waited(document) <= 0.03 * document["window_ns"]
    assert working(document) >= facts["elapsed_ns"]


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
