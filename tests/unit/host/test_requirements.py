"""Namespaces that tracer cannot work in are named, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.host import checks, requirements

HOST = {"pid": 4026531836, "pid_for_children": 4026531836, "time": 4026531834}


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own /proc, in which every namespace is the first one."""
    monkeypatch.setattr(requirements, "_PROC", tmp_path)
    folder = tmp_path / "self" / "ns"
    folder.mkdir(parents=True)
    for kind in HOST:
        (folder / kind).touch()
    monkeypatch.setattr(requirements, "_FIRST_PID", (folder / "pid").stat().st_ino)
    (folder / "pid_for_children").unlink()
    (folder / "pid_for_children").hardlink_to(folder / "pid")
    monkeypatch.setattr(requirements, "_FIRST_TIME", (folder / "time").stat().st_ino)
    offsets(tmp_path, "monotonic           0         0\nboottime            0         0\n")
    return tmp_path


def offsets(proc: Path, text: str) -> None:
    (proc / "self" / "timens_offsets").write_text(text)


def other(proc: Path, kind: str) -> None:
    """Put the process into another namespace of this kind."""
    link = proc / "self" / "ns" / kind
    link.rename(link.with_name("first"))
    link.touch()


def test_the_first_namespaces_are_accepted(proc: Path) -> None:
    requirements.require_first_namespaces()
    assert checks._namespaces().verdict == "ok"


def test_a_kernel_without_namespaces(proc: Path) -> None:
    for link in (proc / "self" / "ns").iterdir():
        link.unlink()
    requirements.require_first_namespaces()


@pytest.mark.parametrize("kind", ["pid", "pid_for_children"])
def test_another_pid_namespace(proc: Path, kind: str) -> None:
    other(proc, kind)
    with pytest.raises(TracerError, match="in a PID namespace of its own") as caught:
        requirements.require_first_namespaces()
    assert "on the host" in caught.value.hint and "--pid=host" in caught.value.hint
    assert checks._namespaces().verdict == "problem"


def test_a_pid_namespace_that_has_no_process_yet(proc: Path) -> None:
    """The link of an `unshare --pid` without a fork leads nowhere."""
    link = proc / "self" / "ns" / "pid_for_children"
    link.unlink()
    link.symlink_to("pid:[4026532000]")
    assert requirements.namespace_error() is not None


@pytest.mark.parametrize(
    ("text", "shift"),
    [
        ("monotonic        1000         0\nboottime            0         0\n", "1000 s"),
        ("monotonic          -1 500000000\nboottime            0         0\n", "-0.5 s"),
        ("monotonic           0         0\nboottime         1000         0\n", ""),
        ("", ""),
    ],
)
def test_another_time_namespace(proc: Path, text: str, shift: str) -> None:
    other(proc, "time")
    offsets(proc, text)
    error = requirements.namespace_error()
    if not shift:
        assert error is None
        return
    assert error is not None
    assert f"whose clock is shifted by {shift}" in error.message
    assert "outside" in error.hint
