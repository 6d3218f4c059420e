"""Which file a command is: known by its build id, or by its content; one that is not there."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.experiment.condition import Condition
from tracer.experiment.programs import identity, programs_of


def command(label: str, *words: str) -> Condition:
    return Condition(label, "", command=words)


def test_an_elf_file_is_known_by_its_build_id() -> None:
    program = Path(sys.executable).resolve()
    done = subprocess.run(["file", "-L", program], capture_output=True, text=True, check=False)
    _, found, rest = done.stdout.partition("BuildID[sha1]=")
    if not found:
        pytest.skip("file does not tell the build id of this Python")
    assert identity(program) == f"build id {rest[:16]}"


def test_another_file_is_known_by_its_content(tmp_path: Path) -> None:
    script = tmp_path / "x"
    script.write_text("#!/bin/sh\n")
    digest = hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    assert identity(script) == f"SHA-256 {digest[:16]}"
    script.write_bytes(b"\x7fELF\x02\x01 and no more")
    assert identity(script).startswith("SHA-256 ")
    script.write_bytes(b"")
    assert identity(script) == "unreadable"


def test_each_command_once_by_the_name_that_it_is_called(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    every = [command("A", "tool", "1"), command("B", str(tool)), command("C", "tool", "2")]
    found = programs_of([*every, Condition("D", "thread-brigade")], {"PATH": str(tmp_path)})
    assert list(found) == ["tool", str(tool)]
    assert len(set(found.values())) == 1
    tool.chmod(0o644)
    with pytest.raises(TracerError, match="cannot start tool: there is no such") as refused:
        programs_of(every, {"PATH": str(tmp_path)})
    assert refused.value.exit_code == 127
