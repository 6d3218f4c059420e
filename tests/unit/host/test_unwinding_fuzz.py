"""The first broken files and samples of `make fuzz`: the driver survives all of them."""

from __future__ import annotations

import platform
from pathlib import Path

import fuzz_symbols
import pytest
from harness.machine import compiler

from tracer.host.unwinding import HELPER


@pytest.mark.skipif(not HELPER.exists(), reason="the symbol helper is not built")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="its program has x86-64's registers")
@pytest.mark.skipif(compiler() is None, reason="no C compiler")
def test_broken_files_and_samples(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    *_, count = fuzz_symbols.run(tmp_path, 200)
    assert (count.cases, count.failed, count.left_out) == (200, 0, 0), count.messages
    assert 40 < count.named < 200, "some are too broken to have names, others are not"
