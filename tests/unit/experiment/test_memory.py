"""Memory per task: the regression on synthetic data, the report of planted slopes, refusals."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tracer.analysis.memory import memory
from tracer.analysis.statistics.intervals import student_t
from tracer.analysis.statistics.regression import Slope, fit
from tracer.errors import TracerError
from tracer.experiment import holder
from tracer.model.trial import Outcome, Surroundings, Trial
from tracer.report import memory as report
from tracer.report.chart import draw, format_of, short

ROOT = Path(__file__).parents[2]
QUIET = Surroundings(1, 1, 1, 0, 0)
KIB = 1024


def outcome(tasks: int, **memory_: int | None) -> Outcome:
    return Outcome(Trial("x", False, 0), {"tasks": tasks, "memory": memory_}, QUIET)


def planted(user: int, stack: int, group: int | None = None, step: int = 100) -> list[Outcome]:
    return [
        outcome(
            n, virtual=1000 * n, resident=5000 + user * n, proportional=4000 + user * n,
            kernel_stack=stack * n, page_tables=2 * n, slab=7 + 3 * n,
            group_kernel=None if group is None else group * n,
        )
        for n in range(step, 10 * step, step)
    ]  # fmt: skip


# ---- the regression ----


def test_an_exact_line_is_found_exactly() -> None:
    x = np.arange(10) * 500 + 1000
    found = fit(x, 9810.5 * x + 12345)
    assert found.slope == pytest.approx(9810.5, rel=1e-12)
    assert found.intercept == pytest.approx(12345, rel=1e-6)
    assert found.half == pytest.approx(0, abs=1e-6)
    assert found.points == 10


def test_the_interval_is_the_textbooks() -> None:
    x, y = np.array([1.0, 2, 3, 4, 5, 6]), np.array([1.0, 3, 2, 5, 4, 6])
    found = fit(x, y)
    # by hand: Sxx 17.5, Sxy 15.5, Syy 17.5
    slope = 15.5 / 17.5
    error = ((17.5 - slope * 15.5) / 4 / 17.5) ** 0.5
    assert found.slope == pytest.approx(slope)
    assert found.half == pytest.approx(2.776445 * error, rel=2e-3)
    assert student_t(4) == pytest.approx(2.776445, rel=2e-3)


def test_the_interval_holds_the_true_slope_95_times_in_100() -> None:
    rng, held_, runs = np.random.default_rng(3), 0, 2000
    x = np.arange(1000, 10001, 500)
    for _ in range(runs):
        found = fit(x, 300 * x + rng.normal(0, 50_000, len(x)))
        held_ += found.low <= 300 <= found.high
    assert 0.93 < held_ / runs < 0.97


@pytest.mark.parametrize("x", [[1, 2, 3, 4, 5], [7] * 9])
def test_too_few_points_are_no_line(x: list[int]) -> None:
    with pytest.raises(ValueError, match="points"):
        fit(x, x)


def test_the_difference_of_two_lines() -> None:
    found = Slope(30, 3, 100, 19).minus(Slope(10, 4, 40, 12))
    assert found == Slope(20, 5, 60, 12)


# ---- the analysis and the report ----


def test_planted_slopes_are_reported() -> None:
    joints = memory("one-thread-brigade", planted(0, 0, group=5 * KIB))
    found = memory("thread-brigade", planted(9810, 16 * KIB, group=30 * KIB), joints)
    assert found.slopes["kernel"].slope == pytest.approx(16 * KIB + 5)
    assert found.kernel == "group_kernel"
    text = report.render([found], [("thread-brigade, tasks=9", "pids.max allows 8 tasks")])
    rows = {line.split("  ")[0]: line.split("  ", 1)[1].split() for line in text.splitlines()
            if "KiB  " in line}  # fmt: skip
    assert rows["kernel: stacks"][0] == "16.00"
    assert rows["of it: the transport (one-thread-brigade)"][0] == "5.00"
    assert rows["of it: the tasks themselves"][0] == "25.00"
    assert (
        "The kernel's part here is 30.00 KiB, of which 5.00 KiB are the transport's. A stack alone"
        " is 16.00 KiB, more than the 10 KiB published, which cannot include it."
    ) in " ".join(text.split())
    assert "left out: thread-brigade, tasks=9: pids.max allows 8 tasks" in text
    assert max(map(len, text.splitlines())) <= 100


def test_without_a_counter_of_the_group_the_sum_stands_in(
    validate_document: Callable[[Mapping[str, Any]], None],
) -> None:
    found = memory("x", planted(100, 200))
    assert found.kernel == "kernel"
    assert "group_kernel" not in found.slopes
    data = report.document([found], [("x, tasks=9", "too many")], {"kernel": "6.18"})
    validate_document(json.loads(json.dumps(data)))
    (one,) = data["workloads"]
    assert one["per_task"]["kernel"]["slope"] == pytest.approx(205)
    assert one["tasks"] == list(range(100, 1000, 100))
    assert one["bytes"]["kernel"][0] == 200 * 100 + 2 * 100 + 7 + 3 * 100


@contextlib.contextmanager
def waiting(code: str) -> Iterator[int]:
    """A Python program that has run `code` and waits; its number."""
    child = subprocess.Popen(
        [sys.executable, "-c", f"import os, sys; {code}; print(flush=True); sys.stdin.read()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None and child.stdout.readline() == "\n"
        yield child.pid
    finally:
        child.communicate()


def virtual_bytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmSize"))


def test_the_memory_of_a_process_is_read() -> None:
    with waiting("pass") as pid:
        found = holder.user_memory(pid)
    assert found["virtual"] > found["resident"] >= found["proportional"] > 1 << 20


def test_memory_of_a_family_is_summed() -> None:
    with waiting("os.fork()") as pid:
        both = holder.user_memory(pid)["virtual"]
        (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        parts = virtual_bytes(pid), virtual_bytes(int(child))
    assert min(parts) > 8 << 20
    assert both == pytest.approx(sum(parts), abs=1 << 20)


# ---- pictures ----


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_a_picture_is_drawn(kind: str) -> None:
    pytest.importorskip("matplotlib")
    found = [memory("a", planted(9810, 16 * KIB)), memory("b", planted(400, 0))]
    chart = report.chart(found, "here")
    assert [series.dashed for series in chart.series] == [False, True, False]
    content = draw(chart, kind)
    assert content == draw(chart, kind), "the same data give the same picture"
    if kind == "png":
        assert content.startswith(b"\x89PNG")
    else:
        text = content.decode()
        assert "<svg" in text


@pytest.mark.parametrize("name", ["x.jpg", "png", "x.pdf", "x"])
def test_other_pictures_are_refused(name: str) -> None:
    with pytest.raises(TracerError) as told:
        format_of(name)
    assert told.value.exit_code == 2


def test_without_matplotlib_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(TracerError) as told:
        format_of("x.png")
    assert "pip install -e '.[plot]'" in told.value.hint


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.5"), (20, "20"), (1000, "1k"), (250_000, "250k"), (2.5e6, "2.5M")],
)
def test_ticks(value: float, text: str) -> None:
    assert short(value) == text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["zzz"], "no workload is called"),
        (["thread-brigade", "--tasks", "1:2:1"], "does not name 6 sizes"),
        (["thread-brigade", "--tasks", "5"], "does not name 6 sizes"),
        (["thread-brigade", "--plot", "x.jpg"], "PNG or SVG"),
        (["thread-brigade", "--json", "/nowhere/x"], "cannot write"),
        (["thread-brigade", "--tasks", "900000000:999000000:1000000"], "sizes fit"),
    ],
)
def test_refused_before_anything_runs(words: list[str], said: str) -> None:
    done = subprocess.run([sys.executable, "-m", "tracer", "memory", *words], cwd=ROOT,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr and "Traceback" not in done.stderr


def test_memory_per_task_below_zero_is_unknown() -> None:
    assert report._kib(-3.0) == "unknown"
    assert report._kib(1536.0) == "1.50 KiB"
