"""A processor that numpy is not built for is named, with what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.host import processor

ROOT = Path(__file__).parents[3]
V1 = "fpu sse sse2 lm constant_tsc pni cx16 hypervisor lahf_lm"
V2 = f"{V1} ssse3 sse4_1 sse4_2 popcnt"


@pytest.mark.parametrize(
    ("flags", "numpy", "lacking"),
    [
        (V1, (2, 4), "popcnt, sse4_1, sse4_2, ssse3"),
        (V1, (2, 3), ""),
        (V1, (), ""),
        (V2, (2, 5), ""),
        ("", (2, 5), ""),
    ],
)
def test_the_processors_flags_tell(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flags: str,
    numpy: tuple[int, ...],
    lacking: str,
) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\nflags\t\t: {flags}\n" if flags else "\n")
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(processor, "_numpy_version", lambda: numpy)
    monkeypatch.setattr(processor.os, "uname", lambda: os.uname_result(("", "", "", "", "x86_64")))
    error = processor.processor_error()
    if not lacking:
        assert error is None
        return
    assert error is not None and error.message.endswith(f"it lacks {lacking} of x86-64-v2")
    assert "'numpy<2.4'" in error.hint


def test_the_version_of_numpy_here() -> None:
    import numpy

    assert processor._numpy_version() == tuple(int(n) for n in numpy.__version__.split(".")[:2])


BROKEN_NUMPY = """
def load():
    raise RuntimeError("NumPy was built with baseline optimizations: \\n(X86_V2) but your machine"
                       " doesn't support:\\n(X86_V2).")
load()
"""


@pytest.mark.parametrize("words", [("doctor",), ("run", "thread-brigade"), ("attach", "1")])
def test_a_processor_that_numpy_is_not_built_for(tmp_path: Path, words: tuple[str, ...]) -> None:
    core = tmp_path / "numpy" / "_core"
    core.mkdir(parents=True)
    (tmp_path / "numpy" / "__init__.py").write_text("from numpy import _core\n")
    (core / "__init__.py").write_text(BROKEN_NUMPY)
    done = subprocess.run(
        [sys.executable, "-m", "tracer", *words],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    what, hint = done.stderr.splitlines()
    assert what.startswith("tracer: numpy cannot be used on this processor: NumPy was built with")
    assert "'numpy<2.4'" in hint


def test_other_errors_are_not_numpys() -> None:
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("something else")
    assert processor.numpy_error(caught.value) is None
