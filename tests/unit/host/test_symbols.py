"""Symbols of a small program, as nm and the compiler have them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from harness.machine import compiler

from tracer.host import symbols
from tracer.host.symbols import Symbols, readable

PROGRAM = """
#include <string.h>
int filled[8] = {1};
static long hidden = 2;
char zeroed[1 << 16];
static __thread int own;
int main(void) { own = filled[0] + (int)hidden; memset(zeroed, own, 9); return 0; }
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cc = compiler()
    if cc is None:
        pytest.skip("no C compiler")
    file = tmp_path_factory.mktemp("symbols") / "program"
    options = ["-O0", "-Wl,--build-id", "-rdynamic", "-x", "c", "-", "-o", str(file)]
    subprocess.run([cc, *options], input=PROGRAM, text=True, check=True)
    return file


def addresses(file: Path) -> dict[str, int]:
    done = subprocess.run(["nm", str(file)], capture_output=True, text=True, check=True)
    rows = (line.split() for line in done.stdout.splitlines())
    return {row[2]: int(row[0], 16) for row in rows if len(row) == 3}


def test_variables_are_where_nm_has_them(program: Path) -> None:
    of, at = Symbols(program), addresses(program)
    for name, size in (("filled", 32), ("hidden", 8), ("zeroed", 1 << 16)):
        assert of.at(at[name]) == (name, 0)
        assert of.at(at[name] + size - 1) == (name, size - 1)
        assert of.at(at[name] + size) != (name, size)
        assert of.contains(at[name])
    assert of.at(at["main"]) is None, "a function"
    assert of.at(0) is None and not of.contains(1 << 40)
    assert of.first == 0
    assert of.is_zeroed(at["zeroed"]) and not of.is_zeroed(at["main"])
    assert of.has("hidden") and not of.has("nothing of the kind")


def test_a_stripped_file_has_what_it_exports(program: Path, tmp_path: Path) -> None:
    at = addresses(program)
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", str(stripped), str(program)], check=True)
    of = Symbols(stripped)
    assert of.at(at["filled"] + 4) == ("filled", 4)
    assert of.at(at["hidden"]) is None


def test_symbols_that_are_installed_apart(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = subprocess.run(["readelf", "-n", str(program)], capture_output=True, text=True)
    digits = notes.stdout.split("Build ID: ")[1].split()[0]
    stripped = tmp_path / "stripped"
    subprocess.run(["strip", "-o", str(stripped), str(program)], check=True)
    apart = tmp_path / digits[:2] / f"{digits[2:]}.debug"
    apart.parent.mkdir()
    subprocess.run(["objcopy", "--only-keep-debug", str(program), str(apart)], check=True)
    monkeypatch.setattr(symbols, "by_build_id", {bytes.fromhex(digits): apart}.__getitem__)
    assert Symbols(stripped).at(addresses(program)["hidden"] + 1) == ("hidden", 1)


@pytest.mark.parametrize("content", [b"", b"\x7fELF\x01\x01 of 32 bits", b"text\n" * 100])
def test_a_file_of_another_kind(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(ValueError):
        Symbols(file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("_PyRuntime", "_PyRuntime"),
        ("_ZN3std2io5stdio6STDOUT17h0123456789abcdefE", "std::io::stdio::STDOUT"),
        ("_ZN4base4lockE", "base::lock"),
        ("_ZNK1a1bE", "a::b"),
        ("_ZL9file_lock", "_ZL9file_lock"),
        ("_ZN99shortE", "_ZN99shortE"),
    ],
)
def test_readable_names(name: str, text: str) -> None:
    assert readable(name) == text
