"""The target at its gate, without root: the errors when it does not do its part."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tracer.capture.child import CONTROL_FD, Target
from tracer.errors import TracerError
from tracer.host.user import Credentials
from tracer.model.spec import Spec

SAY = "import os; fd = int(os.environ['TRACER_CONTROL_FD']); "


def _python(code: str) -> Spec:
    return Spec((sys.executable, "-c", code))


def test_a_workload_that_says_nothing_is_killed_after_a_time() -> None:
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
def test_a_workload_that_ends_early_is_an_error(code: str, how: str, status: int) -> None:
    with Target(_python(SAY + code)) as target:
        target.open_gate()
        with pytest.raises(TracerError, match=how) as caught:
            target.expect("begin", 30)
    assert caught.value.exit_code == status


def test_an_unexpected_message_is_an_error() -> None:
    with Target(_python(SAY + r"os.write(fd, b'\x1b[2Jhello\n'); os.read(fd, 1)")) as target:
        target.open_gate()
        with pytest.raises(TracerError) as caught:
            target.expect("begin", 30)
    assert "where `begin` was due" in caught.value.message
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize("first", range(CONTROL_FD - 9, CONTROL_FD + 1))
def test_tracer_may_have_the_control_descriptors_number_in_use(first: int) -> None:
    """A start takes descriptors from `first` on: in one of the cases each has that number."""
    taken = [os.open(os.devnull, os.O_RDONLY)]
    while taken[-1] < first - 1:
        taken.append(os.open(os.devnull, os.O_RDONLY))
    try:
        with Target(_python(SAY + "os.write(fd, b'begin 1 2\\n'); os.read(fd, 3)")) as target:
            target.open_gate()
            assert target.expect("begin", 30) == ["1", "2"]
            target.go()
            assert target.wait() == 0
    finally:
        for fd in taken:
            os.close(fd)


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


def test_a_command_finds_what_its_caller_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Environment, limits and ignored signals are the caller's, not those that tracer needs."""
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    code = (
        "import os, resource, signal, sys;"
        "print(os.environ.get('TRACER_PLANTED'), os.environ.get('OPENBLAS_NUM_THREADS'),"
        " os.environ.get('TRACER_CONTROL_FD'), *resource.getrlimit(resource.RLIMIT_NOFILE),"
        " signal.getsignal(signal.SIGTERM) == signal.SIG_IGN, sorted(os.listdir('/proc/self/fd')))"
    )
    outer = (
        "import os, resource, signal, sys;"
        "os.environ['OPENBLAS_NUM_THREADS'] = '1';"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "from tracer.capture.child import Target\nfrom tracer.model.spec import Spec\n"
        f"with Target(Spec((sys.executable, '-c', {code!r}), controlled=False)) as target:\n"
        "    target.open_gate(); target.wait()"
    )
    soft = ("sh", "-c", 'ulimit -Sn 100; exec "$@"', "sh")
    environment = {k: v for k, v in os.environ.items() if k != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run(
        [*soft, sys.executable, "-c", outer],
        env={**environment, "TRACER_PLANTED": "yes"},
        capture_output=True,
        text=True,
        check=True,
    )
    words = done.stdout.split(" ", 6)
    hard = str(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    assert words[:6] == ["yes", "None", "None", "100", hard, "True"], done.stderr
    assert words[6] == "['0', '1', '2', '3']\n", "3 is the directory that it lists"


@pytest.mark.parametrize(
    ("program", "status"), [("/nonexistent/program", 127), ("/etc/passwd", 126), ("/", 126)]
)
def test_a_command_that_cannot_be_started_has_the_shells_status(program: str, status: int) -> None:
    with (
        Target(Spec((program,), controlled=False)) as target,
        pytest.raises(TracerError) as caught,
    ):
        target.open_gate()
    assert caught.value.exit_code == status


def test_a_command_outlives_a_tracer_that_is_killed() -> None:
    outer = (
        "import os, signal\n"
        "from tracer.capture.child import Target\nfrom tracer.model.spec import Spec\n"
        "target = Target(Spec(('sleep', '100'), controlled=False))\n"
        "target.open_gate(); print(target.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.Popen([sys.executable, "-c", outer], stdout=subprocess.PIPE, text=True)
    assert done.stdout is not None
    pid = int(done.stdout.readline())  # not its end: the command keeps the pipe open
    try:
        assert done.wait(30) == -signal.SIGKILL
        status = Path(f"/proc/{pid}/status").read_text()
        assert "Name:\tsleep\n" in status and "State:\tZ" not in status
    finally:
        os.kill(pid, signal.SIGKILL)
        done.stdout.close()
