"""The runtime that a program brings along, and its own setting for the number of its workers.

Recognised from the program's name, the interpreter that its first line names, or its ELF file: the
linker marks a Go program (https://pkg.go.dev/debug/buildinfo), and tokio's multi-threaded
scheduler has the name of its variable in the file.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tracer.host.files import memory_of

_GO = b"\xff Go buildinf:"
#: What stands before it in the file is padded to this.
_GO_ALIGNED = 16
_TOKIO = "TOKIO_WORKER_THREADS"
_JAVA_OPTIONS, _JAVA_CPUS = "JAVA_TOOL_OPTIONS", "-XX:ActiveProcessorCount="
#: libuv's pool, whatever the number of CPUs.
_UV_THREADS = 4
_FIRST_LINE = 256
_PYTHON = re.compile(r"python(\d+(\.\d+)?(?P<free>t)?)?")
#: Programs whose first thread has an event loop that waits in polls alone.
_LOOPS = re.compile(rf"node|nodejs|{_PYTHON.pattern}")


@dataclass(frozen=True)
class Runtime:
    """A runtime and changes of the environment that set its workers, by what to call each; or
    `why_not`: why there are none."""

    name: str
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    why_not: str = ""


def recognised(argv: Sequence[str], env: Mapping[str, str], cpus: int) -> Runtime | None:
    """The runtime of a command that is started with `env` on `cpus` CPUs; None: of no known one.

    Its settings are half and double of what it has without them.
    """
    found = shutil.which(argv[0], path=env.get("PATH"))
    if found is None:
        return None
    path = Path(found)
    name = _interpreter(path) or path.name
    if name == "java":
        return Runtime("Java", _java(env, cpus))
    if name in ("node", "nodejs"):
        return Runtime("Node", _variable("UV_THREADPOOL_SIZE", _UV_THREADS)(env))
    python = _PYTHON.fullmatch(name)
    if python is not None:
        return _python(bool(python["free"]) or path.resolve().name.endswith("t"))
    return _of_file(path, env, cpus)


def waits_in_polls_alone(pid: int) -> bool:
    """Whether the first thread of a process, if it has an event loop, waits for its tasks in polls
    alone: Node, Python. Threads of tokio and Go also wait for words of memory for them; False too
    where that is not known."""
    try:
        return _LOOPS.fullmatch(Path(f"/proc/{pid}/exe").readlink().name) is not None
    except OSError:
        return False


def _interpreter(path: Path) -> str:
    """The program that a script names in its first line; empty when it is no script."""
    try:
        with path.open("rb") as file:
            first = file.read(_FIRST_LINE).split(b"\n", 1)[0]
    except OSError:
        return ""
    if not first.startswith(b"#!"):
        return ""
    words = first[2:].decode(errors="replace").split()
    if words and words[0].endswith("/env"):
        words = [word for word in words[1:] if not word.startswith("-") and "=" not in word]
    name = words[0].rsplit("/", 1)[-1] if words else ""
    # a wrapper, such as those of pyenv, is known by its own name
    return "" if name in ("sh", "bash", "dash") else name


def _variable(name: str, default: int) -> Callable[[Mapping[str, str]], dict[str, dict[str, str]]]:
    def settings(env: Mapping[str, str]) -> dict[str, dict[str, str]]:
        given = env.get(name, "")
        numbers = _half_and_double(int(given) if given.isdigit() and int(given) else default)
        return {f"{name}={number}": {name: str(number)} for number in numbers}

    return settings


def _java(env: Mapping[str, str], cpus: int) -> dict[str, dict[str, str]]:
    """JAVA_TOOL_OPTIONS is read by every Java virtual machine, whatever starts it."""
    before = env.get(_JAVA_OPTIONS, "")
    given = re.findall(f"{_JAVA_CPUS}(\\d+)", before)
    numbers = _half_and_double(int(given[-1]) if given else cpus)
    options = {number: f"{_JAVA_CPUS}{number}" for number in numbers}
    return {option: {_JAVA_OPTIONS: f"{before} {option}".strip()} for option in options.values()}


def _python(is_free_threaded: bool) -> Runtime:
    if is_free_threaded:
        return Runtime("Python", {"PYTHON_GIL=1": {"PYTHON_GIL": "1"}})
    return Runtime("Python", why_not="this Python has no setting for its threads")


def _of_file(path: Path, env: Mapping[str, str], cpus: int) -> Runtime | None:
    try:
        data = memory_of(path)
    except (OSError, ValueError):
        return None
    if data[:4] != b"\x7fELF":
        return None
    at = data.find(_GO)
    if at >= 0 and at % _GO_ALIGNED == 0:
        return Runtime("Go", _variable("GOMAXPROCS", cpus)(env))
    if data.find(_TOKIO.encode()) >= 0:
        return Runtime("tokio", _variable(_TOKIO, cpus)(env))
    return None


def _half_and_double(number: int) -> list[int]:
    return [half for half in (number // 2,) if half] + [number * 2]
