"""`tracer report FILE`: the text of a saved report, and files that are none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from harness.findings import delayed_ack, run

from tracer.cli.report import command
from tracer.errors import TracerError


def printed(file: Path, *options: str) -> str:
    done = CliRunner().invoke(command, [str(file), *options], catch_exceptions=False, color=True)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(run()))
    return file


def test_the_first_screen_and_the_details(saved: Path) -> None:
    text = printed(saved)
    assert text.startswith("make -j2  CPUs 0-1") and "Context switches" in text
    assert "1. nothing holds it back" in text
    brief = printed(saved, "--brief")
    assert text.startswith(brief) and "Context switches" not in brief
    assert printed(saved, "--quiet") == ""
    assert "\x1b[" in printed(saved, "--color", "always") and "\x1b[" not in text


def test_a_line_for_each_interval(tmp_path: Path) -> None:
    file = tmp_path / "reports.jsonl"
    file.write_text(3 * (json.dumps(run()) + "\n"))
    texts = printed(file).split("\n\n")
    assert [text.count("make -j2") for text in texts if text] == [1, 1, 1]
    assert max(len(text.splitlines()) for text in texts) <= 12


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not a report"),
        ("{", "is not JSON"),
        ("[]", "is not a report"),
        ('{"schema": "tracer.compare/1"}', "is not a report"),
        ('{"schema": "tracer.run/2"}', "does not follow the schema"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(content)
    with pytest.raises(TracerError, match=message) as refused:
        printed(file)
    assert refused.value.exit_code == 2


@pytest.mark.parametrize("wrong", [None, 3, "x", [], {}])
def test_a_damaged_report_is_an_error_and_no_traceback(saved: Path, wrong: Any) -> None:
    whole = json.loads(saved.read_text())
    for name in whole:
        saved.write_text(json.dumps({**whole, name: wrong}))
        try:
            printed(saved)
        except TracerError as error:
            assert error.exit_code == 2


def test_there_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(TracerError, match="cannot read"):
        printed(tmp_path / "none.json")


def test_findings_that_rest_on_a_probes_section_are_there_again(tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    file.write_text(json.dumps(delayed_ack.FIRES[0]))
    assert "delayed ACK" in " ".join(printed(file, "--brief").split())
