"""The upper part of the live view: it fits, and its numbers are those of the report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness.summarized import planted_summaries

from tracer.analysis.run.document import document
from tracer.analysis.run.saved import summary_of
from tracer.report.live.history import History
from tracer.report.live.upper import BELOW, upper
from tracer.report.run.advice import in_words
from tracer.report.run.head import length
from tracer.report.run.path import path

SUMMARIES = planted_summaries()
SIZES = [(80, 24), (120, 40), (200, 60), (40, 12), (81, 25)]


def shown(kind: str, width: int, height: int, windows: int = 3) -> list[str]:
    run = summary_of(document(SUMMARIES[kind]))
    history = History()
    for _ in range(windows):
        history.add(document(SUMMARIES[kind]), run)
    lines = upper(run, history, "window 3", width, height)
    return [f"{line.text}{line.bars}" for line in lines]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", SUMMARIES)
def test_it_fits(kind: str, size: tuple[int, int]) -> None:
    width, height = size
    lines = shown(kind, width, height, windows=width)
    assert len(lines) <= max(height - BELOW, 1)
    if width >= 80:
        assert max(map(len, lines)) <= width


@pytest.mark.parametrize("kind", SUMMARIES)
def test_the_lines_of_the_path_are_those_of_the_report(kind: str) -> None:
    """Label, time and share of the same window's report, to the letter."""
    run = summary_of(document(SUMMARIES[kind]))
    text = shown(kind, 200, 60)
    report = path(run, 72)
    assert len(report) > 3
    for line in report[1:-1]:
        assert sum(one.startswith(line) for one in text) == 1, line


def test_the_answer_is_that_of_the_report() -> None:
    run = summary_of(document(SUMMARIES["attach"]))
    assert f"{length(run)}. {in_words(run)}" in shown("attach", 200, 60)


def test_what_puts_it_in_doubt_stands_before_it() -> None:
    lost = replace(SUMMARIES["attach"], losses={"thread_table_full": 3})
    history = History()
    history.add(document(lost), lost)
    kinds = [line.kind for line in upper(lost, history, "", 80, 24)]
    assert kinds[1] == "warning" and kinds.index("warning") < kinds.index("answer")


def test_history_is_on_one_scale_and_left_out_where_there_is_no_room() -> None:
    assert any("█" in line for line in shown("attach", 80, 24))
    assert not any("█" in line for line in shown("attach", 62, 24))
