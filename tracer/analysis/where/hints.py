"""How to start a program so that its functions have names, where they have none; and tasks that
cannot be told apart."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tracer.analysis.where.own_code import is_unnamed_own, language
from tracer.model.stacks import Frame
from tracer.units import plain

_PYTHON = re.compile(r"(?:lib)?python(3\.(\d+))?")
_FIRST_WITH_NAMES = 12
#: Pythons whose asyncio keeps its tasks where they are not read, and what shows that asyncio runs.
_TASKS_UNREAD = re.compile(r"(?:lib)?python(3\.(?:1[4-9]|[2-9]\d)t?|3\.\d+t)(?!\d)")
_ASYNCIO = re.compile(r"(?:py::)?(?:Handle\._run|BaseEventLoop\.\w+|Runner\.run)\b")
_JAVA = "libjvm.so"
_NODE = re.compile(r"node(?:js)?|libnode\..*")
#: Files without names that are told, at most.
_MOST_UNNAMED = 3
_TOKIO = re.compile(r"<?tokio::runtime::")
#: Machines where a thread's own variables, by which tasks of tokio and Go are found, are read.
_WITH_LOCALS = ("x86_64",)


def hints(frames: Iterable[Frame], machine: str = "x86_64") -> tuple[str, ...]:
    """Sentences about interpreters whose own functions are not among the frames, and about runtimes
    among them whose tasks cannot be told apart; `machine`: as uname(2) has it."""
    modules, kinds, runtimes = set(), set(), set()
    named, unnamed = set(), set()
    for frame in {id(frame): frame for frame in frames}.values():  # most are in many stacks
        module = frame.module.rpartition("/")[2]
        modules.add(module)
        if frame.function:
            named.add(module)
        elif is_unnamed_own(frame):
            unnamed.add(module)
        kinds.add((language(frame) or frame.kind) if frame.function else "")
        if module.startswith("_asyncio.") or _ASYNCIO.match(frame.function):
            runtimes.add("asyncio")
        elif frame.kind == "go" or _TOKIO.match(frame.function):
            runtimes.add("Go" if frame.kind == "go" else "tokio")
    found = _unnamed(unnamed - named)
    pythons = [match for match in map(_PYTHON.match, sorted(modules)) if match]
    if pythons and "python" not in kinds:
        minor = next((int(match[2]) for match in pythons if match[2]), None)
        found.append(_python(minor))
    if _JAVA in modules and "java" not in kinds:
        found.append(
            "Java's functions have no names here: start java with -XX:+PreserveFramePointer"
            " -XX:+UnlockDiagnosticVMOptions -XX:+DumpPerfMapAtExit (Java 17)"
        )
    if any(map(_NODE.fullmatch, modules)) and "js" not in kinds:
        found.append(
            "JavaScript's functions have no names here: start node with --perf-basic-prof"
            " --interpreted-frames-native-stack"
        )
    unread = next((match[1] for match in map(_TASKS_UNREAD.match, sorted(modules)) if match), "")
    if unread and "asyncio" in runtimes:
        found.append(f"Tasks of asyncio are not told apart yet with Python {unread}")
    compiled = sorted(runtimes - {"asyncio"})
    if compiled and machine not in _WITH_LOCALS:
        found.append(f"Tasks of {' and '.join(compiled)} are not told apart yet on {machine}")
    return tuple(found)


def _unnamed(modules: set[str]) -> list[str]:
    if not modules:
        return []
    names = ", ".join(map(plain, sorted(modules)[:_MOST_UNNAMED]))
    return [
        f"Functions of {names} have no names here (stripped, or the file is gone): install its"
        " debug symbols, or build it with them"
    ]


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
