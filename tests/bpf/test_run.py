"""`tracer run` from the outside: the commands of the README, their output and exit status."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
from processes import child_of, is_gone
from programs import assert_trusted, quiet_run

from tracer.analysis.run.observer import Pair, observe
from tracer.capture.workload import run_untraced
from tracer.model.spec import Spec
from tracer.report.run.trust import observer_lines
from workloads import NATIVE

ROOT = Path(__file__).parents[2]
TRACER = [str(Path(sys.executable).with_name("tracer"))]
SMALL = ["--tasks", "20", "--iters", "50", "--warmups", "5"]
CPU = max(os.sched_getaffinity(0))


def tracer(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TRACER, *words], capture_output=True, text=True, timeout=120, check=False, **options
    )


@pytest.mark.parametrize("light", [False, True], ids=["full", "light"])
@pytest.mark.parametrize("name", ["thread-brigade", "async-brigade"])
def test_json_follows_its_schema_and_its_books_balance(tmp_path, name, light):
    file = tmp_path / "report.json"
    words = ["run", name, *SMALL, "--rounds", "1", "--json", str(file), "--top", "2"]
    words += ["--light"] if light else []
    done, document = quiet_run(lambda: tracer(*words), file)
    schema = json.loads((ROOT / "docs" / "schema" / "tracer.run-2.json").read_text())
    jsonschema.validate(document, schema)
    for book in document["ledgers"].values():
        assert sum(book["parts"].values()) + book["residual_ns"] == book["total_ns"]
    assert document["ledgers"]["wall"]["total_ns"] == document["window_ns"]
    assert document["result"]["units"] == 20 * 50
    assert document["losses"]["total"] == 0
    assert document["sched"]["wakeups"]["total"] > 0
    if light:
        assert document["syscalls"] is None
        assert document["headline"]["io"] is document["headline"]["user"] is None
        wall = document["ledgers"]["wall"]
        assert abs(wall["residual_ns"]) <= 0.01 * wall["total_ns"]
    else:
        calls = {call["name"]: call for call in document["syscalls"]}
        assert calls["recvfrom"]["calls"] >= 21 * 50
        head = document["headline"]
        residual = document["ledgers"]["wall"]["residual_ns"] / document["window_ns"]
        assert sum(head.values()) + residual == pytest.approx(1, abs=1e-9)
    assert_trusted(done, document)


def test_json_alone_goes_to_standard_output():
    done = tracer("run", "thread-brigade", *SMALL, "--no-baseline", "--json", "-")
    assert json.loads(done.stdout)["schema"] == "tracer.run/2"


def test_all_probes_have_their_sections():
    done = tracer(
        *("run", "thread-brigade", *SMALL, "--no-baseline", "--probe", "all", "--json", "-")
    )
    document = json.loads(done.stdout)
    schema = json.loads((ROOT / "docs" / "schema" / "tracer.run-2.json").read_text())
    jsonschema.validate(document, schema)
    parts = document["ledgers"]["wall"]["parts"]
    assert sum(document["idle"]["path"].values()) == parts["wakeup:idle"]
    assert document["io_uring"]["operations"] == []
    assert document["syscalls"]


def test_probe_sched_still_splits_io_from_switching():
    done = tracer(
        "run", "thread-brigade", *SMALL, "--no-baseline", "--probe", "sched", "--json", "-"
    )
    document = json.loads(done.stdout)
    assert document["syscalls"] is None
    assert document["headline"]["io"] > 0
    assert document["observer"]["slowdown"]["median"] is None


def test_the_report_fits_100_columns_and_options_mix_in_any_order(tmp_path):
    file = tmp_path / "report.json"
    words = (
        *("run", "thread-brigade", "--probe", "sched", "--tasks", "20", "--cpus", str(CPU)),
        *("--iters", "50", "--probe", "syscalls", "--rounds", "2", "--warmups", "5"),
        *("--json", str(file), "--top", "3"),
    )
    done, document = quiet_run(lambda: tracer(*words), file)
    assert max(map(len, done.stdout.splitlines())) <= 100
    for part in (
        f"20 tasks x 50 iterations, socketpair, pinned to CPU {CPU}",
        "Where the time went",
        "woken, the CPU was busy or held",
        "accounted ",
        " % CPU. For ",
        "Try: tracer explain pinning",
        "Context switches ",
        "recvfrom",
        "Observer effect ",
        "minimum to maximum of 2 pairs",
        "Losses ",
    ):
        assert part in done.stdout
    assert document["target"]["cpus"] == [CPU]
    assert_trusted(done, document)


def test_a_file_that_cannot_be_written_is_an_error_before_the_run():
    done = tracer("run", "thread-brigade", "--json", "/nonexistent/report.json")
    assert done.returncode == 2
    assert "cannot write /nonexistent/report.json" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("limit", "status"), [("window_ns>=1", 0), ("window_ns<=1", 4)])
def test_budgets_are_judged_though_nobody_reads_the_report(tmp_path, limit, status):
    file = tmp_path / "status"
    line = shlex.join(
        [*TRACER, "run", "thread-brigade", *SMALL, "--no-baseline", "--budget", limit]
    )
    done = subprocess.run(["sh", "-c", f"({line}; echo $? >{file}) | true"], capture_output=True,
                          text=True, timeout=120, check=False)  # fmt: skip
    assert file.read_text() == f"{status}\n", done.stderr
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_stopped_tracer_leaves_no_workload_behind(number, status):
    running = subprocess.Popen(
        [*TRACER, "run", "thread-brigade", "--tasks", "17", "--iters", "3000000", "--no-baseline"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    child = child_of(running.pid, "thread-brigade")
    time.sleep(0.3)
    running.send_signal(number)
    assert running.wait(30) == status
    assert is_gone(child, within_s=1)


def test_untraced_against_untraced_shows_no_difference():
    """A/A, live. Such an interval misses 1 once in 20: three times in a row, once in 8,000."""
    spec = Spec(
        (str(NATIVE / "thread-brigade"), "--tasks", "50", "--iters", "400", "--warmups", "20"),
        cpus=(CPU,),
    )
    for _ in range(3):
        pairs = []
        for number in range(6):
            first, second = (run_untraced(spec)["ns_per_unit"] for _ in range(2))
            a, b = (first, second) if number % 2 else (second, first)
            pairs.append(Pair(a, b, 1.0, 1.0))
        effect = observe(pairs)
        assert effect is not None
        if effect.in_noise:
            break
    assert effect.low <= 1 <= effect.high
    assert ": no difference seen" in observer_lines(effect, "hop")[0]
