"""The cache of compiled programs: used again, checked before use, and compiling works without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from tracer.kernel import compiled
from tracer.kernel.compiled import INSTRUCTION, Compiled, Map, cached

LAYOUT = np.dtype([("a", "<u4"), ("b", "<u8", (3,))], align=True)


class Compiler:
    """Counts how often it compiles; each result has its number in it."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, files: Sequence[Path], macros: Mapping[str, object]) -> Compiled:
        self.calls += 1
        code = np.zeros(2, INSTRUCTION)
        code["imm"] = [self.calls, 95]
        shape = Map("m", 2, 4, LAYOUT.itemsize, 7, 1024, repr(np.lib.format.dtype_to_descr(LAYOUT)))
        return Compiled({"p": code}, (shape,))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "a.c"
    file.write_text("int a;")
    return file


def _number(program: Compiled) -> int:
    return int(program.programs["p"]["imm"][0])


def test_the_second_time_the_file_is_read(source: Path) -> None:
    compile_ = Compiler()
    first = cached([source], {"A": 1}, [], compile_)
    second = cached([source], {"A": 1}, [], compile_)
    assert compile_.calls == 1
    assert second.maps == first.maps
    assert second.programs["p"].tobytes() == first.programs["p"].tobytes()


def test_layout_keeps_padding() -> None:
    shape = Compiler()([], {}).maps[0]
    assert shape.dtype.itemsize == LAYOUT.itemsize == 32
    assert shape.dtype.fields is not None
    assert shape.dtype.fields["b"][1] == 8


def test_every_input_counts(source: Path, tmp_path: Path) -> None:
    header = tmp_path / "a.h"
    header.write_text("1")
    compile_ = Compiler()
    cached([source], {"A": 1}, [header], compile_)
    cached([source], {"A": 2}, [header], compile_)
    header.write_text("2")
    cached([source], {"A": 2}, [header], compile_)
    source.write_text("int b;")
    latest = cached([source], {"A": 2}, [header], compile_)
    assert (compile_.calls, _number(latest)) == (4, 4)


@pytest.mark.parametrize("damage", ["", "{}", '{"maps": [{"x": 1}], "programs": {}}', "\0"])
def test_a_damaged_file_is_programagain(source: Path, damage: str) -> None:
    compile_ = Compiler()
    cached([source], {}, [], compile_)
    (kept,) = (source.parent / "__pycache__").iterdir()
    kept.write_text(damage)
    assert _number(cached([source], {}, [], compile_)) == 2
    assert _number(cached([source], {}, [], compile_)) == 2


def test_without_a_place_to_write_it_compiles(source: Path) -> None:
    (source.parent / "__pycache__").write_text("a file where the directory should be")
    compile_ = Compiler()
    assert _number(cached([source], {}, [], compile_)) == 1
    assert _number(cached([source], {}, [], compile_)) == 2


def test_the_oldest_are_dropped(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "_KEPT", 3)
    for value in range(6):
        cached([source], {"A": value}, [], Compiler())
    assert len(list((source.parent / "__pycache__").iterdir())) == 3
