"""Compiling on the real kernel: by a process of its own, which tells what went wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.kernel.bcc import compile_programs

SOURCE = """
BPF_ARRAY(counts, u64, COUNTS);
int counted(void *ctx) { u32 zero = 0; u64 *n = counts.lookup(&zero); if (n) ++*n; return 0; }
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "counted.c"
    file.write_text(SOURCE)
    return file


def test_programs_and_maps_come_back(source: Path) -> None:
    made = compile_programs([source], {"COUNTS": 7})
    assert list(made.programs) == ["counted"]
    (counts,) = made.maps
    assert (counts.name, counts.max_entries, counts.value_bytes) == ("counts", 7, 8)
    loads = made.programs["counted"][made.programs["counted"]["op"] == 0x18]
    assert loads["imm"].tolist() == [0]  # the number of the map


def test_the_compiler_leaves_nothing_in_memory(source: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from tracer.kernel.bcc import compile_programs;"
        "compile_programs([Path(sys.argv[1])], {'COUNTS': 7});"
        "print(Path('/proc/self/maps').read_text())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(source)], capture_output=True, text=True, check=True
    )
    assert "libc.so" in done.stdout
    assert "libbcc" not in done.stdout and "LLVM" not in done.stdout


def test_what_the_compiler_says_is_told(source: Path) -> None:
    source.write_text(SOURCE.replace("++*n", "++*m"))
    with pytest.raises(TracerError) as caught:
        compile_programs([source], {"COUNTS": 7})
    assert "undeclared identifier 'm'" in caught.value.message
    assert "Traceback" not in caught.value.message
    assert "report it" in caught.value.hint
