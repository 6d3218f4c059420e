"""Where on the path: programs whose places are known, on the real kernel."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from programs import ROOT, TRACER, need, traced

from tracer.analysis.run.summary import summarize
from tracer.capture.command import CommandOptions, run_command
from tracer.kernel import stacks
from tracer.kernel.btf import Btf
from tracer.kernel.engine import Engine
from tracer.model.sampling import Sampling
from tracer.model.spec import Spec
from tracer.model.states import PATH_PARTS

#: Finer than usual: more samples of a short run.
GRID = ("--grid", "200")
Stacks = Counter[tuple[str, ...]]


def folded(file: Path) -> Stacks:
    """ns of each stack, from the root to the part."""
    found: Stacks = Counter()
    for line in file.read_text().splitlines():
        stack, _, ns = line.rpartition(" ")
        found[tuple(stack.split(";"))] += int(ns)
    return found


def time_in(found: Stacks, function: str, part: str) -> int:
    """ns of stacks with that function, in a part whose name begins so."""
    return sum(
        ns for stack, ns in found.items() if function in stack and stack[-1].startswith(f"[{part}")
    )


def all_in(found: Stacks, part: str) -> int:
    return sum(ns for stack, ns in found.items() if stack[-1].startswith(f"[{part}"))


def sampled(directory: Path, *words: str, options: tuple[str, ...] = ()) -> tuple[Any, Stacks]:
    """The JSON report of a command with its places, and its folded stacks."""
    file = directory / "stacks.folded"
    document = traced(directory, words, *GRID, "--folded", str(file), *options)
    closes(document)
    return document, folded(file)


def closes(document: Mapping[str, Any]) -> None:
    """The places of each part sum to that part of the path's ledger, to the nanosecond."""
    sums: Counter[str] = Counter()
    for place in document["where"]["places"]:
        sums[place["part"]] += place["time_ns"]
    wall = document["ledgers"]["wall"]
    exact = Counter(wall["parts"])
    exact["unknown"] += wall["residual_ns"]
    assert {p: ns for p, ns in sums.items() if ns} == {p: ns for p, ns in exact.items() if ns}
    assert sum(sums.values()) == document["window_ns"]


@pytest.fixture
def places(tmp_path: Path, compiled: Callable[[str], str]) -> tuple[Any, Stacks]:
    return timed(tmp_path, compiled("places"), "600")


def timed(directory: Path, *words: str, options: tuple[str, ...] = ()) -> tuple[Any, Stacks]:
    """Of program places; the document has the CPU time, ns, of its functions too, as it told."""
    times = directory / "times"
    document, found = sampled(directory, *words, "times", str(times), options=options)
    for line in times.read_text().splitlines():
        function, ns = line.split()
        document[function] = int(ns)
    return document, found


def test_each_function_has_its_share_of_the_path(places: tuple[Any, Stacks]) -> None:
    """As the program has timed itself; what decoy does is nobody's delay."""
    document, found = places
    window_ns = document["window_ns"]
    for function in ("alpha", "beta", "hold"):
        own_ns = time_in(found, function, "user")
        assert own_ns / window_ns == pytest.approx(document[function] / window_ns, abs=0.03)
    assert time_in(found, "decoy", "user") < 0.003 * window_ns


def test_a_program_in_step_with_the_clock(tmp_path: Path, compiled: Callable[[str], str]) -> None:
    """Its rounds take as long as the period of the grid: a steady clock would meet one half."""
    _document, found = sampled(tmp_path, compiled("in_step"), "200000", "7500")
    first, second = (time_in(found, name, "user") for name in ("first", "second"))
    assert first / (first + second) == pytest.approx(0.5, abs=0.05)


def test_a_sleep_is_where_the_program_slept(places: tuple[Any, Stacks]) -> None:
    document, found = places
    sleep_ns = document["ledgers"]["wall"]["parts"]["sleep"]
    assert sleep_ns > 0.3 * 600 * 2e6  # on a busy host the path is not in all of them
    assert time_in(found, "nap", "sleep") > 0.99 * sleep_ns
    top = next(place for place in document["where"]["places"] if place["part"] == "sleep")
    assert (top["function"], top["own"]) == ("nap", True)
    assert Path(top["file"]).name == "places.c"
    assert top["called"].endswith("nanosleep")


def test_nearly_all_stacks_are_whole(places: tuple[Any, Stacks]) -> None:
    document, found = places
    assert document["where"]["stacks"]["whole_ns"] > 0.99 * document["window_ns"]
    roots = {stack[0] for stack in found if len(stack) > 2}
    assert roots & {"main", "_start", "__libc_start_call_main", "second"}


def test_the_kernels_part_says_what_a_call_waits_for(
    tmp_path: Path, compiled: Callable[[str], str]
) -> None:
    _document, found = sampled(tmp_path, compiled("places"), "100", options=("--kernel-stacks",))
    slept = [stack for stack in found if "nap" in stack and stack[-1].startswith("[sleep")]
    assert slept
    assert all("hrtimer_nanosleep" in stack or "do_nanosleep" in stack for stack in slept)
    assert all(stack.index("nap") < len(stack) - 3 for stack in slept)


def test_all_threads_have_all_their_time(tmp_path: Path, compiled: Callable[[str], str]) -> None:
    """decoy is the third thread's work, of which the path has nothing."""
    document, found = timed(tmp_path, compiled("places"), "300", options=("--all-threads",))
    threads = document["ledgers"]["threads"]
    assert sum(found.values()) == pytest.approx(threads["total_ns"], rel=0.01)
    for function in ("alpha", "decoy"):
        assert time_in(found, function, "user") == pytest.approx(document[function], rel=0.1)


@pytest.mark.parametrize("how", ["", "asleep"])
def test_all_threads_have_what_goes_on_at_the_end(
    tmp_path: Path, compiled: Callable[[str], str], how: str
) -> None:
    """Four fifths of the window, in which the thread has no event but the first."""
    words = (compiled("blocked_loop"), *how.split())
    options = ("--all-threads", "--duration", "0.4")
    document, found = sampled(tmp_path, *words, options=options)
    in_stuck = [ns for stack, ns in found.items() if "stuck" in stack and "main" in stack]
    assert sum(in_stuck) > 0.5 * document["window_ns"]
    total_ns = document["ledgers"]["threads"]["total_ns"]
    assert sum(found.values()) == pytest.approx(total_ns, rel=0.01)


def test_a_stripped_program_has_no_wrong_names(
    tmp_path: Path, compiled: Callable[[str], str]
) -> None:
    """Its functions are addresses, of their beginning."""
    need("strip", "nm")
    symbols = subprocess.run(["nm", compiled("places")], check=True, capture_output=True, text=True)
    burn = next(line.split()[0] for line in symbols.stdout.splitlines() if line.endswith(" burn"))
    program = tmp_path / "stripped"
    subprocess.run(["strip", "-o", str(program), compiled("places")], check=True)
    document, found = sampled(tmp_path, str(program), "100")
    names = {name for stack in found for name in stack}
    assert not names & {"alpha", "beta", "hold", "nap", "decoy", "burn", "main"}
    own = [place for place in document["where"]["places"] if place["own"]]
    assert all(place["function"].startswith("stripped+0x") for place in own)
    most = next(place for place in own if place["part"] == "user")
    assert most["function"] == f"stripped+{int(burn, 16):#x}"
    assert most["time_ns"] > 0.9 * document["ledgers"]["wall"]["parts"]["user"]


def test_a_program_that_deletes_its_file(tmp_path: Path, compiled: Callable[[str], str]) -> None:
    program = tmp_path / "deleted"
    shutil.copy(compiled("places"), program)
    document, found = sampled(tmp_path, str(program), "100", "unlink")
    assert not program.exists()
    assert all_in(found, "sleep") > 0.1e9  # less than the naps where the host is busy
    own = {place["function"] for place in document["where"]["places"] if place["own"]}
    addresses = [int(name.partition("+")[2], 16) for name in own if name.startswith("deleted+0x")]
    # where tracer did not come to look before: offsets in the file, no addresses in memory
    assert "nap" in own or (addresses and max(addresses) < 1 << 20)


def test_a_program_in_a_mount_namespace_of_its_own(
    tmp_path: Path, compiled: Callable[[str], str]
) -> None:
    """Its file is not there when it has ended."""
    script = (
        f"mount -t tmpfs none /mnt && cp {compiled('places')} /mnt/there && exec /mnt/there 300"
    )
    document, found = sampled(tmp_path, "unshare", "-m", "sh", "-c", script)
    assert time_in(found, "nap", "sleep") > 0.9 * all_in(found, "sleep") > 0
    assert document["where"]["stacks"]["whole_ns"] > 0.9 * document["window_ns"]


@pytest.mark.parametrize("words", [("true",), ("sh", "-c", "exec true"), ("sh", "-c", "kill $$")])
def test_what_ends_at_once(tmp_path: Path, words: tuple[str, ...]) -> None:
    status = 143 if "kill $$" in words else 0
    document = traced(tmp_path, words, "--probe", "stacks", status=status)
    closes(document)


def test_a_program_that_another_one_has_become(
    tmp_path: Path, compiled: Callable[[str], str]
) -> None:
    script = f"sleep 0.1; exec {compiled('places')} 50"
    _document, found = sampled(tmp_path, "sh", "-c", script)
    assert time_in(found, "nap", "sleep") > 0.9e8
    assert time_in(found, "beta", "user") > 0


def test_a_recursion_of_200_frames(tmp_path: Path, compiled: Callable[[str], str]) -> None:
    document, found = sampled(tmp_path, compiled("places"), "1", "recursion")
    deepest = max(found, key=lambda stack: found[stack])
    assert sum(name == "deep" for name in deepest) == 201
    assert document["where"]["stacks"]["whole_ns"] > 0.95 * document["window_ns"]


def test_a_function_with_large_variables(tmp_path: Path, compiled: Callable[[str], str]) -> None:
    """What called it lies behind the 8 KiB that are copied otherwise."""
    document, found = sampled(tmp_path, compiled("large_frame"), options=("--deep-stacks",))
    spun = {stack: ns for stack, ns in found.items() if "spin" in stack}
    whole = sum(ns for stack, ns in spun.items() if {"main", "large"} <= set(stack))
    assert whole > 0.95 * sum(spun.values()) > 0
    assert document["where"]["stacks"]["whole_ns"] > 0.5 * document["window_ns"]


def test_a_stack_that_leads_nowhere(tmp_path: Path, compiled: Callable[[str], str]) -> None:
    """`broken` is known, what called it is not, and no caller is made up."""
    document, found = sampled(tmp_path, compiled("places"), "1", "broken")
    broken_ns = sum(ns for stack, ns in found.items() if "broken" in stack)
    assert broken_ns > 0.3 * document["window_ns"]
    quality = document["where"]["stacks"]
    assert sum(quality["broken_ns"].values()) > 0.25 * document["window_ns"]
    for stack in found:
        if "broken" in stack and "main" not in stack:
            assert stack[0] == "broken"


def test_tasks_of_tokio_are_told_apart(tmp_path: Path, release: Path) -> None:
    words = (str(release / "async-brigade"), "--tasks", "50", "--iters", "3000")
    document, _found = sampled(tmp_path, *words, "--flavor", "current-thread")
    tasks = [task for task in document["where"]["tasks"] if task["runtime"] == "tokio"]
    named = [
        task for task in tasks if task["name"] and task["name"].endswith("pass_on::{{closure}}")
    ]
    assert len({task["number"] for task in named}) == 50
    # all do the same
    shares = sorted(task["time_ns"] for task in named)
    assert shares[40] < 2 * shares[10]


def test_500_tasks_have_equal_shares(release: Path) -> None:
    """All do the same, so ticks of the clock fall on them as chance has it: the sum of squares is
    that of a chi-square distribution, 499 +- 32. Time on a CPU: who is pushed off it is chance."""
    words = (str(release / "async-brigade"), "--tasks", "500", "--iters", "250")
    words += ("--warmups", "0", "--flavor", "current-thread")
    with contextlib.closing(Engine(("stacks",), sampling=Sampling(100_000))) as engine:
        recording = run_command(
            engine, Spec(words, as_root=True, controlled=False), CommandOptions()
        )
    assert recording.profile is not None
    ticks: Counter[int] = Counter()
    for sample in recording.profile.samples:
        if sample.part.split(":")[0] in ("user", "syscall"):
            ticks.update(stack.task.number for stack in sample.stacks if stack.task)
    assert 498 <= len(ticks) <= 500  # chance misses one where a fast host gives few ticks
    mean = sum(ticks.values()) / 500
    by_number = [ticks[number] for number in range(min(ticks), min(ticks) + 500)]
    assert sum((count - mean) ** 2 / mean for count in by_number) < 1.6 * 499
    for quarter in range(0, 500, 125):
        assert sum(by_number[quarter : quarter + 125]) / 125 == pytest.approx(mean, rel=0.1)


def test_who_blocks_an_executor_is_named(tmp_path: Path, release: Path) -> None:
    document, _found = sampled(tmp_path, str(release / "examples" / "blocked-executor"))
    loop = document["where"]["loops"][0]
    assert 38e6 < loop["longest_ns"] < 80e6
    assert loop["polls"] > 100
    assert loop["place"]["function"].endswith("parse_json")
    assert loop["task"]["runtime"] == "tokio"
    assert loop["task"]["name"].endswith("handle_request::{{closure}}")


def asyncio_python() -> str | None:
    """A Python whose asyncio keeps its tasks where they are found; None without one."""
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.1[23].*/bin/python3"))
    text = "import _asyncio, sys; assert sys.version_info[:2] in ((3, 12), (3, 13))"
    for name in (sys.executable, "python3.13", "python3.12", *map(str, pyenv)):
        with contextlib.suppress(OSError):
            if not subprocess.run([name, "-c", text], capture_output=True, check=False).returncode:
                return name
    return None


def test_tasks_of_asyncio_are_told_apart(tmp_path: Path) -> None:
    """By the numbers that asyncio gives them (1 is main), or by the names that the program does;
    and which of them keeps the loop from polling."""
    python = asyncio_python()
    if python is None:
        pytest.skip("no Python 3.12 or 3.13")
    program = Path(__file__).parent / "planted" / "asyncio_tasks.py"
    document, _found = sampled(tmp_path, python, str(program), options=("--python-frames",))
    tasks = [task for task in document["where"]["tasks"] if task["runtime"] == "asyncio"]
    alike = {task["number"] or task["label"]: task for task in tasks if task["name"] == "pass_on"}
    alike.pop(None, None)  # before the loop was found
    assert set(alike) == {2, 3, 4, "hop-0", "hop-1", "hop-2"}
    shares = sorted(task["time_ns"] for task in alike.values())
    assert shares[-1] < 2 * shares[0]
    loop = document["where"]["loops"][0]
    assert loop["longest_ns"] > 60e6
    assert loop["place"]["function"] == "parse_json"
    assert loop["task"] == {
        "runtime": "asyncio", "number": None, "name": "handle_request", "label": "request",
    }  # fmt: skip


@pytest.mark.parametrize("how", ["", "asleep"])
def test_a_loop_that_is_blocked_at_the_end_is_told(
    tmp_path: Path, compiled: Callable[[str], str], how: str
) -> None:
    words = (compiled("blocked_loop"), *how.split())
    document = traced(tmp_path, words, *GRID, "--probe", "stacks", "--duration", "0.4")
    closes(document)
    (loop,) = document["where"]["loops"]
    assert loop["goes_on"]
    assert loop["polls"] == 5
    # the program starts, and polls for 10 ms, within the window
    assert 0.5 * document["window_ns"] < loop["longest_ns"] < document["window_ns"]
    assert loop["call"] == ("clock_nanosleep" if how else None)
    assert loop["place"]["function"] == "stuck"
    if how:  # of the path's end too: no event of the window gives that wait a stack
        places = document["where"]["places"]
        asleep = sum(p["time_ns"] for p in places if p["function"] == "stuck")
        assert asleep > 0.5 * document["window_ns"]


def test_goroutines_are_told_apart(tmp_path: Path) -> None:
    need("go")
    program = tmp_path / "goroutines"
    source = Path(__file__).parent / "planted" / "goroutines.go"
    subprocess.run(["go", "build", "-o", str(program), str(source)], check=True)
    document, found = sampled(tmp_path, str(program))
    light, heavy = (time_in(found, f"main.{name}", "user") for name in ("light", "heavy"))
    assert light / (light + heavy) == pytest.approx(1 / 4, abs=0.05)
    tasks = {task["name"]: task for task in document["where"]["tasks"] if task["runtime"] == "go"}
    assert {"main.light", "main.heavy"} <= set(tasks)
    assert tasks["main.heavy"]["time_ns"] > 2 * tasks["main.light"]["time_ns"]


def test_each_interval_has_its_own_places(tmp_path: Path, compiled: Callable[[str], str]) -> None:
    file = tmp_path / "lines.json"
    target = subprocess.Popen([compiled("places"), "100000"])
    try:
        time.sleep(0.2)
        done = subprocess.run(
            [*TRACER, "attach", str(target.pid), "--interval", "0.5", "--duration", "1.5",
             "--probe", "stacks", "--json", str(file)],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    finally:
        target.kill()
        target.wait()
    assert done.returncode in (0, 3), done.stderr  # a busy host can open a ledger
    documents = [json.loads(line) for line in file.read_text().splitlines()]
    assert len(documents) == 3
    for document in documents:
        closes(document)
        # neither those of the windows before nor of a part: a tick of the clock is four points
        points = document["where"]["points"]
        assert points == pytest.approx(document["window_ns"] / 997_000, rel=0.4)
        assert any(place["function"] == "nap" for place in document["where"]["places"])


def test_a_full_table_doubles_the_grid(
    monkeypatch: pytest.MonkeyPatch, compiled: Callable[[str], str]
) -> None:
    """What is dropped and unwound meanwhile changes no share."""
    monkeypatch.setattr(stacks, "_MOST_NODES", 200)
    monkeypatch.setattr(stacks, "_MOST_BYTES", 1 << 20)
    with contextlib.closing(Engine(("stacks",), sampling=Sampling(100_000))) as engine:
        spec = Spec((compiled("places"), "600"), as_root=True, controlled=False)
        recording = run_command(engine, spec, CommandOptions())
    profile = recording.profile
    assert profile is not None
    assert profile.grid_ns >= 200_000
    assert profile.lost == 0
    where = summarize(recording, name="", transport="", unit="run").where
    assert where is not None
    sleep_ns = sum(s.ns for s in where.places if s.part == "sleep" and s.place.function == "nap")
    exact = recording.threads["path"][recording.end_slot]
    assert sleep_ns == pytest.approx(int(exact[PATH_PARTS.index("sleep")]), rel=0.05)
    assert int(exact.sum()) == recording.window_ns


def test_before_linux_6_15_who_is_preempted_has_stacks_too(
    monkeypatch: pytest.MonkeyPatch, compiled: Callable[[str], str]
) -> None:
    """Two programs compute on one CPU, and make no call in which their waits would get a stack."""
    known = Btf.tracepoint_args
    monkeypatch.setattr(
        Btf,
        "tracepoint_args",
        lambda self, name: None if name == "sched_exit_tp" else known(self, name),
    )
    program = compiled("places")
    script = f"{program} 1 recursion & {program} 1 recursion; wait"
    with contextlib.closing(Engine(("stacks",), sampling=Sampling(200_000))) as engine:
        assert "sched_exit_tp" not in engine.tracepoints
        cpu = min(os.sched_getaffinity(0))
        spec = Spec(("sh", "-c", script), as_root=True, controlled=False, cpus=(cpu,))
        recording = run_command(engine, spec, CommandOptions())
    found = summarize(recording, name="", transport="", unit="run").where
    assert found is not None
    ns: Counter[str] = Counter()
    for share in found.places:
        if share.part == "preempted":
            ns[share.place.function] += share.ns
    assert ns["burn"] > 0.1 * found.window_ns
    assert ns["burn"] > 0.9 * ns.total()
    assert found.quality.taken_ns["next_event"] > 0.9 * ns["burn"]
