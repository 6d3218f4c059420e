"""Real recordings: the replay of the events comes to the kernel's own books, to the nanosecond."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from programs import start

from tracer.analysis.events.saved import recorded

WORKLOADS = {
    "thread-brigade": "--tasks 20 --iters 100 --warmups 2",
    "async-brigade": "--tasks 20 --iters 100 --warmups 2",
    "one-thread-brigade": "--tasks 20 --iters 100 --warmups 2",
    "process-brigade": "--tasks 10 --iters 100 --warmups 2",
    "uring-brigade": "--tasks 10 --iters 100 --warmups 2",
    "thread-mem-brigade": "--tasks 20 --iters 100 --warmups 2",
    "async-mem-brigade": "--tasks 20 --iters 100 --warmups 2",
    "thread-creation": "--tasks 50 --iters 5 --warmups 1",
    "async-creation": "--tasks 50 --iters 5 --warmups 1",
}
#: Processes and pipes; threads, timers and locks with time-outs.
SHELL = ("bash", "-c", "for i in 1 2 3 4 5; do ls -R /etc | sort | wc -l & done; wait; sync")
PYTHON = (
    sys.executable,
    "-c",
    "import queue, threading, time\n"
    "q = queue.Queue()\n"
    "def work():\n"
    "    while True:\n"
    "        try: n = q.get(timeout=0.01)\n"
    "        except queue.Empty: return\n"
    "        sum(range(1000 * n)); time.sleep(0.0005)\n"
    "workers = [threading.Thread(target=work) for _ in range(6)]\n"
    "[w.start() for w in workers]\n"
    "[q.put(n % 9) for n in range(200)]\n"
    "[w.join() for w in workers]\n",
)


@pytest.mark.parametrize(
    "arguments", [("thread-brigade", "--iters", "300", "--no-baseline"), ("--", *PYTHON)]
)
def test_the_last_seconds_have_a_report_that_nothing_checks(
    arguments: tuple[str, ...], tmp_path: Path
) -> None:
    directory = tmp_path / "r"
    subject = arguments[: arguments[0] != "--"]
    options = ("--quiet", "--record", str(directory), "--last", "0.3")
    running = start("run", *subject, *options, *arguments[len(subject) :])
    _out, err = running.communicate(timeout=120)
    assert (directory / "vectors.npz").exists(), err
    for command in ("report", "path", "hops"):
        asked = start(command, str(directory))
        out, err = asked.communicate(timeout=60)
        assert asked.returncode == 0, err
        assert ("nothing checks the replay" in " ".join(out.split())) == (command != "hops")


@pytest.mark.parametrize(
    "arguments",
    [
        *((name, *options.split(), "--no-baseline") for name, options in WORKLOADS.items()),
        ("--", *SHELL),
        ("--", *PYTHON),
    ],
    ids=[*WORKLOADS, "bash", "python"],
)
def test_the_books_agree(arguments: tuple[str, ...], tmp_path: Path) -> None:
    directory = tmp_path / "r"
    subject = arguments[: arguments[0] != "--"]
    options = ("--quiet", "--record", str(directory))
    running = start("run", *subject, *options, *arguments[len(subject) :])
    _out, err = running.communicate(timeout=120)
    assert (directory / "vectors.npz").exists(), err
    found = recorded(directory, segments=True)
    if found.lost:
        pytest.skip(f"{found.lost} events found no room on this busy host")
    check = found.check
    assert check is not None and check.path_parts == 18 and check.threads and check.calls
    assert check.agrees, check.differences[:5]
    path = found.replay.path
    assert path["start_ns"].tolist() == [found.replay.start_ns, *path["end_ns"][:-1].tolist()]
    assert int(path["end_ns"][-1]) == found.replay.end_ns
