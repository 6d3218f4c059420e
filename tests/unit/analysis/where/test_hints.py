"""How to start a program so that its functions have names."""

from __future__ import annotations

import pytest
from harness.profiled import PASS_ON, RECV, frame

from tracer.analysis.where.hints import hints

PYTHON = frame("py::work:/srv/app.py", kind="python")
JVM = frame("JavaCalls::call_helper", "/usr/lib/jvm/lib/server/libjvm.so")


def test_a_compiled_program_needs_nothing() -> None:
    assert hints([RECV, PASS_ON]) == ()


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


def test_java_until_its_functions_have_names() -> None:
    (hint,) = hints([JVM])
    assert "-XX:+PreserveFramePointer" in hint
    assert hints([JVM, frame("Lmain;::run", kind="java")]) == ()
