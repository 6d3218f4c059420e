"""The tables of the live view: the cells of the report, in the order that is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from harness.profiled import PROFILE, WALL
from harness.summarized import planted_summaries, planted_summary

from tracer.analysis.run.document import document
from tracer.analysis.run.saved import summary_of
from tracer.analysis.where.profile import where
from tracer.report.live.history import History
from tracer.report.live.tables import TABLES, Table, TableRow
from tracer.report.run.activity import calls as reported_calls
from tracer.report.run.threads import groups as reported_groups
from tracer.report.run.threads import threads as reported_threads

SUMMARIES = planted_summaries()


def table(name: str, run: Any) -> Table:
    data = document(run)
    history = History()
    history.add(data, run)
    for title, rows, _column in TABLES.values():
        if title == name:
            return rows(summary_of(data), data, history)
    raise AssertionError(name)


@pytest.mark.parametrize("kind", SUMMARIES)
@pytest.mark.parametrize("key", TABLES)
def test_every_table_of_every_run(kind: str, key: str) -> None:
    name, _rows, column = TABLES[key]
    found = table(name, SUMMARIES[kind])
    assert found.rows or found.empty
    for row in found.rows:
        assert len(row.cells) == len(found.columns) == len(row.values)
        assert all(cell.isprintable() for cell in row.cells)
    assert len({row.key for row in found.rows}) == len(found.rows)
    for reverse in (False, True):
        assert len(found.sorted(column, reverse)) == len(found.rows)


def cells_of(lines: list[str], first: str) -> list[str]:
    """The words of the row that begins so."""
    (line,) = [line for line in lines if line.startswith(first)]
    return line.split()


def test_cells_are_those_of_the_report() -> None:
    run = summary_of(document(SUMMARIES["all"]))
    name = run.syscalls[0].name if run.syscalls else ""
    (row,) = [row for row in table("calls", SUMMARIES["all"]).rows if row.key == name]
    report = cells_of(reported_calls(run, 200), name)
    assert [cell for cell in row.cells[:-1] if cell not in report] == []
    command = summary_of(document(SUMMARIES["command"]))
    shown = table("groups", SUMMARIES["command"]).rows[0]
    report = cells_of(reported_groups(command, 200), command.groups[0].name)
    assert [cell for cell in shown.cells if cell and cell not in report] == []
    thread = table("threads", SUMMARIES["all"]).rows[0]
    report = cells_of(reported_threads(run, 200), thread.key)
    assert [cell for cell in thread.cells if cell and cell not in report] == []


def test_places_need_stacks() -> None:
    assert "--probe +stacks" in table("places", SUMMARIES["attach"]).empty
    run = planted_summary(where=where(PROFILE, WALL))
    found = table("places", run)
    shares = [row.values[2] for row in found.sorted(2, False)]
    assert shares == sorted(shares, reverse=True) and len(shares) > 1
    largest = document(run)["where"]["places"][0]
    assert found.sorted(2, False)[0].cells[2] == f"{100 * largest['share']:.1f} %"


def test_sorting() -> None:
    rows = tuple(
        TableRow(key, (key, str(n)), (key, n)) for key, n in (("b", 2), ("a", 2), ("c", 10))
    )
    found = Table(("name", "number"), rows)

    def keys(column: int, reverse: bool = False) -> str:
        return "".join(row.key for row in found.sorted(column, reverse))

    assert keys(0) == "abc" and keys(0, True) == "cba"
    assert keys(1) == "cab", "numbers from large to small, equal ones by name"
    assert keys(1, True) == "abc"
    assert keys(7) == "cab", "a table can lose a column"
    assert Table((), ()).sorted(3, True) == ()


def test_hostile_names_are_escaped() -> None:
    group = replace(SUMMARIES["command"].groups[0], name="a\x1b[31mb\u202ec")
    found = table("groups", replace(SUMMARIES["command"], groups=(group,)))
    assert "\x1b" not in found.rows[0].cells[0] and "\u202e" not in found.rows[0].cells[0]
