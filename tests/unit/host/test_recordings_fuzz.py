"""The first broken recordings of `make fuzz`: each is refused with a reason, or read as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from harness.machine import compiler

sys.path.insert(0, str(Path(__file__).parents[2]))

import fuzz_recordings


def test_broken_recordings_are_refused_with_a_reason(tmp_path: Path) -> None:
    if compiler() is None:
        pytest.skip("no C compiler")
    *_, found = fuzz_recordings.run(tmp_path, 200)
    assert found.total() == 200
    assert found["refused"] > 50
