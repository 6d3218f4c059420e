"""Three hosts, which are network namespaces of this one: what they answer, and what faults do."""

from __future__ import annotations

import fcntl
import hashlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from namespace_hosts import (
    OTHER_VERSION,
    WITHOUT_RIGHTS,
    Hosts,
    hosts,
    write_certificates,
)
from processes import descendants, is_gone, until
from programs import ROOT, TRACER
from quiet import busy_blocks

from tracer.experiment.fleet.lock import LOCK, holder

pytest.importorskip("distributed")
NAMES = ("h1", "h2", "h3")
CPU = max(os.sched_getaffinity(0))
SMALL = "--tasks 20 --iters 200 --warmups 5"
LINE = f"thread-brigade {SMALL}"
COMPARE = ("compare", LINE, f"{LINE} --cpus {CPU}", "--rounds", "2")
#: A run of some seconds, in which there is time for a fault.
LONG = "thread-brigade --tasks 20 --iters 10000 --warmups 5"
LONGER = ("compare", LONG, f"{LONG} --cpus {CPU}", "--rounds", "2", "--untraced")


@pytest.fixture(scope="module")
def three(_rights: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with hosts(tmp_path_factory.mktemp("hosts"), *NAMES) as made:
        for name in NAMES:
            made.start_worker(name)
        yield made


def state_of(document: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Blocks that each host gave, and how many were repeated."""
    return {host["name"]: (host["blocks"], host["repeated"]) for host in document["hosts"]}


def saved(state: Path) -> list[Mapping[str, Any]]:
    """The outcomes in the file of a broken-off experiment."""
    (file,) = (state / "tracer").iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()[1:]]
    return [line for line in lines if "trial" in line]


def spans(state: Path) -> list[tuple[float, float, str]]:
    """Begin, end and host of every run there."""
    return [
        (one["at_s"] - one["surroundings"]["wall_ns"] / 1e9, one["at_s"], one["host"])
        for one in saved(state)
    ]


def test_three_hosts_answer_with_tls_and_nothing_stays(three: Hosts, tmp_path: Path) -> None:
    """Ten runs a host; their system calls are the workload's own arithmetic."""
    results = tmp_path / "results"
    document = three.ask(tmp_path, *COMPARE, "--parquet", str(results))
    assert state_of(document) == dict.fromkeys(NAMES, (2, 0))
    assert not list((tmp_path / "tracer").iterdir()), "a complete experiment leaves no file"
    (group,) = document["groups"]
    assert group["hosts"] == list(NAMES), "they are one machine"
    assert document["across"][0]["hosts"] == 3
    for host in document["hosts"]:
        counts = host["document"]["per_unit"]
        assert abs(counts["system calls"]["a"] - 2 * 21 / 20) < 0.05
        assert counts["wake-ups to another CPU, idle"]["b"] == 0
    sql = "SELECT host, condition, traced, count(*) FROM trials GROUP BY ALL"
    done = subprocess.run(
        [*TRACER, "query", str(results), sql, "--json", "-"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    rows = Counter({tuple(row[:3]): row[3] for row in json.loads(done.stdout)["rows"]})
    assert rows == {
        (name, side, traced): 4 if (side, traced) == ("A", False) else 2
        for name in NAMES for side in "AB" for traced in (False, True)
    }  # fmt: skip
    for name in NAMES:
        assert not descendants(three.workers[name].pid)


def test_a_worker_that_is_killed_takes_its_target_along_and_its_block_is_repeated(
    three: Hosts, tmp_path: Path
) -> None:
    """All three are one machine, so that one of them measures at a time."""
    running = three.begin(tmp_path, *LONGER)
    _, below = three.measuring("h2")
    worker = three.workers["h2"]
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert all(is_gone(pid, 10) for pid in below), "its run goes on without it"
    three.start_worker("h2")
    document = three.end(running)
    assert state_of(document) == {"h1": (2, 0), "h2": (2, 1), "h3": (2, 0)}
    for host in document["hosts"]:
        assert host["document"]["ratio"]["blocks"] == 2


def test_a_command_that_forked_ends_with_its_worker_too(three: Hosts, tmp_path: Path) -> None:
    """A program of the user's, which tracer lets go on when it is itself killed."""
    log = tmp_path / "log"
    line = f"sh -c 'sh -c \"echo $$ >> {log}; sleep 600\" & setsid sleep 600 & wait'"
    running = three.begin(tmp_path, "compare", "--rounds", "2", "--untraced", "--", line, line)
    until(lambda: log.exists() and bool(log.read_text()))
    pids = {name: descendants(three.workers[name].pid) for name in NAMES}
    (name,) = (name for name in NAMES if len(pids[name]) >= 4)
    three.workers[name].kill()
    three.workers[name].wait()
    assert all(is_gone(pid, 10) for pid in pids[name])
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == 130
    three.start_worker(name)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_what_an_experiment_leaves_under_way_ends_and_the_host_is_free(
    number: signal.Signals, three: Hosts, tmp_path: Path
) -> None:
    """The workers stay: the run would go on for ten minutes."""
    log = tmp_path / "log"
    line = f"sh -c 'echo $$ >> {log}; sleep 600'"
    running = three.begin(tmp_path, "compare", "--rounds", "2", "--untraced", "--", line, line)
    until(lambda: log.exists() and bool(log.read_text()))
    below = [pid for name in NAMES for pid in descendants(three.workers[name].pid)]
    assert holder() in {worker.pid for worker in three.workers.values()}
    running.send_signal(number)
    running.communicate(timeout=30)
    assert all(is_gone(pid, 10) for pid in below)
    until(lambda: holder() is None, 10)
    assert all(worker.poll() is None for worker in three.workers.values())


def test_who_holds_a_host_is_named(three: Hosts, tmp_path: Path) -> None:
    with LOCK.open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        holding = subprocess.Popen(["sleep", "600"], pass_fds=[lock.fileno()])
    try:
        running = three.begin(tmp_path, *COMPARE, "--untraced", "--give-up", "8")
        _, err = running.communicate(timeout=60)
    finally:
        holding.kill()
        holding.wait()
    said = " ".join(err.split())
    assert running.returncode == 1 and "no host gave a result" in said
    assert f"process {holding.pid}, started at " in said
    assert f"holds {LOCK}: sleep 600" in said and f"kill -HUP {holding.pid}" in said


def test_workers_of_one_machine_take_turns_and_the_same_command_continues(
    three: Hosts, tmp_path: Path
) -> None:
    words = (*COMPARE[:-1], "4", "--untraced")
    running = three.begin(tmp_path, *words)
    until(lambda: (tmp_path / "tracer").exists() and len(_lines(tmp_path)) > 4 + 3 * 5)
    running.send_signal(signal.SIGINT)
    _out, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "run the same command again to continue" in err
    before = saved(tmp_path)
    assert len(before) >= 15 and len({one["host"] for one in before}) == 3
    ordered = sorted(spans(tmp_path))
    for (_, end, _), (begin, _, _) in itertools.pairwise(ordered):
        assert end <= begin + 0.05, "two of them measured at once"
    again = three.begin(tmp_path, *words)
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert state_of(json.loads(out)) == dict.fromkeys(NAMES, (4, 0))
    assert f"{len(before)} of 36 runs are taken from" in " ".join(err.split())


def _lines(state: Path) -> list[str]:
    return [line for file in (state / "tracer").iterdir() for line in file.open()]


def test_a_scheduler_that_is_lost_and_back(three: Hosts, tmp_path: Path) -> None:
    running = three.begin(tmp_path, *LONGER)
    name, below = three.measuring(*NAMES)
    three.stop_scheduler()
    assert all(is_gone(pid, 60) for pid in below)
    assert three.workers[name].poll() is None, "the worker looks for the scheduler"
    three.start_scheduler()
    document = three.end(running)
    assert {name: blocks for name, (blocks, _) in state_of(document).items()} == dict.fromkeys(
        NAMES, 2
    )
    assert any(repeated for _, repeated in state_of(document).values())


def test_a_host_that_is_cut_off_is_named_and_asked_again(three: Hosts, tmp_path: Path) -> None:
    running = three.begin(tmp_path, *LONGER, "--give-up", "40")
    three.measuring("h3")
    three.link("h3", "down")
    try:
        document = three.end(running, status=1)
    finally:
        three.link("h3", "up")
    hosts_by_name = {host["name"]: host for host in document["hosts"]}
    assert hosts_by_name["h3"]["blocks"] < 2
    assert "nothing came from it for 40 s" in hosts_by_name["h3"]["failure"]
    for name in ("h1", "h2"):
        assert hosts_by_name[name]["blocks"] == 2 and hosts_by_name[name]["failure"] is None
    three.workers.pop("h3").kill()  # the scheduler would wait minutes for the old connection
    three.start_worker("h3")
    document = three.ask(tmp_path, *LONGER, "--give-up", "40")
    assert {name: blocks for name, (blocks, _) in state_of(document).items()} == dict.fromkeys(
        NAMES, 2
    )


def test_another_version_and_a_host_without_rights_are_named(three: Hosts, tmp_path: Path) -> None:
    if not _can_read(ROOT):
        pytest.skip(f"an ordinary user cannot read {ROOT}")
    three.stop_worker("h1")
    three.stop_worker("h2")
    try:
        three.start_worker("h1", OTHER_VERSION)
        three.start_worker("h2", before=WITHOUT_RIGHTS)
        document = three.ask(tmp_path, *COMPARE, status=1)
    finally:
        for name in ("h1", "h2"):
            three.stop_worker(name)
            three.start_worker(name)
    failures = {host["name"]: host["failure"] for host in document["hosts"]}
    assert failures["h1"].startswith("tracer 9.9 runs there, and tracer ")
    assert "loading BPF programs needs root's rights" in failures["h2"]
    assert failures["h3"] is None
    assert state_of(document)["h3"] == (2, 0)


def _can_read(path: Path) -> bool:
    words = [*WITHOUT_RIGHTS, sys.executable, "-c", "import tracer"]
    return subprocess.run(words, cwd=path, capture_output=True, check=False).returncode == 0


def test_a_host_that_says_nothing_is_named_and_the_others_go_on(
    three: Hosts, tmp_path: Path
) -> None:
    """Its worker is there, as far as the scheduler knows."""
    three.workers["h2"].send_signal(signal.SIGSTOP)
    try:
        words = ("compare", "--rounds", "2", "--untraced", "--give-up", "20")
        running = three.begin(tmp_path, *words, "--", "sleep 0.01", "sleep 0.02")
        document = three.end(running, status=1)
    finally:
        three.workers["h2"].send_signal(signal.SIGCONT)
    failures = {host["name"]: host["failure"] for host in document["hosts"]}
    assert failures == {
        "h1": None,
        "h2": "nothing came from it for 20 s: it is slow, or another worker measures there",
        "h3": None,
    }
    assert {name: blocks for name, (blocks, _) in state_of(document).items()} == {
        "h1": 2, "h2": 0, "h3": 2,
    }  # fmt: skip


def test_a_run_that_takes_too_long_is_ended_and_its_host_named(
    three: Hosts, tmp_path: Path
) -> None:
    line = "sleep 600"
    words = ("compare", "--rounds", "2", "--untraced", "--give-up", "8", "--", line, line)
    running = three.begin(tmp_path, *words)
    _, err = running.communicate(timeout=120)
    assert running.returncode == 1 and "a run took more than 8 s and was ended" in err
    until(lambda: holder() is None, 10)


def test_a_command_is_explained_where_it_is_and_its_file_is_named_where_hosts_differ(
    three: Hosts, tmp_path: Path
) -> None:
    """h1 and h2 have another file under the name, h3 has none."""
    path = os.environ["PATH"]
    try:
        for name in NAMES:
            place = tmp_path / name
            place.mkdir()
            if name != "h3":
                tool = place / "planted-tool"
                tool.write_text(f"#!/bin/sh\n# of {name}\nsleep 0.02\n")
                tool.chmod(0o755)
            three.stop_worker(name)
            three.start_worker(name, before=("env", f"PATH={place}:{path}"))
        page = tmp_path / "page.html"
        words = ("--rounds", "2", "--html", str(page), "--", "planted-tool")
        document = three.end(three.begin(tmp_path, "explain", "why", *words), status=1)
    finally:
        for name in NAMES:
            three.stop_worker(name)
            three.start_worker(name)
    first, second, third = document["hosts"]
    assert third["failure"].startswith("cannot start planted-tool: there is no such program")
    assert (first["blocks"], second["blocks"], third["blocks"]) == (2, 2, 0)
    files = {name: one["programs"]["planted-tool"] for name, one in (("h1", first), ("h2", second))}
    for name, file in files.items():
        content = (tmp_path / name / "planted-tool").read_bytes()
        assert file == f"SHA-256 {hashlib.sha256(content).hexdigest()[:16]}"
        assert f"{file} on {name}" in " ".join(document["answer"])
    for host in (first, second):
        assert len(host["effects"]) >= 2 or busy_blocks(host["document"])
        assert host["document"]["schema"] == "tracer.why/1"
    view = page.read_text()
    assert all(file in view for file in files.values())


def test_an_idle_worker_hardly_wakes_up(three: Hosts) -> None:
    """4 context switches a second are usual (docs/overhead.md); one that polled would have more."""
    pid = three.workers["h1"].pid
    time.sleep(3)  # what the tests before left
    before, began_s = switches(pid), time.monotonic()
    time.sleep(5)
    assert (switches(pid) - before) / (time.monotonic() - began_s) < 20


def switches(pid: int) -> int:
    """Context switches of all threads of a process so far."""
    texts = [(task / "status").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    return sum(int(n) for text in texts for n in re.findall(r"ctxt_switches:\s*(\d+)", text))


def test_a_certificate_of_another_authority_is_not_let_in(three: Hosts, tmp_path: Path) -> None:
    write_certificates(tmp_path, "other")
    three.stop_worker("h1")
    try:
        three.start_worker("h1", tls=tmp_path / "other")
        until(lambda: "cannot be reached" in three.log("h1").read_text(), 60)
        assert "serves" not in three.log("h1").read_text()
        for words, message in (
            (("--tls", str(tmp_path / "other")), "no scheduler answers at"),
            ((), "asks for TLS, and no certificate is given"),
        ):
            done = subprocess.run(
                [*TRACER, *COMPARE, "--on", three.address, *words],
                cwd=ROOT, capture_output=True, text=True, check=False, timeout=120,
            )  # fmt: skip
            assert done.returncode in (1, 2) and message in done.stderr
            assert "Traceback" not in done.stderr
    finally:
        three.stop_worker("h1")
        three.start_worker("h1")


def test_on_this_machine_alone(tmp_path: Path) -> None:
    """A scheduler and workers that come and go with the command, and their ports with them."""
    page = tmp_path / "page.html"
    words = ("--functions", "--budget", "ratio<=0.001", "--on", "local:2", "--html", str(page))
    done = subprocess.run(
        [*TRACER, *COMPARE, *words, "--json", "-"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip
    document = json.loads(done.stdout)
    busy = [busy_blocks(host["document"]) for host in document["hosts"]]
    assert done.returncode == (3 if all(busy) else 4), done.stderr
    for name in ("local-1", "local-2"):
        assert f"{name}: " in done.stderr, "the budget is judged, or not, for each host"
    assert state_of(document) == {"local-1": (2, 0), "local-2": (2, 0)}
    assert all(len(host["document"]["functions"]) > 1 for host in document["hosts"])
    assert page.read_text().startswith("<!DOCTYPE html>")
    left = subprocess.run(["pgrep", "-f", "tracer-fleet-"], capture_output=True, check=False)
    assert left.returncode == 1, left.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "measure"),
    [
        (("brigades", "--quick", "--rounds", "2"), "thread-brigade pinned"),
        (("explain", "pinning", "--quick", "--rounds", "2"), "unpinned / pinned"),
        (("explain", "async", "--quick", "--rounds", "2"), "hop of threads / of async, no I/O"),
        (("sweep", "thread-brigade", "--over", "tasks=5,10", "--rounds", "2"),
         "thread-brigade, tasks=10"),
    ],
    ids=["brigades", "pinning", "async", "sweep"],
)  # fmt: skip
def test_every_experiment_can_be_asked_of_many(
    words: tuple[str, ...], measure: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.json"
    done = subprocess.run(
        [*TRACER, *words, "--on", "local:2", "--json", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=1200,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    assert state_of(document) == {"local-1": (2, 0), "local-2": (2, 0)}
    for host in document["hosts"]:
        assert host["effects"][measure]["blocks"] == 2 or busy_blocks(host["document"])
    assert "2 hosts alike" in done.stdout
    if words[0] == "brigades":
        for host in document["hosts"]:
            memory, most = [r for r in host["document"]["table"] if r["kind"] != "us"]
            assert memory["cells"][0]["here"]["median"] > 0 and most["cells"][0]["here"]
        assert "memory per task" in done.stdout
