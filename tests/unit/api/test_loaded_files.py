"""`tracer.load`: reports and recordings from files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness.summarized import planted_summary

import tracer
from tracer.analysis.run.document import document

DATA = Path(__file__).parents[2] / "data"


def _file(directory: Path, text: str) -> Path:
    file = directory / "report.json"
    file.write_text(text)
    return file


def test_a_saved_report_is_read_again(tmp_path: Path) -> None:
    live = tracer.Report(document(planted_summary()), planted_summary())
    found = tracer.load(_file(tmp_path, live.to_json()))
    assert found.to_json() == live.to_json() and found.ledger == live.ledger
    assert tracer.load(str(tmp_path / "report.json")).window_ns == live.window_ns


def test_a_file_of_several_windows(tmp_path: Path) -> None:
    live = tracer.Report(document(planted_summary()), planted_summary())
    file = _file(tmp_path, (live.to_json(None) + "\n") * 3)
    assert [one.window_ns for one in tracer.load_windows(file)] == [live.window_ns] * 3
    with pytest.raises(tracer.TracerError, match="has 3 windows") as caught:
        tracer.load(file)
    assert "load_windows" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no json", "is not JSON"),
        ("{}", "is not a report of tracer"),
        ('{"schema": "tracer.compare/2"}', "is not a report of tracer run or attach"),
        ('{"schema": "tracer.run/2"}', "does not follow the schema"),
    ],
)
def test_other_files_are_refused(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(tracer.TracerError, match=why):
        tracer.load(_file(tmp_path, text))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(tracer.TracerError, match="cannot read"):
        tracer.load(tmp_path / "none")
    (tmp_path / "directory").mkdir()
    with pytest.raises(tracer.TracerError, match="no recording"):
        tracer.load(tmp_path / "directory")


def test_a_document_without_a_table_has_an_empty_one(tmp_path: Path) -> None:
    data = document(planted_summary()) | {"syscalls": None}
    data.pop("where", None)
    found = tracer.load(_file(tmp_path, json.dumps(data)))
    assert found.calls == () and found.places == () and len(found.table("calls")) == 0
