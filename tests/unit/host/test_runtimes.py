"""Runtimes recognised from files made by hand, and their settings."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tracer.host.runtimes import Runtime, recognised, waits_in_polls_alone


def program(folder: Path, name: str, data: bytes) -> str:
    path = folder / name
    path.write_bytes(data)
    path.chmod(0o755)
    return str(path)


def elf(holds: bytes, at: int = 64) -> bytes:
    return (b"\x7fELF\x02\x01" + bytes(at))[:at] + holds + bytes(64)


def runtime(path: str, env: dict[str, str] | None = None, cpus: int = 4) -> Runtime:
    found = recognised([path], env or {}, cpus)
    assert found is not None
    return found


def test_go_by_what_its_linker_leaves(tmp_path: Path) -> None:
    go = program(tmp_path, "server", elf(b"\xff Go buildinf:"))
    assert runtime(go).name == "Go"
    assert runtime(go).settings == {
        "GOMAXPROCS=2": {"GOMAXPROCS": "2"},
        "GOMAXPROCS=8": {"GOMAXPROCS": "8"},
    }
    misplaced = program(tmp_path, "other", elf(b"\xff Go buildinf:", at=67))
    assert recognised([misplaced], {}, 4) is None


def test_half_of_one_worker_is_none_and_a_setting_that_is_there_counts(tmp_path: Path) -> None:
    go = program(tmp_path, "server", elf(b"\xff Go buildinf:"))
    assert list(runtime(go, cpus=1).settings) == ["GOMAXPROCS=2"]
    assert list(runtime(go, {"GOMAXPROCS": "6"}).settings) == ["GOMAXPROCS=3", "GOMAXPROCS=12"]


def test_tokio_by_the_name_of_its_variable(tmp_path: Path) -> None:
    tokio = program(tmp_path, "proxy", elf(b"TOKIO_WORKER_THREADS"))
    assert runtime(tokio).name == "tokio"
    assert list(runtime(tokio).settings) == ["TOKIO_WORKER_THREADS=2", "TOKIO_WORKER_THREADS=8"]
    assert recognised([program(tmp_path, "plain", elf(b"tokio"))], {}, 4) is None
    assert recognised([program(tmp_path, "text", b"TOKIO_WORKER_THREADS")], {}, 4) is None


def test_java_keeps_the_options_that_are_there(tmp_path: Path) -> None:
    program(tmp_path, "java", elf(b""))
    env = {"PATH": str(tmp_path), "JAVA_TOOL_OPTIONS": "-Xmx1g"}
    assert runtime("java", env).settings == {
        "-XX:ActiveProcessorCount=2": {"JAVA_TOOL_OPTIONS": "-Xmx1g -XX:ActiveProcessorCount=2"},
        "-XX:ActiveProcessorCount=8": {"JAVA_TOOL_OPTIONS": "-Xmx1g -XX:ActiveProcessorCount=8"},
    }


@pytest.mark.parametrize(
    "first", ["#!/usr/bin/env node", "#!/usr/bin/env -S node --harmony", "#! /opt/bin/node"]
)
def test_a_script_by_its_interpreter(tmp_path: Path, first: str) -> None:
    script = program(tmp_path, "serve", f"{first}\nserve()\n".encode())
    assert runtime(script).name == "Node"
    assert list(runtime(script).settings) == ["UV_THREADPOOL_SIZE=2", "UV_THREADPOOL_SIZE=8"]


def test_python_has_a_setting_only_without_its_lock(tmp_path: Path) -> None:
    usual = program(tmp_path, "python3.13", elf(b""))
    assert (runtime(usual).settings, bool(runtime(usual).why_not)) == ({}, True)
    free = program(tmp_path, "python3.13t", elf(b""))
    assert runtime(free).settings == {"PYTHON_GIL=1": {"PYTHON_GIL": "1"}}
    link = tmp_path / "python3"
    link.symlink_to(free)
    assert runtime(str(link)).settings
    wrapper = tmp_path / "shims"
    wrapper.mkdir()
    assert runtime(program(wrapper, "python3", b"#!/bin/sh\nexec x\n")).name == "Python"


def test_whose_first_thread_waits_in_polls_alone() -> None:
    assert waits_in_polls_alone(os.getpid())
    with subprocess.Popen(["sleep", "100"]) as other:
        assert not waits_in_polls_alone(other.pid)
        other.kill()
    assert not waits_in_polls_alone(other.pid)


def test_what_is_not_there_and_shell_scripts_are_of_none(tmp_path: Path) -> None:
    assert recognised(["no-such-program"], {"PATH": str(tmp_path)}, 4) is None
    assert recognised([program(tmp_path, "run", b"#!/bin/sh\nexec java\n")], {}, 4) is None
    assert recognised([program(tmp_path, "empty", b"")], {}, 4) is None
