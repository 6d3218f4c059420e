"""Stacks of programs in other languages: which functions are in them is planted in each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from harness.stopped import sample, sleeping, spaces_of

from tracer.host.code_files import CodeFiles
from tracer.host.unwinding import HELPER, unwind
from tracer.model.stacks import Frame
from workloads import NATIVE

pytestmark = pytest.mark.skipif(not HELPER.exists(), reason="the symbol helper is not built")

IN_PYTHON = """
import sys
def inner(n): sys.stdin.read(1)
def middle(n): return sorted([1], key=lambda x: inner(n))
def outer(n): return middle(n + 1)
outer(1)
"""
IN_GO = """
package main
import "os"
//go:noinline
func inner(n int) int { var b [1]byte; k, _ := os.Stdin.Read(b[:]); return n + k }
//go:noinline
func middle(n int) int { return inner(n) + 1 }
func main() { os.Exit(middle(1) & 1) }
"""


IN_CPP = """
#include <unistd.h>
namespace outer {
template <typename T> struct Room {
    __attribute__((noipa)) T inner(T n) { char c; return read(0, &c, 1) + n; }
};
}
int main() { return outer::Room<long>().inner(1) & 1; }
"""
IN_RUST = """
mod outer {
    pub trait Inner { fn inner(&self) -> usize; }
    impl Inner for u8 {
        #[inline(never)]
        fn inner(&self) -> usize {
            std::io::Read::read(&mut std::io::stdin(), &mut [*self]).unwrap_or(0) + 1
        }
    }
}
fn main() { std::process::exit(outer::Inner::inner(&7u8) as i32 & 1) }
"""


@contextmanager
def running(command: list[str], **variables: str) -> Iterator[int]:
    """The process of a command that waits for its standard input."""
    environment = {**os.environ, **variables}
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as process:
        try:
            sleeping(process.pid, "pipe_read")
            yield process.pid
        finally:
            process.kill()


def stack_of(pid: int, tid: int = 0) -> tuple[list[Frame], bool]:
    found = unwind([sample(pid, tid, 1 << 16)], spaces_of(pid))
    assert found.missing == ""
    return [found.frames[index] for index in found.stacks[0]], found.whole[0]


def a_python() -> str | None:
    """A Python of 3.12 or later, which names its functions for perf; None without one."""
    names = [sys.executable, *(f"python3.{minor}" for minor in range(12, 16))]
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.1[2-9]*/bin/python3"))
    for name in [*names, *map(str, pyenv)]:
        text = "import sys; sys.activate_stack_trampoline('perf')"
        try:
            if not subprocess.run([name, "-c", text], capture_output=True, check=False).returncode:
                return name
        except OSError:
            continue
    return None


def test_functions_of_python_are_named_by_its_perf_map() -> None:
    python = a_python()
    if python is None:
        pytest.skip("no Python with perf support")
    with running([python, "-c", IN_PYTHON], PYTHONPERFSUPPORT="1") as pid:
        frames, whole = stack_of(pid)
        Path(f"/tmp/perf-{pid}.map").unlink()
    found = [(frame.function, frame.file) for frame in frames if frame.kind == "python"]
    assert found == [(name, "<string>") for name in (
        "inner", "middle.<locals>.<lambda>", "middle", "outer", "<module>")]  # fmt: skip
    assert whole and {frame.module for frame in frames if frame.kind == "python"} == {"perf map"}
    assert "_start" in [frame.function for frame in frames], "and the C functions in between"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")
@pytest.mark.parametrize(("owner", "is_taken"), [(0, True), (65534, False)])
def test_a_map_of_names_that_another_user_wrote_is_not_believed(owner: int, is_taken: bool) -> None:
    with running(["cat"]) as pid, closing(CodeFiles(0)) as files:
        written = Path(f"/tmp/perf-{pid}.map")
        written.write_text("1000 10 py::f:/a.py\n")
        os.chown(written, owner, -1)
        found = files.perf_map(pid, 0)
        written.unlink()
    assert (found is not None) == is_taken


@pytest.mark.parametrize("flags", ["", "-s -w"])
def test_functions_of_go_with_lines(tmp_path: Path, flags: str) -> None:
    """Stripped too: the runtime's own table has the names."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go")
    (tmp_path / "main.go").write_text(IN_GO)
    command = [go, "build", f"-ldflags={flags}", "-o", "main", "main.go"]
    subprocess.run(command, cwd=tmp_path, check=True)
    tmp_path.chmod(0o755)
    with subprocess.Popen([tmp_path / "main"], stdin=subprocess.PIPE) as process:
        time.sleep(0.5)
        frames, whole = stack_of(process.pid)
        process.kill()
    found = [frame for frame in frames if frame.function.startswith("main.")]
    assert [frame.function for frame in found] == ["main.inner", "main.middle", "main.main"]
    assert [frame.line for frame in found] == [5, 7, 8]
    assert {frame.kind for frame in found} == {"go"} and whole
    assert [f.function for f in frames[-2:]] == ["runtime.main", "runtime.goexit"]
    # Go inlines this one: the table has its line, and its name is unknown without debug symbols
    (read,) = [f for f in frames if f.inlined and f.file.endswith("os/file_posix.go")]
    assert read.function == ("os.(*File).read" if not flags else "")


def test_functions_of_rust_with_those_inlined() -> None:
    program = NATIVE / "thread-brigade"
    if not program.exists():
        pytest.skip("the workloads are not built")
    command = [program, "--iters", "3000000", "--tasks", "3"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        time.sleep(0.5)
        try:
            tids = sorted(int(path.name) for path in Path(f"/proc/{process.pid}/task").iterdir())
            main, whole = stack_of(process.pid, tids[0])
            other, other_whole = stack_of(process.pid, tids[1])
        finally:
            process.kill()
    assert whole and other_whole
    names = [frame.function for frame in main]
    driver = names.index("tracer_workloads::row::Driver::drive")
    assert driver < names.index("thread_brigade::main") < names.index("main")
    assert names[-1] == "_start"
    (passing,) = [frame for frame in other if frame.function == "tracer_workloads::row::pass_on"]
    assert passing.inlined and passing.file.endswith("native/src/row.rs")
    source = Path(passing.file).read_text().splitlines()
    assert passing.line
    assert any(call in source[passing.line - 1] for call in ("read_exact", "write_all"))


@pytest.mark.parametrize("debug", [["-g"], []])
def test_names_of_cpp(tmp_path: Path, debug: list[str]) -> None:
    if shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    tmp_path.chmod(0o755)
    command = ["g++", "-O2", *debug, "-x", "c++", "-", "-o", str(tmp_path / "program")]
    subprocess.run(command, input=IN_CPP, text=True, check=True)
    with running([str(tmp_path / "program")]) as pid:
        frames, whole = stack_of(pid)
    assert [f.function for f in frames if f.function.startswith(("outer", "main"))] == [
        "outer::Room<long>::inner(long)",
        "main",
    ]
    assert whole


@pytest.mark.parametrize("options", [[], ["-Csymbol-mangling-version=v0"]])
def test_names_of_rust(tmp_path: Path, options: list[str]) -> None:
    """As the compiler mangles them by itself, which depends on its version, and in the new way."""
    if shutil.which("rustc") is None:
        pytest.skip("no rustc on PATH")
    tmp_path.chmod(0o755)
    (tmp_path / "program.rs").write_text(IN_RUST)
    command = ["rustc", "-O", *options, "program.rs"]
    subprocess.run(command, cwd=tmp_path, check=True)
    with running([str(tmp_path / "program")]) as pid:
        frames, whole = stack_of(pid)
    found = [frame.function for frame in frames if frame.function.startswith(("<u8", "program"))]
    assert found == ["<u8 as program::outer::Inner>::inner", "program::main"] and whole
