"""--record before a run and at its end: what is refused, and what is said with --quiet."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest

from tracer.cli import _record
from tracer.cli.main import cli
from tracer.errors import Interrupted
from tracer.experiment import one


def invoked(*words: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(cli, words, standalone_mode=False)


def test_an_empty_name_is_refused_rather_than_taken_for_none() -> None:
    error = invoked("run", "--record", "", "--", "true").exception
    assert isinstance(error, click.UsageError) and "--record DIR" in error.message


def test_with_an_interval_it_says_how_to_ask_for_parts() -> None:
    error = invoked("attach", "1", "--record", "r", "--interval", "1").exception
    assert isinstance(error, click.UsageError)
    assert "leave out --interval" in error.message and "tracer query DIR" in error.message


def test_a_condition_on_hops_needs_system_calls(tmp_path: Path) -> None:
    words = ("--record", str(tmp_path / "r"), "--last", "1", "--when", "p99 hop > 1us", "--light")
    error = invoked("run", *words, "--", "true").exception
    assert isinstance(error, click.UsageError) and "leave out --light" in error.message
    assert not (tmp_path / "r").exists()


class _Ended:
    def __init__(self, is_whole: bool) -> None:
        self.is_whole = is_whole

    def end(self, _document: object) -> str:
        return "what became of it"


@pytest.mark.parametrize("is_whole", [True, False])
def test_what_is_missing_is_said_even_with_quiet(
    is_whole: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    _record.end(_Ended(is_whole), {}, lambda _text: None)  # type: ignore[arg-type]
    assert ("what became of it" in capsys.readouterr().err) == (not is_whole)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_attach_that_is_ended_before_its_window_is_no_success(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def windows(*_: object, **__: object) -> Iterator[object]:
        raise Interrupted(number)
        yield

    monkeypatch.setattr(one, "trace_processes", windows)
    found = invoked("attach", "1")
    assert found.return_value == 128 + number
    assert "before the window began" in found.stderr
