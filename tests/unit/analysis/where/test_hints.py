"""How to start a program so that its functions have names."""

from __future__ import annotations

import pytest
from harness.profiled import PASS_ON, RECV, frame

from tracer.analysis.where.hints import hints

PYTHON = frame("py::work:/srv/app.py", kind="python")
JVM = frame("JavaCalls::call_helper", "/usr/lib/jvm/lib/server/libjvm.so")


def test_a_compiled_program_needs_nothing() -> None:
    assert hints([RECV, PASS_ON]) == ()


def test_a_program_without_names() -> None:
    nameless = frame("", "/srv/server")
    (hint,) = hints([RECV, nameless])
    assert hint.startswith("Functions of server have no names here (stripped")
    assert hints([RECV, nameless, frame("main", "/srv/server")]) == ()
    assert hints([frame("", RECV.module), frame("", "")]) == ()


@pytest.mark.parametrize(
    ("module", "says"),
    [
        ("/usr/bin/python3.11", "start the program with Python 3.12 or newer"),
        ("/usr/lib/libpython3.12.so.1.0", "--python-frames names them"),
        ("/usr/bin/python3", "--python-frames names them"),
    ],
)
def test_python_by_its_version(module: str, says: str) -> None:
    (hint,) = hints([frame("_PyEval_EvalFrameDefault", module)])
    assert says in hint
    assert hints([frame("_PyEval_EvalFrameDefault", module), PYTHON]) == ()


def test_javascript_until_its_functions_have_names() -> None:
    builtin = frame("Builtins_InterpreterEntryTrampoline", "/usr/bin/node")
    (hint,) = hints([builtin, RECV])
    assert "start node with --perf-basic-prof --interpreted-frames-native-stack" in hint
    assert hints([builtin, frame("LazyCompile:~serve /srv/app.js:3", "perf map")]) == ()
    assert hints([frame("run", "/srv/nodes")]) == ()


@pytest.mark.parametrize(
    ("library", "version"),
    [("libpython3.14.so.1.0", "3.14"), ("python3.14t", "3.14t"), ("python3.13t", "3.13t")],
)
def test_tasks_of_asyncio_that_are_not_read(library: str, version: str) -> None:
    loop = frame("py::Handle._run:/usr/lib/python3.14/asyncio/events.py", kind="python")
    text = f"Tasks of asyncio are not told apart yet with Python {version}"
    inside = frame("_PyEval_EvalFrameDefault", f"/usr/lib/{library}")
    assert hints([inside, PYTHON, loop]) == (text,)
    assert hints([inside, PYTHON]) == (), "no asyncio"
    for known in ("libpython3.13.so.1.0", "python3.12", "libpython3.1.so"):
        assert hints([frame("_PyEval_EvalFrameDefault", f"/usr/lib/{known}"), PYTHON, loop]) == ()


def test_tasks_of_compiled_runtimes_are_read_on_one_machine() -> None:
    frames = [frame("<tokio::runtime::Handle>::block_on"), frame("main.serve", kind="go")]
    assert hints(frames, "x86_64") == ()
    assert hints(frames, "aarch64") == ("Tasks of Go and tokio are not told apart yet on aarch64",)


def test_java_until_its_functions_have_names() -> None:
    (hint,) = hints([JVM])
    assert "-XX:+PreserveFramePointer" in hint
    assert hints([JVM, frame("Lmain;::run", kind="java")]) == ()
