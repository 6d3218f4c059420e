"""`tracer.trace` on the real kernel: exactly the block, and nothing of tracer's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jsonschema
import pytest
from programs import ROOT, TRACER

import tracer

SCHEMA = json.loads((ROOT / "docs" / "schema" / "tracer.run-2.json").read_text())


def _counts(report: tracer.Report) -> dict[str, int]:
    return {call.name: call.calls for call in report.calls}


def _work(times: int) -> int:
    for _ in range(times):
        os.getppid()
    return 2 * times


def test_the_window_is_exactly_the_block() -> None:
    before_ns, threads = time.monotonic_ns(), len(list(Path("/proc/self/task").iterdir()))
    with tracer.trace(units=500) as t:
        inside_ns = time.monotonic_ns()
        _work(500)
        took_ns = time.monotonic_ns() - inside_ns
    assert _counts(t) == {"getppid": 500}
    assert all(call.open == 0 for call in t.calls)
    assert t.value("syscalls.getppid.per_unit") == 1 and t.units == 500
    assert took_ns <= t.window_ns < time.monotonic_ns() - before_ns
    assert not t.doubts and t.ledger.residual_ns == 0
    assert sum(group.threads for group in t.groups) == threads, "none of tracer's is there"
    jsonschema.validate(json.loads(t.to_json()), SCHEMA)


def test_switches_are_those_of_getrusage() -> None:
    import resource

    with tracer.trace() as t:
        before = resource.getrusage(resource.RUSAGE_SELF)
        for _ in range(20):
            time.sleep(0.001)
        after = resource.getrusage(resource.RUSAGE_SELF)
    not_reported = sum(t.document["repairs"].values())  # some virtual machines hide switches
    assert abs(t.switches.voluntary - (after.ru_nvcsw - before.ru_nvcsw)) <= not_reported
    assert t.ledger.parts["sleep"] >= 20_000_000
    assert t.headline.waiting > 0.5


def test_a_thread_that_is_not_the_main_one() -> None:
    found: list[tracer.Trace] = []

    def block() -> None:
        with tracer.trace() as t:
            _work(300)
        found.append(t)

    thread = threading.Thread(target=block)
    thread.start()
    thread.join()
    (t,) = found
    assert _counts(t)["getppid"] == 300
    path_of = t.document["target"]["path_of"]
    assert path_of["tid"] != os.getpid(), "the path is that of the block's thread"


def test_forked_children_are_followed_and_do_not_end_the_block() -> None:
    with tracer.trace() as t:
        pid = os.fork()
        if not pid:
            t.__exit__(None, None, None)
            _work(70)
            os._exit(0)
        os.waitpid(pid, 0)
        _work(30)
    assert _counts(t)["getppid"] == 100
    with tracer.trace(follow=False) as t:
        if not (pid := os.fork()):
            _work(70)
            os._exit(0)
        os.waitpid(pid, 0)
        _work(30)
    assert _counts(t)["getppid"] == 30


def test_a_function_in_a_child() -> None:
    t = tracer.trace()
    assert t.call(_work, 700) == 1400
    assert _counts(t)["getppid"] == 700
    assert set(_counts(t)) <= {"getppid", "read", "write"}, "and what passes its result"
    assert not t.doubts


def test_an_exception_of_the_function_is_raised_here() -> None:
    t = tracer.trace()
    with pytest.raises(ZeroDivisionError):
        t.call(divmod, 1, 0)
    assert t.window_ns > 0
    t = tracer.trace()
    with pytest.raises(tracer.TracerError, match="was killed by SIGKILL"):
        t.call(lambda: os.kill(os.getpid(), signal.SIGKILL))
    assert t.window_ns > 0
    with pytest.raises(tracer.TracerError, match="cannot be sent"):
        tracer.trace().call(lambda: lambda: None)


def test_another_process() -> None:
    program = (
        "import os, sys\nfor _ in sys.stdin: [os.getppid() for _ in range(400)]; print(flush=True)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        with tracer.trace(pid=process.pid) as t:
            process.stdin.write("\n")
            process.stdin.flush()
            process.stdout.readline()
        assert process.poll() is None, "it goes on"
        process.stdin.close()
    assert _counts(t)["getppid"] == 400
    with pytest.raises(tracer.TracerError, match="there is no process"), tracer.trace(pid=1 << 22):
        pass


def test_a_process_that_ends_in_the_block() -> None:
    with (
        subprocess.Popen(["cat"], stdin=subprocess.PIPE) as process,
        tracer.trace(pid=process.pid) as t,
    ):
        began_ns = time.monotonic_ns()
        assert process.stdin is not None
        process.stdin.close()
        process.wait()
        ended_ns = time.monotonic_ns()
        time.sleep(0.3)
    assert t.window_ns <= ended_ns - began_ns + 1_000_000, "it ends with the process"


def test_nothing_is_left_of_the_helper() -> None:
    with tracer.trace() as t:
        pass
    assert t.window_ns > 0
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_the_same_report_as_that_of_attach(tmp_path: Path) -> None:
    """Nothing of the document is missing that the command line has, and nothing is more."""
    file = tmp_path / "report.json"
    with subprocess.Popen(["sleep", "600"]) as process:
        subprocess.run(
            [*TRACER, "attach", str(process.pid), "--duration", "0.1", "--json", str(file)],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
        with tracer.trace(pid=process.pid, top=0) as t:
            time.sleep(0.1)
        process.kill()
    saved = tracer.load(file)
    assert set(t.document) == set(saved.document)
    assert t.document["ledgers"].keys() == saved.document["ledgers"].keys()
    assert t.to_text(brief=True).splitlines()[0] == saved.to_text(brief=True).splitlines()[0]


def test_places_with_stacks() -> None:
    def spin() -> int:
        end_s = time.monotonic() + 0.3
        turns = 0
        while time.monotonic() < end_s:
            turns += 1
        return turns

    with tracer.trace(probes="+stacks") as t:
        spin()
    assert t.places and sum(place.time_ns for place in t.places) == t.window_ns
    assert t.table("places").pandas()["time_ns"].sum() == t.window_ns


def test_a_recording_is_loaded_and_asked(tmp_path: Path) -> None:
    directory = tmp_path / "recording"
    subprocess.run(
        [*TRACER, "run", "--record", str(directory), "--", "sleep", "0.1"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    found = tracer.load(directory)
    assert isinstance(found, tracer.Recording) and found.agrees
    assert any(call.name == "clock_nanosleep" for call in found.calls)
    table = found.query("SELECT count(*) AS n FROM switches")
    assert table.columns == ("n",) and table.arrow().to_pylist()[0]["n"] > 0
    with pytest.raises(tracer.TracerError, match="refused"):
        found.query("SELECT nothing FROM nowhere")
