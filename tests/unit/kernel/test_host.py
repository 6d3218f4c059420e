"""What a host can lack: each is an error that says what to do about it."""

from __future__ import annotations

import ctypes
import io
import subprocess
import sys
import types
from importlib import import_module
from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.host.installation import Installation
from tracer.host.system_bcc import system_bcc
from tracer.kernel import bcc, engine
from tracer.kernel.bcc import import_bcc
from tracer.kernel.btf import Btf
from tracer.kernel.settings import MOST_ROWS, rows_for


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a system without BCC; this Python has imported none."""
    monkeypatch.setattr(bcc, "system_bcc", lambda: system_bcc(tmp_path))
    for name in [name for name in sys.modules if name == "bcc" or name.startswith("bcc.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "bcc", None)
    return tmp_path


def plant_bcc(root: Path, place: str, text: str = "from .part import BPF") -> Path:
    package = root / place / "bcc"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(f"# class BPF\n__version__ = {place!r}\n{text}\n")
    (package / "part.py").write_text("class BPF: ...\n")
    return package


@pytest.mark.usefixtures("places")
@pytest.mark.parametrize(
    ("used", "remedy"),
    [
        (Installation("clone", Path("/c")), "make setup, or install python3-bpfcc"),
        (Installation("wheel", Path("/v")), "tracer finds it from any virtual environment"),
    ],
)
def test_missing_bcc(monkeypatch: pytest.MonkeyPatch, used: Installation, remedy: str) -> None:
    monkeypatch.setattr(bcc, "installation", lambda: used)
    with pytest.raises(TracerError, match="cannot be imported") as caught:
        import_bcc()
    assert "python3-bpfcc" in caught.value.hint and remedy in caught.value.hint


def test_the_unrelated_bcc(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = types.ModuleType("bcc")
    other.__file__ = "/site-packages/bcc/__init__.py"
    monkeypatch.setitem(sys.modules, "bcc", other)
    monkeypatch.setitem(sys.modules, "bcc.part", other)
    with pytest.raises(TracerError, match="is not the BPF Compiler Collection"):
        import_bcc()
    package = plant_bcc(places, "lib/python3/dist-packages")
    assert import_bcc().__file__ == str(package / "__init__.py")
    assert sys.modules["bcc.part"].__file__ == str(package / "part.py")


def test_pointers_reach_bccs_library_whole() -> None:
    """Without declared types ctypes cuts them to 32 bits; many Pythons have none that small."""
    functions = ("bpf_num_tables", "bpf_table_name")  # BCC declares the others
    lib = types.SimpleNamespace(bpf_num_functions=lambda _module: 0)
    for name in functions:
        setattr(lib, name, types.SimpleNamespace())
    lib.bpf_num_tables = type("Function", (), {"__call__": lambda _self, _module: 0})()
    bcc._taken_out(lib, types.SimpleNamespace(module=1 << 40))
    for name in functions:
        assert getattr(lib, name).argtypes[0] is ctypes.c_void_p, name


def test_of_the_systems_packages_bcc_alone_is_used(places: Path) -> None:
    package = plant_bcc(places, "lib/python3/dist-packages")
    (package.parent / "beside.py").touch()
    found = import_bcc()
    assert found.BPF and import_bcc() is found
    with pytest.raises(ImportError):
        import_module("beside")
    assert not list(package.rglob("*.pyc"))


def test_the_nearest_python_version_is_taken(places: Path) -> None:
    minor = sys.version_info.minor
    for other in (minor - 4, minor + 1, minor - 2):
        plant_bcc(places, f"lib/python3.{other}/site-packages")
    assert import_bcc().__version__ == f"lib/python3.{minor + 1}/site-packages"
    (places / "lib/python3/dist-packages/bcc").mkdir(parents=True)
    (places / "lib/python3/dist-packages/bcc/__init__.py").write_text("def parse(): ...\n")
    assert system_bcc(places)[0].parent.parent.name == f"python3.{minor + 1}"


def test_a_package_that_this_python_cannot_use_is_named(places: Path) -> None:
    package = plant_bcc(places, "lib/python3/dist-packages", "raise OSError('no libbcc.so.0')")
    with pytest.raises(TracerError) as caught:
        import_bcc()
    assert caught.value.message == (
        f"BCC's Python package in {package} cannot be used: no libbcc.so.0"
    )
    assert "/usr/bin/python3 -m venv" in caught.value.hint
    assert "bcc.part" not in sys.modules


@pytest.mark.usefixtures("places")
def test_the_process_that_compiles_tells_that_bcc_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"text": "", "flags": []}'))
    bcc._answer()
    answer = subprocess.CompletedProcess((), 0, capsys.readouterr().out, "")
    monkeypatch.setattr(bcc.subprocess, "run", lambda *_, **__: answer)
    (tmp_path / "a.c").touch()
    with pytest.raises(TracerError, match="cannot be imported") as caught:
        bcc.compile_programs([tmp_path / "a.c"], {})
    assert "python3-bpfcc" in caught.value.hint


@pytest.mark.parametrize("release", ["5.11.0-generic", "4.19.3", "3.10.0-1160.el7"])
def test_an_old_kernel(monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    monkeypatch.setattr(engine.platform, "release", lambda: release)
    with pytest.raises(TracerError, match=f"{release} is too old") as caught:
        engine.Engine(())
    assert "5.12" in caught.value.message


def test_no_type_information(tmp_path: Path) -> None:
    with pytest.raises(TracerError, match="no kernel type information") as caught:
        Btf.load(tmp_path / "vmlinux")
    assert "CONFIG_DEBUG_INFO_BTF" in caught.value.hint


def test_a_tracepoint_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Btf.tracepoints
    monkeypatch.setattr(Btf, "tracepoints", lambda self: kept(self) - {"sched_waking"})
    with pytest.raises(TracerError, match="no tracepoint sched_waking") as caught:
        engine.Engine(())
    assert "CONFIG_TRACEPOINTS" in caught.value.hint


@pytest.mark.parametrize(
    ("threads", "rows"),
    [(0, 16384), (1024, 16384), (1025, 32768), (10_000, 131_072), (10**6, MOST_ROWS)],
)
def test_a_table_of_threads_follows_the_target(threads: int, rows: int) -> None:
    """Attaching reserves a row for twice as many threads, and 4,096, of half of the table."""
    assert rows_for(threads) == rows
    assert 2 * threads + 4097 <= rows // 2 or rows == MOST_ROWS


def test_a_compiler_without_atomic_operations_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """What BCC 0.18 of Debian 11 says, whose LLVM is 11."""
    said = (
        "LLVM ERROR: Cannot select: 0x3762cec8: i64,ch = AtomicSwap<(load store seq_cst 8 on"
        " %ir.401)> 0x3811f5b8, 0x382d1d88, Constant:i64<0>\nIn function: tp_sched_switch"
    )
    old = types.SimpleNamespace(__version__="0.18.0")
    monkeypatch.setattr(bcc, "import_bcc", lambda: old)
    error = bcc._not_compiled(-6, said)
    assert error.message.startswith("BCC 0.18.0 is too old") and "docs/kernels.md" in error.hint
    other = bcc._not_compiled(1, "error: use of undeclared identifier 'x'")
    assert "(status 1)" in other.message and "undeclared" in other.message
