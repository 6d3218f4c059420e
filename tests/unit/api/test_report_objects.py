"""A report as objects: the same numbers as in the document, and tables of them."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import fields, replace
from html import escape
from pathlib import Path
from typing import Any

import pandas
import pyarrow
import pytest
from harness.summarized import planted_summaries, planted_summary

import tracer
from tracer.analysis.run.document import document
from tracer.analysis.run.summary import Summary
from tracer.api.objects import Call, Place
from tracer.api.table import Table
from tracer.host.installation import installation
from tracer.report.json_text import json_text
from tracer.report.run.text import render

SCHEMA = json.loads(
    (Path(__file__).parents[3] / "docs" / "schema" / "tracer.run-2.json").read_text()
)


def _report(summary: Summary | None = None) -> tracer.Report:
    summary = planted_summary() if summary is None else summary
    return tracer.Report(document(summary), summary)


@pytest.fixture
def attached() -> tracer.Report:
    return _report(planted_summaries()["attach"])


def _saved(summary: Summary) -> tracer.Report:
    """The same as read from a file."""
    return tracer.Report(json.loads(json_text(document(summary))))


@pytest.mark.parametrize("summary", planted_summaries().values(), ids=planted_summaries())
def test_live_and_saved_say_the_same(summary: Summary) -> None:
    live, saved = _report(summary), _saved(summary)
    assert live.to_text() == render(summary) and live.to_json() == saved.to_json()
    for name in ("findings", "calls", "threads", "groups", "places", "switches"):
        assert getattr(live, name) == getattr(saved, name), name
    assert live.ledger.parts == saved.ledger.parts
    labels = [line.label for line in live.ledger.lines]
    assert [line.label for line in saved.ledger.lines] == labels
    assert (live.window_ns, live.units, live.doubts, live.lost) == (
        saved.window_ns,
        saved.units,
        saved.doubts,
        saved.lost,
    )


def test_the_objects_have_the_numbers_of_the_document(attached: tracer.Report) -> None:
    report = attached
    data = report.document
    wall = data["ledgers"]["wall"]
    assert report.ledger.total_ns == wall["total_ns"] and report.ledger.parts == wall["parts"]
    assert report.ledger.residual_ns == wall["residual_ns"]
    assert report.ledger.share("user") == wall["parts"]["user"] / wall["total_ns"]
    assert [call.calls for call in report.calls] == [row["calls"] for row in data["syscalls"]]
    assert [call.cls for call in report.calls] == [row["class"] for row in data["syscalls"]]
    assert report.calls and report.groups
    assert [one._asdict() for one in report.findings] == data["findings"]


def test_the_fields_are_those_of_the_schema() -> None:
    """A new member of the document is a decision for the objects too."""
    call = SCHEMA["properties"]["syscalls"]["oneOf"][1]["items"]["properties"]
    assert {field.name for field in fields(Call)} - {"cls"} | {"class"} == set(call)
    place = SCHEMA["properties"]["where"]["properties"]["places"]["items"]["properties"]
    assert {field.name for field in fields(Place)} == set(place) - {"own", "lines"}


def test_lines_of_the_ledger_are_parts_of_those_above() -> None:
    report = _report()
    lines = report.ledger.lines
    tops = [line for line in lines if not line.level]
    shares = sum(line.share for line in tops) + report.headline.unknown
    assert shares == pytest.approx(1, abs=1e-6)
    assert all(not line.label.startswith(" ") for line in lines)
    assert max(line.level for line in lines) >= 1


def test_numbers_and_budgets_by_path() -> None:
    report = _report()
    name = report.calls[0].name
    assert report.value(f"syscalls.{name}.calls") == report.calls[0].calls
    assert report.broken(["window_ns>=1"]) == []
    assert report.broken(["window_ns<1"])[0].startswith("budget broken: window_ns is ")
    with pytest.raises(tracer.TracerError, match="has no 'x'"):
        report.value("x.y")
    with pytest.raises(tracer.TracerError, match="not of the form"):
        report.broken(["window_ns"])


def test_it_is_shown_as_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    report, out = _report(), io.StringIO()
    report.show(file=out, brief=True)
    assert out.getvalue() == report.to_text(100, brief=True)
    report.show()
    assert capsys.readouterr().out == report.to_text(100)


# ---- tables ----


@pytest.mark.parametrize("name", ["ledger", "findings", "calls", "threads", "groups", "places"])
@pytest.mark.parametrize("summary", planted_summaries().values(), ids=planted_summaries())
def test_tables_are_the_same_in_pandas_and_pyarrow(name: str, summary: Summary) -> None:
    table = _report(summary).table(name)
    frame, arrow = table.pandas(), table.arrow()
    assert isinstance(frame, pandas.DataFrame) and isinstance(arrow, pyarrow.Table)
    assert list(frame.columns) == arrow.column_names == list(table.columns)
    assert len(frame) == arrow.num_rows == len(table)
    assert arrow.to_pylist() == [
        {key: list(v) if isinstance(v, tuple) else v for key, v in row.items()} for row in table
    ]


def test_columns_of_the_tables(attached: tracer.Report) -> None:
    report = attached
    calls = list(report.table("calls"))
    assert calls[0]["errors"] == sum(report.calls[0].errors.values())
    group = next(iter(report.table("groups")))
    assert group["user"] == report.groups[0].parts["user"]
    with pytest.raises(tracer.TracerError, match="no table 'x'") as caught:
        report.table("x")
    assert "ledger, findings, calls" in caught.value.hint


@pytest.mark.parametrize("package", ["pandas", "pyarrow"])
def test_a_missing_library_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    table = Table(("a",), ((1,),))
    with pytest.raises(tracer.TracerError, match=f"needs {package}") as caught:
        getattr(table, package.replace("pyarrow", "arrow"))()
    assert caught.value.hint == installation().to_add("frames")


# ---- notebooks ----


def test_names_of_the_target_are_escaped_in_notebooks() -> None:
    others = planted_summary().others
    hostile = replace(others[0], name="<img src=x>\x1b") if others else None
    summary: Any = planted_summary()
    if hostile is not None:
        summary = replace(summary, others=(hostile, *others[1:]))
    report = _report(summary)
    for shown in (report._repr_html_(), report.ledger._repr_html_()):
        assert shown and "<img" not in shown and "\x1b" not in shown
    assert "<script" not in str(report._repr_html_())
    cells = Table(("<a>",), (("<b>",),))._repr_html_()
    assert "<a>" not in cells and "&lt;b&gt;" in cells


def test_the_ledger_in_a_notebook_has_the_lines_of_the_text() -> None:
    ledger = _report().ledger
    shown = ledger._repr_html_()
    for line in ledger.lines:
        assert (escape(line.label) in shown) == (line.share >= 0.0005), line


def test_a_long_table_says_how_much_is_left_out() -> None:
    shown = Table(("n",), tuple((n,) for n in range(100)))._repr_html_()
    assert shown.count("<tr>") == 61 and "and 40 more rows" in shown
