"""The target at its gate, without root: what is told when it does not do its part."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tracer.errors import TracerError
from tracer.target import Credentials, Spec, Target

SAY = "import os; fd = int(os.environ['TRACER_CONTROL_FD']); "


def _python(code: str) -> Spec:
    return Spec((sys.executable, "-c", code))


def test_a_workload_that_says_nothing_is_ended_after_a_time() -> None:
    with Target(Spec(("sleep", "100"))) as target:
        target.open_gate()
        with pytest.raises(TracerError, match=r"sleep said nothing for 0\.2 s where `begin`"):
            target.expect("begin", 0.2)
        pid = target.pid
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("code", "how", "status"),
    [
        ("os._exit(7)", "with exit status 7", 1),
        ("os._exit(2)", "with exit status 2", 2),
        ("os.kill(os.getpid(), 11)", "killed by SIGSEGV", 1),
    ],
)
def test_a_workload_that_ends_early_is_told(code: str, how: str, status: int) -> None:
    with Target(_python(SAY + code)) as target:
        target.open_gate()
        with pytest.raises(TracerError, match=how) as told:
            target.expect("begin", 30)
    assert told.value.exit_code == status


def test_another_word_than_the_due_one_is_told() -> None:
    with Target(_python(SAY + r"os.write(fd, b'\x1b[2Jhello\n'); os.read(fd, 1)")) as target:
        target.open_gate()
        with pytest.raises(TracerError) as told:
            target.expect("begin", 30)
    assert "where `begin` was due" in told.value.message
    assert "\x1b" not in told.value.message


def test_a_program_that_is_not_there() -> None:
    with (
        Target(Spec(("/nonexistent/program",))) as target,
        pytest.raises(TracerError, match="No such file or directory"),
    ):
        target.open_gate()


def test_a_workload_is_out_of_reach_of_the_terminal() -> None:
    """Ctrl-C goes to a process group; the workload's end is tracer's to decide."""
    with Target(Spec(("sleep", "100"))) as target:
        assert os.getpgid(target.pid) == target.pid
    with Target(Spec(("sleep", "100"), controlled=False)) as target:
        assert os.getpgid(target.pid) == os.getpgid(0)


def test_sudo_names_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("SUDO_UID", "65534")
    monkeypatch.setenv("SUDO_GID", "65534")
    user = Credentials.of_sudo()
    assert user is not None
    assert (user.uid, user.gid, user.name) == (65534, 65534, "nobody")
    monkeypatch.setenv("SUDO_UID", "0")
    assert Credentials.of_sudo() is None
