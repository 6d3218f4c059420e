"""Sweeps on planted outcomes: medians, crossings, the table, CSV, the picture, refusals."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tracer.analysis.sweep import SweepPoint, crossings, sweep_points
from tracer.cli import sweep as command
from tracer.errors import TracerError
from tracer.experiment.condition import Condition
from tracer.experiment.grid import GridCell, grid, label, points, why_not
from tracer.experiment.line import parse_line
from tracer.experiment.sweep import cells
from tracer.host.limits import Limit
from tracer.model.trial import Outcome, Surroundings, Trial
from tracer.report import sweep as report
from tracer.report.chart import draw
from workloads import Needs

ROOT = Path(__file__).parents[2]
QUIET = Surroundings(1, 1, 1, 0, 0)
TOKENS = [1, 4, 16, 64]


def planted(cost: Callable[[str, int], float], rounds: int = 12) -> list[SweepPoint]:
    """Two lines over tokens, each round a little slower than the one before."""
    outcomes, by_label = [], {}
    for line, tokens in itertools.product(("threads", "async"), TOKENS):
        name = label(line, {"tokens": tokens})
        by_label[name] = (line, {"tokens": tokens})
        outcomes += [
            Outcome(Trial(name, False, n), {"ns_per_unit": cost(line, tokens) * (1 + n / 100)},
                    QUIET)
            for n in range(rounds)
        ]  # fmt: skip
    return sweep_points(outcomes, by_label)


def test_medians_are_of_the_untraced_rounds() -> None:
    found = planted(lambda line, tokens: 1000.0 * tokens)
    assert [point.ns.median for point in found] == pytest.approx([1055.0 * t for t in TOKENS] * 2)
    assert all(point.ns.low <= point.ns.median <= point.ns.high for point in found)


def test_where_the_order_changes() -> None:
    found = planted(lambda line, tokens: 100.0 * tokens if line == "threads" else 600 + tokens)
    (crossing,) = crossings(found, [("threads", "async")], "tokens")
    assert crossing.between == (4, 16)
    assert report.in_words(crossing) == ("tokens: threads is faster up to 4, the other from 16 on")


def test_nowhere_in_range() -> None:
    found = planted(lambda line, tokens: 100.0 * tokens * (1 + (line == "threads")))
    (crossing,) = crossings(found, [("threads", "async")], "tokens")
    assert crossing.between is None
    assert report.in_words(crossing) == (
        "tokens: async is faster than threads wherever they differ, 1 to 64"
    )


def test_a_value_inside_the_noise_has_no_order() -> None:
    found = planted(lambda line, tokens: 100.0 if line == "async" else {1: 200, 64: 50}.get(
        tokens, 100.0))  # fmt: skip
    (crossing,) = crossings(found, [("threads", "async")], "tokens")
    assert crossing.between == (1, 64)
    assert not crossing.ratios[4].differs


def test_other_values_make_crossings_of_their_own() -> None:
    base = planted(lambda line, tokens: 100.0 * (1 + (line == "async")))
    points_ = [
        SweepPoint(point.line, {**point.setting, "work": work}, point.ns, point.blocks, {})
        for point in base
        for work in (0, 9)
    ]
    found = crossings(points_, [("threads", "async")], "tokens")
    assert [crossing.rest for crossing in found] == [{"work": 0}, {"work": 9}]
    assert report.in_words(found[1]) == (
        "tokens (work=9): threads is faster than async wherever they differ, 1 to 64"
    )


def test_table_csv_and_json_say_the_same(
    validate_document: Callable[[Mapping[str, Any]], None],
) -> None:
    found = planted(lambda line, tokens: 1000.0 * tokens)
    text = report.render(found, [], [("async, tokens=99", "too many")], "hop", 12)
    assert "8 points, 12 interleaved rounds of each" in text
    assert "left out: async, tokens=99: too many" in text
    rows = list(csv.DictReader(io.StringIO(report.render_csv(found))))
    crossed = crossings(found, [("threads", "async")], "tokens")
    data = report.document(found, crossed, [("async, tokens=99", "too many")], "hop", {})
    validate_document(json.loads(json.dumps(data)))
    assert [row["tokens"] for row in rows] == [str(t) for t in TOKENS] * 2
    assert [int(row["ns_per_unit"]) for row in rows] == [p["ns_per_unit"] for p in data["points"]]
    assert data["points"][0]["wall_ns"] is None and len(data["points"][0]["rounds_ns"]) == 12


def test_the_picture_has_logarithmic_axes_where_they_help() -> None:
    wide = report.chart(planted(lambda line, tokens: 1000.0 * tokens), "tokens", "hop", "here")
    assert (wide.x_log, wide.y_log, wide.y_label) == (True, True, "time per hop, us")
    flat = report.chart(planted(lambda line, tokens: 1000.0 + tokens), "tokens", "hop", "here")
    assert (flat.y_log, flat.y_label) == (False, "time per hop, ns")
    assert [series.name for series in flat.series] == ["threads", "async"]
    pytest.importorskip("matplotlib")
    assert draw(wide, "png").startswith(b"\x89PNG")


def test_places_that_are_no_numbers_are_named() -> None:
    names = dict(zip(TOKENS, ("0", "0-1", "free", "1"), strict=True))
    found = [
        SweepPoint(
            point.line, {"cpus": names[int(point.setting["tokens"])]}, point.ns, point.blocks, {}
        )
        for point in planted(lambda line, tokens: 10.0)
    ]
    chart = report.chart(found, "cpus", "hop", "here")
    assert chart.x_names == ["0", "0-1", "free", "1"] and not chart.x_log


# ---- the grid ----


def test_every_combination() -> None:
    assert points({"tasks": [1, 2], "work": [0, 5]}) == [
        {"tasks": 1, "work": 0}, {"tasks": 1, "work": 5},
        {"tasks": 2, "work": 0}, {"tasks": 2, "work": 5},
    ]  # fmt: skip


def test_iterations_follow_the_size() -> None:
    sized = cells([parse_line("thread-brigade")], {"tasks": [10, 1000]})
    assert [cell.condition.values["iters"] for cell in sized] == [5000, 50]
    (free,) = cells([parse_line("thread-brigade --cpus 0")], {"cpus": ["free"]})
    assert free.condition.cpus == (0,)


def test_what_does_not_fit_is_left_out_by_name() -> None:
    def cell(tasks: int) -> GridCell:
        condition = Condition("x", "thread-brigade",
                              {"tasks": tasks, "transport": "socketpair"})  # fmt: skip
        return GridCell("thread-brigade", {"tasks": tasks}, condition)

    planned = grid([cell(5), cell(900_000_000)])
    assert [kept.point for kept in planned.cells] == [{"tasks": 5}]
    ((name, reason),) = planned.left_out
    assert name == "thread-brigade, tasks=900000000"
    assert "allows" in reason and "to raise it" in reason
    limit = Limit("threads", "pids.max", 10, 8, "echo NUMBER")
    assert why_not(Needs(threads=(1, 1)), 8, [limit]) == (
        "pids.max allows 7 tasks; to raise it: echo 11"
    )


@pytest.mark.parametrize(
    "text", ["tasks", "tasks=", "tasks=1,x", "tasks=1.5", "zzz=1", "=1", "tasks=-1"]
)
def test_bad_values(text: str) -> None:
    with pytest.raises(TracerError) as told:
        command._ranges([text])
    assert told.value.exit_code == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["thread-brigade"], "--over"),
        (["zzz", "--over", "tasks=1"], "no workload is called"),
        (["thread-brigade", "--over", "workers=1,2"], "workers"),
        (["thread-brigade", "--over", "cpus=9999"], "CPU 9999 is not online"),
        (["thread-brigade", "thread-creation", "--over", "tasks=10"], "share an axis"),
        (["thread-brigade", "--over", "tasks=900000000"], "no point fits"),
        (["thread-brigade", "--over", "tasks=10", "--over", "tasks=20"], "twice"),
        (["thread-brigade", "--over", "tasks=10", "--csv", "/nowhere/x"], "cannot write"),
    ],
)
def test_refused_before_anything_runs(words: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "tracer", "sweep", "--untraced", *words], cwd=ROOT,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and "Traceback" not in done.stderr


# ---- for real, without probes ----

SWEEP = (sys.executable, "-m", "tracer", "sweep", "thread-brigade --warmups 0",
         "async-mem-brigade --warmups 0", "--over", "tasks=5,10", "--over", "tokens=1,2",
         "--rounds", "3", "--untraced", "--json", "-")  # fmt: skip


def test_a_sweep_goes_on_after_kill_9_with_the_same_cells(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    env.pop("SUDO_UID", None)
    running = subprocess.Popen(SWEEP, cwd=ROOT, env=env, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)  # fmt: skip
    saved: list[str] = []
    deadline = time.monotonic() + 60
    while len(saved) < 6 and time.monotonic() < deadline:
        time.sleep(0.01)
        saved = [line for file in (tmp_path / "tracer").glob("*.jsonl") for line in file.open()]
    running.send_signal(signal.SIGKILL)
    running.communicate(timeout=30)
    (file,) = (tmp_path / "tracer").iterdir()
    before = [json.loads(line) for line in file.read_text().split("\n")[1:-1]]
    assert before
    done = subprocess.run(SWEEP, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    document = json.loads(done.stdout)
    cells = {(p["workload"], p["tasks"], p["tokens"]): p["rounds_ns"] for p in document["points"]}
    assert len(cells) == 8
    assert all(len(rounds) == 3 for rounds in cells.values())
    names = {label(line, {"tasks": tasks, "tokens": tokens}): (line, tasks, tokens)
             for line, tasks, tokens in cells}  # fmt: skip
    for outcome in before:  # what was saved was not measured again
        trial = outcome["trial"]
        rounds = cells[names[trial["condition"]]]
        assert rounds[trial["block"]] == round(outcome["result"]["ns_per_unit"])
    assert not list((tmp_path / "tracer").iterdir())


@pytest.mark.parametrize(("rounds", "name"), [(4, "minimum to maximum"), (5, "95 % interval")])
def test_the_interval_is_called_what_it_is(rounds: int, name: str) -> None:
    found = planted(lambda line, tokens: 1000.0 * tokens, rounds)
    heading = report.render(found, [], [], "hop", rounds).splitlines()[1]
    assert name in heading
    assert f"bands: {name}" in report.chart(found, "tokens", "hop", "here").note
