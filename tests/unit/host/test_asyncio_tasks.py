"""The tasks of asyncio in the memory of real programs, which say themselves what is where."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.profiled import frame

from tracer.host.asyncio_tasks import current_tasks, may_run_a_task, task_named
from tracer.model.profile import Task

PROGRAM = """
import asyncio, _asyncio, ctypes, sys
async def work():
    tell()
def tell():
    task = asyncio.current_task()
    word = lambda at: ctypes.c_uint64.from_address(at).value
    own = [word(id(task) + at) for at in (128, 144)]
    name = next(at for at in own if at and word(at + 8) in (id(int), id(str)))
    print(id(_asyncio._current_tasks), id(dict), id(int), id(task), name,
          ctypes.string_at(name, 96).hex(), flush=True)
    sys.stdin.readline()
    print(task.get_name(), flush=True)  # this puts a string where the integer was
async def main():
    await asyncio.create_task(work())
    await asyncio.create_task(work(), name="reader of feeds")
    await asyncio.create_task(work(), name="Leser f\\u00fcr")
asyncio.run(main())
"""


def pythons() -> list[str]:
    """Those of the versions that have this dictionary."""
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.1[23].*/bin/python3"))
    named = filter(None, map(shutil.which, ("python3.12", "python3.13")))
    here = [sys.executable] if (3, 12) <= sys.version_info < (3, 14) else []
    works = [[name, "-c", "import _asyncio; _asyncio._current_tasks"]
             for name in [*here, *named, *map(str, pyenv)]]  # fmt: skip
    return [
        words[0] for words in works if not subprocess.run(words, capture_output=True).returncode
    ]


@pytest.fixture(params=pythons() or [None])
def program(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    if request.param is None:
        pytest.skip("no Python 3.12 or 3.13")
    words = [request.param, "-c", PROGRAM]
    with subprocess.Popen(words, stdin=-1, stdout=-1, text=True) as process:
        yield process
        process.kill()


def test_the_task_that_runs_and_its_name(program: subprocess.Popen[str]) -> None:
    assert program.stdin and program.stdout
    found = []
    for _ in range(3):
        *numbers, content = program.stdout.readline().split()
        tasks, dict_type, int_type, task, named_at = map(int, numbers)
        known = current_tasks(program.pid)
        assert known is not None
        assert (known.tasks, known.dict_type, known.int_type) == (tasks, dict_type, int_type)
        with Path(f"/proc/{program.pid}/mem").open("rb", buffering=0) as memory:
            memory.seek(task + known.name_at)
            assert struct.unpack("=Q", memory.read(8)) == (named_at,)
        copied = bytes.fromhex(content)
        is_int = struct.unpack_from("=Q", copied, 8) == (int_type,)
        program.stdin.write("\n")
        program.stdin.flush()
        name = program.stdout.readline().strip()
        found.append((name, is_int, task_named(copied, is_int=is_int)))
    assert found == [
        ("Task-2", True, Task("asyncio", 2)),
        ("reader of feeds", False, Task("asyncio", None, "reader of feeds")),
        ("Leser f\u00fcr", False, None),
    ]


def test_a_program_without_tasks() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        assert current_tasks(process.pid) is None
        process.kill()
    assert current_tasks(process.pid) is None


def test_a_name_that_is_cut_off_or_of_another_kind() -> None:
    text = b"\0" * 16 + struct.pack("=3Q", 5, 0, 0x64)
    assert task_named(text + b"abcde", is_int=False) == Task("asyncio", None, "abcde")
    assert task_named(text + b"Task-17"[:5], is_int=False) == Task("asyncio", None, "Task-")
    assert task_named(text, is_int=False) is None
    assert task_named(text + b"ab\x1bde", is_int=False) is None
    assert task_named(b"\0" * 32, is_int=False) is None
    number = b"\0" * 16 + struct.pack("=Q2I", 2 << 3, 5, 1)
    assert task_named(number, is_int=True) == Task("asyncio", 5 + (1 << 30))
    assert task_named(b"\0" * 16 + struct.pack("=Q2I", 1 << 3 | 2, 5, 0), is_int=True) is None


def test_only_a_stack_that_runs_a_task_has_one() -> None:
    python = frame("_PyEval_EvalFrameDefault", "/usr/lib/libpython3.12.so")
    step = frame("", "/usr/lib/python3.12/lib-dynload/_asyncio.cpython-312-x86_64-linux-gnu.so")
    assert may_run_a_task([python, step, python], whole=True)
    assert may_run_a_task([python, frame("task_step_impl", "/opt/python3.12")], whole=True)
    assert may_run_a_task([python], whole=False), "the rest is not known"
    assert not may_run_a_task([python], whole=True)
