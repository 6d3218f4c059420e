"""How to start a program so that its functions have names, where they have none."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tracer.model.stacks import Frame

_PYTHON = re.compile(r"(?:lib)?python(3\.(\d+))?")
_FIRST_WITH_NAMES = 12
_JAVA = "libjvm.so"


def hints(frames: Iterable[Frame]) -> tuple[str, ...]:
    """Sentences about interpreters whose own functions are not among the frames."""
    modules, kinds = set(), set()
    for frame in frames:
        modules.add(frame.module.rpartition("/")[2])
        kinds.add(frame.kind if frame.function else "")
    found = []
    pythons = [match for match in map(_PYTHON.match, sorted(modules)) if match]
    if pythons and "python" not in kinds:
        minor = next((int(match[2]) for match in pythons if match[2]), None)
        found.append(_python(minor))
    if _JAVA in modules and "java" not in kinds:
        found.append(
            "Java's functions have no names here: start java with -XX:+PreserveFramePointer"
            " -XX:+UnlockDiagnosticVMOptions -XX:+DumpPerfMapAtExit (Java 17)"
        )
    return tuple(found)


def _python(minor: int | None) -> str:
    if minor is not None and minor < _FIRST_WITH_NAMES:
        return (
            f"Python 3.{minor} does not tell its functions: start the program with Python"
            f" 3.{_FIRST_WITH_NAMES} or newer and tracer run --python-frames"
        )
    return (
        "Python's functions have no names here: tracer run --python-frames names them, where"
        " PYTHONPERFSUPPORT=1 reaches the interpreter (not through sudo, env -i or python -I)"
    )
