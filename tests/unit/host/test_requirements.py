"""Conditions of the host that tracer cannot work under are named, with what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracer.host import checks, requirements

HOST = {"pid", "pid_for_children", "user", "time"}


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
    monkeypatch.setattr(requirements, "_FIRST_USER", (folder / "user").stat().st_ino)
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
    assert requirements.namespace_error() is None
    assert checks._namespaces().verdict == "ok"


def test_a_kernel_without_namespaces(proc: Path) -> None:
    for link in (proc / "self" / "ns").iterdir():
        link.unlink()
    assert requirements.namespace_error() is None


@pytest.mark.parametrize("kind", ["pid", "pid_for_children"])
def test_another_pid_namespace(proc: Path, kind: str) -> None:
    other(proc, kind)
    error = requirements.namespace_error()
    assert error is not None and "in a PID namespace of its own" in error.message
    assert "on the host" in error.hint and "--pid=host" in error.hint
    assert checks._namespaces().verdict == "problem"


def test_another_user_namespace(proc: Path) -> None:
    other(proc, "user")
    error = requirements.namespace_error()
    assert error is not None and "in a user namespace of its own" in error.message
    assert "on the host" in error.hint


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


# ---- the kernel ----


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own /sys of a kernel with type information that is not locked down."""
    monkeypatch.setattr(requirements, "_SYS", tmp_path)
    for name in ("btf", "security"):
        (tmp_path / "kernel" / name).mkdir(parents=True)
    (tmp_path / "kernel" / "btf" / "vmlinux").touch()
    return tmp_path


def runs(monkeypatch: pytest.MonkeyPatch, release: str, machine: str = "x86_64") -> None:
    monkeypatch.setattr(requirements.platform, "release", lambda: release)
    monkeypatch.setattr(requirements.platform, "machine", lambda: machine)


@pytest.mark.parametrize(
    ("release", "machine"),
    [
        *(("5.12.0", "x86_64"), ("6.1.0-13-amd64", "x86_64"), ("10.0", "x86_64")),
        *(("5.18.2", "aarch64"), ("6.1.0-13-arm64", "aarch64")),
    ],
)
def test_a_kernel_that_is_new_enough(
    host: Path, monkeypatch: pytest.MonkeyPatch, release: str, machine: str
) -> None:
    runs(monkeypatch, release, machine)
    assert requirements.kernel_error() is None


@pytest.mark.parametrize(
    ("release", "machine", "needed"),
    [
        ("5.11.0-generic", "x86_64", "need 5.12 or newer,"),
        ("5.10.0-39-cloud-amd64", "x86_64", "need 5.12 or newer,"),
        ("3.10.0-1160.el7", "x86_64", "need 5.12 or newer,"),
        ("5.17.1", "aarch64", "need 5.18 or newer on aarch64,"),
        ("5.15.0-91-generic", "aarch64", "need 5.18 or newer on aarch64,"),
    ],
)
def test_a_kernel_that_is_too_old(
    monkeypatch: pytest.MonkeyPatch, release: str, machine: str, needed: str
) -> None:
    runs(monkeypatch, release, machine)
    error = requirements.kernel_error()
    assert error is not None
    assert error.message.startswith(f"Linux {release} is too old: ") and needed in error.message


def test_a_machine_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, "6.12.0", "riscv64")
    error = requirements.kernel_error()
    assert error is not None and error.message.endswith("not of riscv64")


@pytest.mark.parametrize(
    ("text", "mode", "is_refused"),
    [
        ("[none] integrity confidentiality\n", "none", False),
        ("none [integrity] confidentiality\n", "integrity", False),
        ("none integrity [confidentiality]\n", "confidentiality", True),
        ("", "", False),
    ],
)
def test_lockdown_is_named(host: Path, text: str, mode: str, is_refused: bool) -> None:
    if text:
        (host / "kernel" / "security" / "lockdown").write_text(text)
    assert requirements.lockdown() == mode
    error = requirements.lockdown_error()
    assert (error is not None) == is_refused
    if error:
        assert "locked down for confidentiality" in error.message
        assert "boot without lockdown=confidentiality" in error.hint


def test_type_information(host: Path) -> None:
    assert requirements.btf_error() is None
    (host / "kernel" / "btf" / "vmlinux").unlink()
    error = requirements.btf_error()
    assert error is not None and "CONFIG_DEBUG_INFO_BTF=y" in error.hint


def test_the_oldest_condition_is_told_first(
    proc: Path, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kernel of 5.10 has no type information either: a newer kernel is what helps."""
    runs(monkeypatch, "5.10.0")
    (host / "kernel" / "btf" / "vmlinux").unlink()
    told = [error.message for error in requirements.host_errors()]
    assert len(told) == 2 and "is too old" in told[0] and "type information" in told[1]


# ---- what shows only when it is tried ----


@pytest.mark.parametrize(("mode", "words"), [("2", "a seccomp filter"), ("0", "is BPF allowed")])
def test_why_the_kernel_forbids_it(proc: Path, mode: str, words: str) -> None:
    (proc / "self" / "status").write_text(f"Name:\tpython3\nSeccomp:\t{mode}\n")
    assert requirements.why_forbidden().startswith(words)
