"""Processes by the name of their program, in a planted /proc."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tracer.host import named, processes

_KERNEL = 0x00200000


class Planted:
    """A /proc with the processes that `add` was called for."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.booted_s = time.clock_gettime(time.CLOCK_BOOTTIME)

    def add(
        self,
        pid: int,
        name: str,
        *argv: str,
        parent: int = 1,
        age_s: float = 10,
        state: str = "S",
        flags: int = 0,
        exe: str = "",
    ) -> None:
        directory = self.root / str(pid)
        directory.mkdir()
        began = int((self.booted_s - age_s) * os.sysconf("SC_CLK_TCK"))
        # fields 3 to 22 of proc_pid_stat(5)
        fields = [state, parent, 0, 0, 0, 0, flags, *[0] * 12, began, 0]
        (directory / "stat").write_text(f"{pid} ({name}) {' '.join(map(str, fields))}\n")
        (directory / "comm").write_text(f"{name}\n")
        (directory / "cmdline").write_bytes("".join(f"{word}\0" for word in argv).encode())
        if exe:
            (directory / "exe").symlink_to(exe)


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    monkeypatch.setattr(named, "_PROC", tmp_path)
    monkeypatch.setattr(processes, "_PROC", tmp_path)
    (tmp_path / "version").write_text("not a process\n")
    return Planted(tmp_path)


def pids(name: str) -> list[int]:
    return [process.pid for process in named.by_name(name)]


def test_a_program_has_several_names(proc: Planted) -> None:
    proc.add(10, "redis-server", "/usr/bin/redis-server *:6379", exe="/usr/bin/redis-check-rdb")
    proc.add(
        11, "python3", "/usr/bin/python3.11", "-u", "/srv/server.py", exe="/usr/bin/python3.11"
    )
    proc.add(12, "python3", "python3", "-m", "http.server", exe="/usr/bin/python3.11")
    proc.add(13, "a-program-with-", "/opt/a-program-with-a-long-name", exe="/opt/x (deleted)")
    proc.add(14, "nginx", "nginx: worker process")
    proc.add(15, "bash", "-bash", exe="/usr/bin/bash")
    for name in ("redis-server", "redis-check-rdb"):
        assert pids(name) == [10]
    assert pids("server.py") == [11]
    assert pids("http.server") == [12]
    assert pids("python3.11") == [11, 12]
    for name in ("a-program-with-", "a-program-with-a-long-name", "x"):
        assert pids(name) == [13]
    assert pids("nginx") == [14]
    assert pids("bash") == [15]


def test_an_argument_or_a_part_of_a_name_is_no_name(proc: Planted) -> None:
    proc.add(10, "vim", "vim", "server.py")
    proc.add(11, "sudo", "sudo", "tracer", "attach", "server.py")
    proc.add(12, "sh", "sh", "-c", "server.py")
    proc.add(13, "my-server.py", "my-server.py")
    assert pids("server.py") == []
    assert pids("-c") == [] and pids("") == []
    assert named.similar("server.py") == ["my-server.py"]
    assert named.similar("sudoo") == ["sudo"]
    assert named.similar("zzz") == []


def test_only_what_can_be_traced(proc: Planted) -> None:
    proc.add(2, "thing", flags=_KERNEL)
    proc.add(20, "thing", "thing", state="Z")
    proc.add(os.getpid(), "thing", "thing")
    proc.add(22, "thing", "thing", age_s=5)
    proc.add(21, "thing", "thing", age_s=3605, parent=22)
    assert pids("thing") == [21, 22], "the oldest first"


def test_what_is_known_of_one(proc: Planted) -> None:
    proc.add(21, "thing", "thing", "-x", age_s=3605, parent=7)
    (one,) = named.running([21, 99])
    assert (one.pid, one.parent, one.name, one.argv) == (21, 7, "thing", ("thing", "-x"))
    assert 3604 < one.age_s < 3700
    assert one.user == named.pwd.getpwuid(os.getuid()).pw_name


def test_this_process_is_what_the_system_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against ps(1)'s source, the real /proc: the age of a process made now is its age."""
    import subprocess

    with subprocess.Popen(["sleep", "60"]) as sleeper:
        try:
            (one,) = named.running([sleeper.pid])
            assert one.parent == os.getpid() and one.age_s < 30
            assert sleeper.pid in pids("sleep")
        finally:
            sleeper.kill()
