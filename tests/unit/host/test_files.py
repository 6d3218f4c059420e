"""Small files of /proc and /sys: what is missing, unreadable or no valid text is no error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tracer.host.files import fields_of, line_of, number_in, text_of

ROOT = Path(__file__).parents[3]


def test_bytes_that_are_no_text_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "comm"
    path.write_bytes(b"caf\xc3\n\xff(x)\n")
    assert text_of(path) == "caf\ufffd\n\ufffd(x)\n"


def test_a_missing_file(tmp_path: Path) -> None:
    path = tmp_path / "gone"
    assert (text_of(path), text_of(path, "-"), line_of(path, "-")) == ("", "-", "-")
    assert number_in(path) is None
    assert fields_of(path) == {}


@pytest.mark.parametrize(
    ("content", "number"), [("7\n", 7), ("-1 x", -1), ("max", None), ("", None), ("running", None)]
)
def test_numbers(tmp_path: Path, content: str, number: int | None) -> None:
    path = tmp_path / "file"
    path.write_text(content)
    assert number_in(path) == number


def test_fields_and_lines(tmp_path: Path) -> None:
    path = tmp_path / "status"
    path.write_text("Name:\ta:b\nUid:\t0\t1\nno field\n")
    assert fields_of(path) == {"Name": "a:b", "Uid": "0\t1"}
    assert line_of(path) == "Name: a:b Uid: 0 1 no field"


def test_what_reads_the_host_reads_it_so() -> None:
    """A program can put any bytes into /proc: read_text() would fail on them."""
    for room in ("host", "capture", "probes"):
        for file in (ROOT / "tracer" / room).glob("*.py"):
            if file.name != "files.py":
                assert not re.search(r"\.read_text\(|\.read_bytes\(|\bopen\(", _code(file)), file


def _code(file: Path) -> str:
    """Its text without what is read byte by byte on purpose: environment, memory, devices."""
    allowed = r'"/proc/self/environ"\).read_bytes\(|"mem"\).open\(|os\.open\(|pidfd_open\('
    return re.sub(allowed, "", file.read_text())
