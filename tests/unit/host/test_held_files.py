"""Files that are gone when they are needed."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from tracer.host import held_files
from tracer.host.code_files import CodeFiles
from tracer.host.held_files import HeldFiles
from tracer.host.mappings import read_areas
from tracer.model.code import Code
from tracer.model.mappings import Area

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs /proc/PID/map_files")


def ran(program: Path, held: HeldFiles) -> tuple[int, Area]:
    """Process and code of a copy of `cat`, which has ended and whose file is gone."""
    shutil.copy(shutil.which("cat") or "", program)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        areas = []
        while not areas:  # it may not have become that program yet
            found = read_areas(process.pid)
            areas = [a for a in found if a.path == str(program) and a.executable]
        held.look([process.pid])
        process.kill()
    program.unlink()
    return process.pid, areas[0]


def test_the_file_of_a_process_that_has_ended(tmp_path: Path) -> None:
    with closing(HeldFiles()) as held, closing(CodeFiles(0, held)) as files:
        pid, area = ran(tmp_path / "program", held)
        code = Code(area, 1 << 62, area.start, area.end)
        number = files.of(code, pid)
        assert number is not None
        descriptor = files.files[number].descriptor
        assert descriptor is not None
        assert os.fstat(descriptor).st_ino == area.inode
        held.close()
        assert held.of(area) is None
    with closing(CodeFiles(0)) as files:
        number = files.of(code, pid)
        assert number is not None
        assert files.files[number].descriptor is None


def test_no_more_files_are_held_than_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_files, "_MOST_FILES", 1)
    with closing(HeldFiles()) as held:
        ran(tmp_path / "program", held)
        assert len(held._held) == len(held._looks) == 1
        held.look([])
        assert not held._looks
