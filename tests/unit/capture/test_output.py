"""A command's output through a pipe, and the count in it."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from tracer.capture.child import Target
from tracer.capture.output import number, units_in
from tracer.errors import TracerError
from tracer.model.spec import Spec

_PATTERN = r"requests: (\S+)"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), ("1,234,567", 1_234_567), ("1_000", 1000), ("12.5k", 12_500), ("3M", 3e6),
        ("2 G", 2e9), ("1e6", 1e6), ("0.5", 0.5), (" 42 ", 42),
    ],
)  # fmt: skip
def test_numbers_as_programs_print_them(text: str, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize("text", ["", "x", "1,23", "12,5", "-3", "5 requests", "1.2.3", "k", "nan"])
def test_what_is_no_number_is_none(text: str) -> None:
    with pytest.raises(ValueError):
        number(text)


def test_the_last_match_counts_and_its_first_group() -> None:
    text = "requests: 10\nrequests: 1,250\nbye\n"
    assert units_in(text, _PATTERN) == 1250
    assert units_in(text, r"requests: (\d+)(?:,(\d+))?") == 1


def test_an_output_without_the_count_is_an_error_that_shows_its_end() -> None:
    with pytest.raises(TracerError, match=r"matches nothing .* whose last line is 'did 5'"):
        units_in("hello\ndid 5\n\n", _PATTERN)
    with pytest.raises(TracerError, match="which is empty"):
        units_in("", _PATTERN)


@pytest.mark.parametrize("text", ["requests: none", "requests: 0", "requests: 0.2"])
def test_a_count_is_a_number_from_one_on(text: str) -> None:
    with pytest.raises(TracerError, match="is not a count from 1 on"):
        units_in(text, _PATTERN)


def _counted(code: str, *, quiet: bool = True) -> int:
    """The units of a run of this code."""
    spec = Spec((sys.executable, "-c", code), controlled=False, quiet=quiet, unit_from=_PATTERN)
    with Target(spec) as target:
        target.open_gate()
        target.wait()
        return target.units()


def test_the_count_stands_after_megabytes_of_other_output() -> None:
    """More than a pipe holds, and more than is kept."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    code = "print(('x' * 99 + '\\n') * 120_000); print('requests: 12k')"
    assert _counted(code) == 12_000
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_what_the_command_leaves_behind_does_not_hold_tracer_up(tmp_path: Path) -> None:
    """A process that outlives the command still has the pipe open."""
    file = tmp_path / "pid"
    code = (
        "import os, time; print('requests: 3', flush=True); left = os.fork()\n"
        "if not left: time.sleep(60)\n"
        f"open({str(file)!r}, 'w').write(str(left))"
    )
    assert _counted(code) == 3
    os.kill(int(file.read_text()), signal.SIGKILL)


def test_the_output_is_passed_on_unless_the_command_is_quiet(capfd: pytest.CaptureFixture[str]
                                                             ) -> None:  # fmt: skip
    _counted("print('requests: 5')", quiet=False)
    assert capfd.readouterr().out == "requests: 5\n"
    _counted("print('requests: 5')")
    assert capfd.readouterr().out == ""
