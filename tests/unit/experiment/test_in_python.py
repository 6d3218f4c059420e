"""The twins in Python: never measured in place of a native program without being asked for, named
where they are, and not set beside figures of native programs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import workloads
from tracer.analysis.brigades import brigades
from tracer.analysis.memory import memory
from tracer.errors import TracerError
from tracer.experiment import asynchrony, pinning
from tracer.experiment import brigades as brigade_runs
from tracer.experiment.brigade_sizes import contestants
from tracer.experiment.compare import SIDES, compare_live
from tracer.experiment.condition import Condition
from tracer.experiment.line import condition, parse_line
from tracer.experiment.memory import joints_of, measure_memory
from tracer.experiment.sweep import sweep
from tracer.model.trial import Outcome, Surroundings, Trial
from tracer.progress import Progress
from tracer.report import brigades as brigades_report
from tracer.report import memory as memory_report
from workloads.python.options import parse

PROGRESS = Progress(shown=False)
ASKED = "thread-brigade --tasks 5 --iters 3 --warmups 0 --runtime python"


@pytest.fixture
def unbuilt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing native is built, and nothing may be measured."""
    monkeypatch.setattr(workloads, "NATIVE", tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for module in (brigade_runs, pinning, asynchrony):
        monkeypatch.setattr(module, "require_host", lambda: None)
    monkeypatch.setattr("tracer.experiment.runner.run_untraced", _never)


def _never(*_: object) -> None:
    raise AssertionError("a run was started")


@pytest.mark.usefixtures("unbuilt")
def test_every_experiment_refuses_to_measure_the_twin_unasked() -> None:
    line = parse_line("thread-brigade")
    alone = Condition("base", "thread-brigade", line.all_values)
    attempts = [
        lambda: condition("thread-brigade", "A"),
        lambda: sweep([line], {"tasks": [5]}, 2, True, PROGRESS),
        lambda: measure_memory([line], range(10, 100, 10), 1, PROGRESS),
        lambda: brigade_runs.run_brigades(1, False, 100, PROGRESS),
        lambda: asynchrony.run_async(1, 100, PROGRESS),
        lambda: pinning.run_pinning(alone, 1, PROGRESS),
    ]
    for attempt in attempts:
        with pytest.raises(TracerError) as refused:
            attempt()
        assert refused.value.message.startswith("the program of thread-brigade is not built: ")
        assert refused.value.hint == (
            "build it with: make setup; `--runtime python` measures its twin in Python"
        )


@pytest.mark.usefixtures("unbuilt")
def test_what_has_no_twin_is_not_offered_one() -> None:
    with pytest.raises(TracerError) as refused:
        condition("uring-brigade", "A")
    assert refused.value.hint == "build it with: make setup"


@pytest.mark.usefixtures("unbuilt")
def test_an_option_that_asyncio_does_not_have_is_refused_before_a_run() -> None:
    for words in ("--flavor current-thread", "--workers 2"):
        option = words.split()[0]
        with pytest.raises(TracerError, match=f"async-brigade in Python has no {option}"):
            condition(f"async-brigade --runtime python {words}", "A")


@pytest.mark.parametrize("name", ["thread-brigade", "async-brigade"])
def test_the_twin_takes_every_option_that_is_not_said_to_be_native(name: str) -> None:
    workload = workloads.available()[name]
    assert workload.has_twin
    values = {o.name: o.default for o in workload.options if o.name not in workload.native_only}
    given = {name: 1 if value is None else value for name, value in values.items()}
    argv = workload.argv({**given, "runtime": "python"})
    assert parse(name, argv[3:]).tasks == 500
    for refused in workload.native_only:
        with pytest.raises(SystemExit):
            parse(name, [f"--{refused}", "1"])


@pytest.mark.usefixtures("unbuilt")
def test_asked_for_it_is_measured_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(workloads, "NATIVE", tmp_path)
    runs = sweep([parse_line(ASKED)], {"tasks": [5]}, 2, True, PROGRESS)
    about = runs.planned.about
    assert about["in_python"] == list(about["cells"])
    if os.geteuid() == 0:
        a, b = (condition(ASKED, side) for side in SIDES)
        assert compare_live(a, b, 2, True, PROGRESS).in_python == (True, True)


@pytest.mark.usefixtures("unbuilt")
def test_brigades_and_async_in_python_leave_out_by_name_what_has_no_twin() -> None:
    fitting, missing = brigade_runs._conditions(False, 100, in_python=True)
    assert [c.label for c in fitting] == [
        "thread-brigade", "async-brigade", "thread-brigade pinned", "async-brigade pinned"
    ]  # fmt: skip
    assert all(c.in_python for c in fitting)
    assert missing["one-thread-brigade"] == "one-thread-brigade has no twin in Python"
    assert missing["async-brigade current-thread"] == "async-brigade in Python has no --flavor"
    runs, missing = asynchrony.conditions(100, in_python=True)
    assert all(run.in_python for run in runs) and {"threads", "async"} <= {r.label for r in runs}
    assert set(missing) == {"one thread", "threads, no I/O", "async, no I/O"}
    assert contestants_without_async() == "not in Python"


def contestants_without_async() -> str:
    from tracer.experiment import brigade_sizes

    lines = brigade_sizes._LINES
    try:
        brigade_sizes._LINES = {"async": lines["async"]}
        return contestants(PROGRESS, in_python=True)["async"].why
    finally:
        brigade_sizes._LINES = lines


@pytest.mark.usefixtures("unbuilt")
def test_native_controls_are_no_controls_of_threads_in_python() -> None:
    base = condition(ASKED, "base")
    every, missing = pinning.conditions(base)
    assert {c.workload for c in every} == {"thread-brigade"}
    reasons = {missing[label] for label, *_ in pinning._CONTROLS}
    assert reasons == {"it is native, and thread-brigade runs in Python"}


# ---- reports ----

AROUND = Surroundings(1, 1, 1, 0, 0)


def test_brigades_in_python_are_named_in_every_row_and_not_beside_published_figures() -> None:
    usage = {"user_ns": 1, "system_ns": 1, "voluntary": 1, "involuntary": 0}
    result = {"ns_per_unit": 9000.0, "units": 100, "rusage": usage}
    labels = ("thread-brigade", "thread-brigade pinned", "async-brigade")
    outcomes = [Outcome(Trial(label, False, n), result, AROUND) for n in (0, 1) for label in labels]
    found = {
        flag: brigades(outcomes, dict.fromkeys(labels, "hop"), {}, lambda _: [], {}, in_python=flag)
        for flag in (False, True)
    }
    text = brigades_report.render(found[True], 2)
    rows = [line for line in text.splitlines() if line.startswith(("thread-", "async-"))]
    assert len(rows) == 3 and all("-brigade, in Python" in row for row in rows)
    assert "(5.3)" not in text and "laptop" not in text and "is of native programs" in text
    data = brigades_report.document(found[True], 2, {})
    assert [row["in_python"] for row in data["brigades"]] == [True] * 3
    published = {cell["published"] for line in data["table"] for cell in line["cells"] if cell}
    assert published == {""}
    native = brigades_report.render(found[False], 2)
    assert "(5.3)" in native and "in Python" not in native


def test_memory_in_python_is_not_set_beside_the_published_figures() -> None:
    sizes = {"virtual": 9, "resident": 9, "proportional": 9, "kernel_stack": 16384,
             "page_tables": 9, "slab": 9, "group_kernel": 20000}  # fmt: skip
    outcomes = [
        Outcome(
            Trial("x", False, 0),
            {"tasks": n, "memory": {kind: n * size for kind, size in sizes.items()}},
            AROUND,
        )
        for n in range(100, 1000, 100)
    ]
    for flag in (False, True):
        measured = memory("thread-brigade --runtime python", outcomes, in_python=flag)
        text = memory_report.render([measured], [])
        assert ("ublished" in text) is not flag
        assert memory_report.document([measured], [], {})["workloads"][0]["in_python"] is flag
    assert joints_of(parse_line(ASKED)) is None
