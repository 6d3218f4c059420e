"""Recordings of real runs: they have what the kernel counted, whatever ends them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from processes import child_of, until
from programs import start

from tracer import probes
from tracer.analysis.events.hops import hops_of
from tracer.capture.workload import run_traced
from tracer.experiment.line import condition
from tracer.host import recordings
from tracer.kernel.engine import Engine
from tracer.model.events import Events, Kind, Outcome
from tracer.model.states import SOURCES
from tracer.model.syscalls import name_of

PING_PONG = """
import os, threading
there, back = os.pipe(), os.pipe()
def pass_on(source, sink):
    while byte := os.read(source, 1):
        os.write(sink, byte)
threading.Thread(target=pass_on, args=(there[0], back[1]), daemon=True).start()
os.write(there[1], b"x")
pass_on(back[0], there[1])
"""
BRIGADE = "thread-brigade --tasks 20 --iters 100 --warmups 2"


def of_kind(events: Events, kind: Kind) -> np.ndarray:  # type: ignore[type-arg]
    """The events of this kind in the window."""
    rows = events.rows
    inside = (rows["t_ns"] > events.start_ns) & (rows["t_ns"] < events.end_ns)
    return rows[inside & (rows["kind"] == kind)]


@pytest.fixture
def brigade(tmp_path: Path) -> Path:
    """The recording of a workload's run: another one where a test is run again."""
    directory = tmp_path / "r"
    options = ("--no-baseline", "--quiet", "--record", str(directory))
    running = start("run", *BRIGADE.split(), *options)
    _out, err = running.communicate(timeout=120)
    assert running.returncode in (0, 3), err  # 3: a busy host may hide switches
    return directory


def test_it_has_the_calls_switches_and_wake_ups_that_the_kernel_counted(brigade: Path) -> None:
    events, meta = recordings.read(brigade), recordings.read_meta(brigade)
    report = recordings.read_report(brigade)
    assert meta["complete"] and meta["losses"]["total"] == 0
    assert report["events"]["events"] == meta["events"] == len(events.rows)
    assert report["window_ns"] == events.end_ns - events.start_ns
    calls = Counter(name_of(int(nr)) for nr in of_kind(events, Kind.EXIT)["extra"])
    counted = {call["name"]: call["calls"] for call in report["syscalls"]}
    assert calls["recvfrom"] == counted["recvfrom"] == 21 * 100
    if not report["repairs"]["call_entry_not_seen"] + report["repairs"]["call_return_not_seen"]:
        assert calls == Counter(counted)
    vectors = recordings.read_vectors(brigade)
    switches = of_kind(events, Kind.SWITCH)
    left = np.bincount(switches["thread"], minlength=int(vectors["threads.row"].max()) + 1)
    in_window = vectors["threads.epoch"] == vectors["epoch"]
    rows = vectors["threads.row"][in_window]
    total = vectors["threads.voluntary"] + vectors["threads.involuntary"]
    assert left[rows].tolist() == total[in_window].tolist()
    wakings = of_kind(events, Kind.WAKING)
    ended = (wakings["what"] >> np.uint64(40) & np.uint64(0xFF)) == Outcome.ENDED_SLEEP
    sources = (wakings["what"][ended] >> np.uint64(32) & np.uint64(0xFF)).astype(int)
    found = np.bincount(sources, minlength=len(SOURCES))
    outside = vectors["cpus.sources"].sum(axis=0)
    assert found[1:].tolist() == outside[1:].tolist()


def test_an_event_takes_less_than_4_bytes_on_the_disk(brigade: Path) -> None:
    size = sum(file.stat().st_size for file in brigade.glob("events-*.parquet"))
    assert size <= 4 * recordings.read_meta(brigade)["events"]


def test_nobody_but_the_target_is_in_it(brigade: Path) -> None:
    meta = recordings.read_meta(brigade)
    assert {thread["process"] for thread in meta["threads"]} == {"thread-brigade"}
    assert {thread["tgid"] for thread in meta["threads"]} == {meta["threads"][0]["tgid"]}


def test_the_reader_hardly_ever_runs_and_idle_cpus_are_woken_as_often() -> None:
    """A look can change where one wake-up finds its CPU, not more."""
    spec = condition(BRIGADE.replace("--iters 100", "--iters 300"), "A").spec()
    names = probes.DEFAULT
    shares: dict[bool, list[float]] = {False: [], True: []}
    looks = wakeups = 0
    with contextlib.ExitStack() as stack:
        engines = {False: Engine(names), True: Engine((*names, "events"))}
        for engine in engines.values():
            stack.callback(engine.close)
        for recorded in (False, True, True, False):
            recording = run_traced(engines[recorded], spec)
            woke = {kind: times.count for kind, times in recording.probes["sched"].woke.items()}
            shares[recorded].append(woke["cross_cpu_idle"] / sum(woke.values()))
            reader = engines[recorded].events
            if reader is not None:
                looks += reader.looks
                wakeups += sum(woke.values())
    print("wake-ups of sleeping CPUs, share without and with recording:", shares)
    assert looks < wakeups / 20
    (a, b), (c, d) = shares[False], shares[True]
    assert abs(a + b - c - d) / 2 < abs(a - b) + abs(c - d) + 0.2


@contextlib.contextmanager
def sleeper() -> Iterator[int]:
    code = "import time\nwhile True: time.sleep(0.001)"
    target = subprocess.Popen([sys.executable, "-c", code])
    try:
        yield target.pid
        assert target.poll() is None, "it is left running"
    finally:
        target.kill()
        target.wait()


@contextlib.contextmanager
def ping_pong() -> Iterator[int]:
    """Two threads that pass a byte to and fro."""
    with subprocess.Popen([sys.executable, "-c", PING_PONG]) as target:
        try:
            yield target.pid
            assert target.poll() is None, "it is left running"
        finally:
            target.kill()


@pytest.mark.parametrize("asked", ["p50 hop > 1ns", "max handover > 1ns", "events > 10/s"])
def test_each_kind_of_condition_is_met_by_a_program_that_does_it(
    asked: str, tmp_path: Path
) -> None:
    directory = tmp_path / "r"
    with ping_pong() as pid:
        options = ("--quiet", "--record", str(directory), "--last", "1", "--when", asked)
        running = start("attach", str(pid), *options)
        _out, err = running.communicate(timeout=60)
        assert running.returncode in (0, 3), err
    meta = recordings.read_meta(directory)
    told = re.fullmatch(f"{re.escape(asked)}: it was ([0-9,]+)(?: ns|/s)", meta["last"]["stopped"])
    assert told
    if "hop" in asked:
        events = recordings.read(directory)
        hops = hops_of(events).rows
        woken = hops[hops["waking_ns"] >= 0]
        half_ns = np.median(woken["end_ns"] - woken["start_ns"])
        assert int(told[1].replace(",", "")) == pytest.approx(half_ns, rel=0.5)


@pytest.mark.parametrize("how", ["signal", "condition"])
def test_the_last_seconds_are_kept_up_to_a_signal_or_a_condition(how: str, tmp_path: Path) -> None:
    directory = tmp_path / "r"
    more = ("--when", "events > 100/s") if how == "condition" else ()
    with sleeper() as pid:
        options = ("--quiet", "--record", str(directory), "--last", "0.5", *more)
        running = start("attach", str(pid), *options)
        if how == "signal":
            until(lambda: (directory / "states-4.raw").exists())
            running.send_signal(signal.SIGUSR1)
        _out, err = running.communicate(timeout=60)
        assert running.returncode in (0, 3), err
    events, meta = recordings.read(directory), recordings.read_meta(directory)
    assert meta["last"]["stopped"].startswith("SIGUSR1" if how == "signal" else "events > 100/s")
    sleeps = of_kind(events, Kind.ENTER)
    assert {name_of(int(nr)) for nr in sleeps["what"]} == {"clock_nanosleep"}
    if how == "signal":
        assert events.start_ns == meta["last"]["since_ns"]
        assert [row["kind"] for row in events.rows[:1]] == [Kind.BEGIN]
        whole = recordings.read_report(directory)["window_ns"]
        assert events.end_ns - events.start_ns < whole
    assert {file.suffix for file in directory.iterdir()} == {".json", ".npz", ".parquet"}


def test_a_full_disk_ends_no_run(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        brigade = BRIGADE.replace("--iters 100", "--iters 2000")
        options = ("--no-baseline", "--brief", "--record", str(disk / "r"))
        running = start("run", *brigade.split(), *options)
        out, err = running.communicate(timeout=120)
        assert running.returncode == 3 and "Traceback" not in err
        assert "Where the time went" in out
        assert "TRUNCATED: No space left on device" in " ".join(err.split())
        events, meta = recordings.read(disk / "r"), recordings.read_meta(disk / "r")
        assert meta["truncated"] == "No space left on device"
        assert len(events.rows) > 10_000
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_command_that_cannot_be_started_leaves_no_directory(tmp_path: Path) -> None:
    running = start("run", "--quiet", "--record", str(tmp_path / "r"), "--", "/no/such/program")
    _out, err = running.communicate(timeout=60)
    assert running.returncode == 127, err
    assert list(tmp_path.iterdir()) == []


def test_after_kill_9_what_was_written_is_read(tmp_path: Path) -> None:
    directory = tmp_path / "r"
    long = BRIGADE.replace("--iters 100", "--iters 100000")
    running = start("run", *long.split(), "--no-baseline", "--record", str(directory))
    child_of(running.pid, "thread-brigade")
    until(lambda: sum(file.stat().st_size for file in directory.glob("spool-*")) > 1_000_000)
    running.kill()
    running.communicate(timeout=30)
    assert recordings.read_meta(directory)["truncated"]
    events = recordings.read(directory)
    assert len(events.rows) * 24 > 1_000_000
    assert events.start_ns < events.end_ns


def test_under_sudo_the_directory_is_the_user_s(tmp_path: Path) -> None:
    for at in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        at.chmod(0o755)
    sudo = {"SUDO_UID": "65534", "SUDO_GID": "65534", "SUDO_USER": "nobody"}
    directory = tmp_path / "r"
    words = ("run", "--quiet", "--record", str(directory), "--", "true")
    running = start(*words, env={**os.environ, **sudo})
    _out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    owners = {file.stat().st_uid for file in (directory, *directory.iterdir())}
    assert owners == {65534}
    assert json.loads((directory / "meta.json").read_text())["command"] == ["true"]
