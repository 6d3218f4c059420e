"""Small files of /proc and /sys: what is missing, unreadable or no valid text is no error."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from tracer.host.files import fields_of, line_of, lines_of, number_in, text_of

TRACER = Path(__file__).parents[3] / "tracer"


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


def test_a_line_ends_at_a_newline_alone(tmp_path: Path) -> None:
    path = tmp_path / "status"
    path.write_bytes("Name:\ta\x0bTgid:\t1\x85\u2028x\x0c\nTgid:\t7\n".encode() + b"P:\t\xff\n")
    assert lines_of(path)[1:] == ["Tgid:\t7", "P:\t\ufffd"]
    assert fields_of(path) == {"Name": "a\x0bTgid:\t1\x85\u2028x", "Tgid": "7", "P": "\ufffd"}
    assert os.fsencode(lines_of(path, has_paths=True)[2]) == b"P:\t\xff"
    assert lines_of(tmp_path / "gone") == []
    path.write_text("")
    assert lines_of(path) == []


#: Files that are tracer's own, its user's, or written by the kernel alone: no program's bytes.
OWN_FILES = {
    "model/syscalls.py": "the table of system calls",
    "analysis/run/budget_paths.py": "the schema of reports",
    "api/tracing.py": "windows that are opened, no files",
    "kernel/compiled.py": "compiled programs that were kept",
    "kernel/bcc.py": "the C, and names in it",
    "kernel/programs.py": "the C",
    "kernel/btf.py": "the kernel's types",
    "experiment/store.py": "saved outcomes, in ASCII",
    "cli/main.py": "/dev/null",
    "host/installation.py": "what pip wrote down: what is no text tells nothing",
    "host/recordings.py": "a recording: what is no text is refused",
    "host/replaying.py": "names of arrays, from the replay: what is no text is refused",
    "report/html/page.py": "the page's own parts",
    "report/html/states.py": "letters for states",
}


def test_nothing_is_decoded_strictly() -> None:
    """A program can put any bytes into /proc: to read such a file as text would fail on them."""
    found = {
        str(file.relative_to(TRACER)): calls
        for file in sorted(TRACER.rglob("*.py"))
        if (calls := strict_reads(file.read_text()))
    }
    assert {file: calls for file, calls in found.items() if file not in OWN_FILES} == {}
    assert set(found) == set(OWN_FILES), "what is no longer needed is not allowed either"


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("path.read_text()", [1]),
        ("x\nopen(path)", [2]),
        ("Path('/proc/1/comm').open('r')", [1]),
        ("content.decode()", [1]),
        ("content.decode('utf-8', 'strict')", [1]),
        ("subprocess.run(words, text=True)", [1]),
        ("path.read_text(errors='replace')", []),
        ("path.open('rb', buffering=0); open(path, mode='wb')", []),
        ("content.decode(errors='surrogateescape')", []),
        ("os.open(path, os.O_RDONLY); os.fdopen(fd, 'wb'); path.read_bytes()", []),
    ],
)
def test_a_strict_read_is_found(code: str, lines: list[int]) -> None:
    assert strict_reads(code) == lines


def strict_reads(code: str) -> list[int]:
    """The lines on which this code decodes what it reads and fails on bytes that are not UTF-8."""
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    return sorted(call.lineno for call in calls if is_strict(call))


def is_strict(call: ast.Call) -> bool:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    named = {word.arg: word.value for word in call.keywords}
    errors = named.get("errors")
    if isinstance(errors, ast.Constant) and errors.value != "strict":
        return False
    if name in ("open", "fdopen"):
        owner = getattr(getattr(function, "value", None), "id", "")
        if (owner, name) == ("os", "open"):
            return False  # gives a descriptor
        at = 0 if isinstance(function, ast.Attribute) and owner != "os" else 1
        mode = named.get("mode", call.args[at] if len(call.args) > at else ast.Constant("r"))
        return not (isinstance(mode, ast.Constant) and "b" in str(mode.value))
    return name in ("read_text", "decode") or "text" in named or "encoding" in named
