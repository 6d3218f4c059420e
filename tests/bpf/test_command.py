"""`tracer run -- COMMAND`: its streams, signals, terminal and exit status; what is left behind."""

from __future__ import annotations

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from processes import is_gone, is_running
from programs import (
    ROOT,
    TRACER,
    assert_books_close,
    assert_trusted,
    calls,
    near,
    quiet_run,
    start,
    switches,
    traced,
)

SCHEMA = json.loads((ROOT / "docs" / "schema" / "tracer.run-2.json").read_text())


def run(*words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TRACER, "run", *words],
        cwd=ROOT,
        text=True,
        timeout=60,
        check=False,
        **{"capture_output": True, **more},
    )


def python(code: str) -> tuple[str, ...]:
    return (sys.executable, "-c", code)


@pytest.mark.parametrize("more", [(), ("--light",), ("--units", "5", "--top", "2")])
def test_streams_are_untouched_and_the_report_is_on_standard_error(tmp_path, more):
    file = tmp_path / "report.json"
    done = run(*more, "--json", str(file), "--", "tr", "a-z", "A-Z", input="hello\n")
    assert (done.returncode, done.stdout) == (0, "HELLO\n")
    assert done.stderr.startswith("tr a-z A-Z  CPUs ")
    assert "the chain of events that decided when the command ended" in done.stderr
    assert "Observer effect  " in done.stderr
    assert max(map(len, done.stderr.splitlines())) <= 100
    document = json.loads(file.read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["target"]["kind"] == "command"
    assert document["target"]["argv"] == ["tr", "a-z", "A-Z"]
    assert document["result"]["units"] == (5 if more[:1] == ("--units",) else None)
    assert document["partial"] is False
    assert_books_close(document)
    if "--light" not in more:
        assert calls(document)["write"] == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("true", 0)],
)
def test_the_exit_status_is_the_commands(code, status):
    assert run("--", "sh", "-c", code).returncode == status


def test_failures_have_a_status_of_their_own(tmp_path):
    assert run("--", "/nonexistent/program").returncode == 127
    assert run("--", str(ROOT)).returncode == 126
    assert run("--").returncode == 2
    assert run("--json", "-", "--", "true").returncode == 2
    done = run("--delay", "30", "--", "true")
    assert done.returncode == 125
    assert "ended before the window began" in done.stderr
    broken = run("--budget", "window_ns<=1", "--", "true")
    assert broken.returncode == 4, broken.stderr
    assert run("--budget", "window_ns<=1", "--", "false").returncode == 1


def test_strict_has_a_status_for_a_report_that_is_not_to_be_trusted(tmp_path):
    file = tmp_path / "report.json"
    assert_trusted(*quiet_run(lambda: run("--strict", "--json", str(file), "--", "true"), file))


def test_it_is_started_once_and_twice_with_baseline(tmp_path):
    log = tmp_path / "log"
    assert run("--", "sh", "-c", f"echo x >> {log}").returncode == 0
    assert log.read_text() == "x\n"
    done = run("--baseline", "--", "sh", "-c", f"echo y >> {log}")
    assert log.read_text() == "x\ny\ny\n"
    assert "minimum to maximum of 1 pair" in done.stderr


def test_the_baseline_of_a_run_of_a_fixed_time_is_per_unit_of_its_own_count(tmp_path, compiled):
    """Both runs take 200 ms; only the count tells what tracing cost."""
    file = tmp_path / "report.json"
    words = ("--baseline", "--json", str(file), "--unit-from", r"^rounds (\d+)", "--")
    cpu = str(max(os.sched_getaffinity(0)))
    done = run(*words, "taskset", "-c", cpu, compiled("knobs"), "for-time", "200")
    assert done.returncode == 0, done.stderr
    document = json.loads(file.read_text())
    rounds = [int(line.split()[1]) for line in done.stdout.splitlines()]
    assert len(rounds) == 2
    assert document["result"]["units"] == rounds[0]
    assert document["result"]["unit"] == "unit"
    slowdown = document["observer"]["slowdown"]["median"]
    assert slowdown == pytest.approx(rounds[1] / rounds[0], rel=0.1)


def test_an_output_without_the_count_is_an_error_after_the_report(tmp_path):
    done = run("--unit-from", "n ([0-9]+)", "--", "echo", "hello")
    assert (done.returncode, done.stdout) == (125, "hello\n")
    assert "matches nothing in the command's standard output, whose last line is 'hello'" in (
        " ".join(done.stderr.split())
    )
    assert "Where the time went" in done.stderr


def test_the_second_start_finds_the_same_input_or_is_not_compared(tmp_path):
    log, file = tmp_path / "log", tmp_path / "input"
    file.write_text("hello\n")
    with file.open() as stream:
        done = run("--baseline", "--", "sh", "-c", f"cat >> {log}", stdin=stream)
    assert log.read_text() == "hello\nhello\n"
    assert "of 1 pair" in done.stderr
    done = run("--baseline", "--", "mkdir", str(tmp_path / "made"), input="")
    assert done.returncode == 0
    assert "without probes it ended with another exit status: 1, not 0" in done.stderr
    assert "of 1 pair" not in done.stderr
    assert "standard input is a pipe" in done.stderr


def test_delay_and_duration_limit_the_window(tmp_path):
    code = (
        "import time; end = time.monotonic() + 1.2\nwhile time.monotonic() < end: time.sleep(.01)"
    )
    document = traced(tmp_path, python(code), "--delay", "0.3", "--duration", "0.5")
    assert_books_close(document)
    assert 480_000_000 < document["window_ns"] < 1_000_000_000
    assert document["target"]["exit_status"] == 0
    assert document["target"]["path_of"]["name"].startswith("python")
    # of 110 sleeps, those in the window
    assert 20 < calls(document)["clock_nanosleep"] < 100


def in_terminal(*words: str) -> tuple[int, int]:
    """tracer in the foreground of a terminal of its own; its pid and the terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execv(TRACER[0], [*TRACER, *words])
    return pid, terminal


def read_until(terminal: int, word: bytes) -> bytes:
    seen = b""
    try:
        while word not in seen:
            seen += os.read(terminal, 4096)
    except OSError:
        pass  # EIO: the other side is closed
    return seen


def test_the_terminal_and_ctrl_c_are_the_commands():
    code = (
        "import os, signal, sys, time;"
        "signal.signal(signal.SIGINT, lambda *_: (print('caught', flush=True), sys.exit(9)));"
        "print('ready', os.isatty(0), os.tcgetpgrp(0) == os.getpgrp(), flush=True);"
        "time.sleep(30)"
    )
    pid, terminal = in_terminal("run", "--", *python(code))
    assert b"ready True True" in read_until(terminal, b"\n")
    os.write(terminal, b"\x03")
    seen = read_until(terminal, b"Losses")
    assert b"caught" in seen
    assert b"exit status 9" in seen
    read_until(terminal, b"never")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    os.close(terminal)


SESSIONS = (
    "import os, subprocess, sys, time;"
    "null = subprocess.DEVNULL; own = subprocess.Popen(['sleep', '60'], stdout=null, stderr=null,"
    " start_new_session=True);"
    "same = subprocess.Popen(['sleep', '60']);"
    "print(os.getpid(), own.pid, same.pid, flush=True); time.sleep(60)"
)


def test_sigterm_ends_the_command_and_its_session_with_a_partial_report():
    running = start("run", "--", *python(SESSIONS))
    pid, own, same = map(int, running.stdout.readline().split())
    try:
        time.sleep(0.2)
        running.send_signal(signal.SIGTERM)
        _out, err = running.communicate(timeout=30)
        assert running.returncode == 143
        assert "PARTIAL: tracer was ended by SIGTERM" in err
        assert f"{own} (sleep, a session of its own)" in " ".join(err.split())
        assert is_gone(pid) and is_gone(same)
        assert is_running(own), "a process with a session of its own is listed, not ended"
    finally:
        os.kill(own, signal.SIGKILL)


@pytest.mark.parametrize(
    ("option", "message"),
    [("--delay=9", "ended by a signal before there was a report"), ("--duration=0.1", "PARTIAL")],
)
def test_sigterm_outside_the_window(option, message):
    running = start("run", option, "--", "sh", "-c", "echo; exec sleep 30")
    running.stdout.readline()
    time.sleep(0.5)
    running.send_signal(signal.SIGTERM)
    _out, err = running.communicate(timeout=30)
    assert running.returncode == 143
    assert message in err


@pytest.mark.parametrize(
    ("number", "after_s"), [(signal.SIGTERM, 0.03), (signal.SIGINT, 0.15), (signal.SIGTERM, 0.15)]
)
def test_a_run_that_is_over_is_not_lost_for_a_signal(number, after_s):
    """While the window is read, and while its report is made."""
    running = start("run", "--", "sh", "-c", "sleep 0.2; echo over")
    running.stdout.readline()
    time.sleep(after_s)
    running.send_signal(number)
    _out, err = running.communicate(timeout=30)
    assert running.returncode == 0
    assert "accounted " in err


def test_sigterm_ends_children_that_were_not_followed():
    running = start("run", "--no-follow", "--", "sh", "-c", "sleep 31 & echo $!; wait")
    child = int(running.stdout.readline())
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=30)
    assert running.returncode == 143
    assert is_gone(child)


def test_a_command_that_does_not_end_is_killed_after_a_while():
    code = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)"
    running = start("run", "--", *python(code + "; time.sleep(60)"))
    running.stdout.readline()
    running.send_signal(signal.SIGTERM)
    _out, err = running.communicate(timeout=30)
    assert running.returncode == 143
    assert "killed by SIGKILL" in err


@pytest.mark.parametrize("options", [(), ("--duration", "0.2")])
def test_children_that_go_on_are_listed_and_left_alone(options):
    line = "sleep 30 >/dev/null 2>&1 & echo $!; sleep 0.4"
    done = run(*options, "--", "sh", "-c", line)
    pid = int(done.stdout)
    try:
        assert done.returncode == 0
        assert f"{pid} (sleep)" in " ".join(done.stderr.split())
        assert is_running(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_kill_9_of_tracer_leaves_the_command_running():
    running = start(
        "run", "--", *python("import os, time; print(os.getpid(), flush=True); time.sleep(60)")
    )
    pid = int(running.stdout.readline())
    running.kill()
    running.wait(30)
    try:
        time.sleep(0.2)
        assert is_running(pid)
    finally:
        os.kill(pid, signal.SIGKILL)


def test_under_sudo_the_command_and_its_file_are_the_users(tmp_path):
    tmp_path.chmod(0o777)
    for directory in (tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    file = tmp_path / "report.json"
    sudo = {"SUDO_UID": "65534", "SUDO_GID": "65534", "SUDO_USER": "nobody", "PLANTED": "yes"}
    show = "grep -E '^(Uid|Gid|Groups|CapEff)' /proc/self/status; echo $PLANTED $USER; ulimit -Sn"
    done = run("--json", str(file), "--", "sh", "-c", show, env={**os.environ, **sudo})
    lines = done.stdout.splitlines()
    groups = [str(group) for group in os.getgrouplist("nobody", 65534)]
    assert lines[0].split()[1:] == lines[1].split()[1:] == ["65534"] * 4, done.stderr
    assert lines[2].split()[1:] == groups
    assert int(lines[3].split()[1], 16) == 0
    assert lines[4] == "yes nobody"
    assert lines[5] == str(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


@pytest.mark.vm
def test_two_capabilities_are_enough_and_the_command_gets_neither(tmp_path):
    """Without root: CAP_BPF and CAP_PERFMON, where this kernel allows them."""
    capabilities = "+bpf,+perfmon"
    setpriv = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    setpriv += ["--inh-caps", f"-all,{capabilities}", "--ambient-caps", f"-all,{capabilities}"]
    setpriv += ["--bounding-set", f"-all,{capabilities}"]
    show = "grep -E '^(Uid|CapEff|CapAmb)' /proc/self/status"
    done = subprocess.run(
        [*setpriv, *TRACER, "run", "--", "sh", "-c", show],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,  # emulated, the compiler takes more than a minute
        check=False,
    )
    if "Permission denied" in done.stderr and "tracer: " not in done.stderr:
        pytest.skip("that user cannot read this clone")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[1:] == ["65534"] * 4
    assert [int(line.split()[1], 16) for line in lines[1:]] == [0, 0]
    assert "accounted " in done.stderr


def test_a_saved_report_is_printed_again_and_quiet_prints_nothing(tmp_path):
    file = tmp_path / "report.json"
    done = run("--brief", "--json", str(file), "--", "sleep", "0.1")
    assert done.returncode == 0 and len(done.stderr.splitlines()) <= 24
    saved = [*TRACER, "report", str(file), "--brief"]
    again = subprocess.run(saved, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (again.returncode, again.stdout) == (0, done.stderr)
    file.unlink()
    done = run("--quiet", "--json", str(file), "--", "true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(file.read_text())["schema"] == "tracer.run/2"


def test_names_and_arguments_cannot_reach_the_terminal(tmp_path):
    code = (
        "import ctypes, threading, time\n"
        "def work():\n"
        "    ctypes.CDLL(None).prctl(15, b'\\x1b[31m\\x07evil', 0, 0, 0)\n"
        "    sum(range(100000)); time.sleep(0.05)\n"
        "t = threading.Thread(target=work); t.start(); t.join()  # \x1b[2J\x07"
    )
    done = run("--top", "5", "--", *python(code))
    assert done.returncode == 0
    assert "\x1b" not in done.stderr and "\x07" not in done.stderr
    assert r"\x1b[" in done.stderr


def test_threads_of_python_have_their_names(tmp_path):
    """Also where the interpreter does not set them in the kernel; names set by a program stay."""
    code = (
        "import ctypes, threading, time\n"
        "def work(own=b''):\n"
        "    if own: ctypes.CDLL(None).prctl(15, own, 0, 0, 0)\n"
        "    time.sleep(1.5)\n"
        "for n in range(3): threading.Thread(target=work, name=f'reader-{n}').start()\n"
        "threading.Thread(target=work, name='\\x1b[31mred').start()\n"
        "threading.Thread(target=work, name='python', args=(b'kernel',)).start()\n"
    )
    document = traced(tmp_path, python(code))
    groups = {g["name"]: g["threads"] for g in document["thread_groups"]}
    main = Path(sys.executable).name
    assert groups == {"reader-*": 3, "\x1b[31mred": 1, "kernel": 1, main[:15]: 1}


def test_a_thread_that_becomes_another_program_has_its_name(tmp_path):
    code = (
        "import os, threading, time\n"
        "def work(): time.sleep(0.5); os.execvp('sleep', ['sleep', '0.1'])\n"
        "threading.Thread(target=work, name='reaper').start(); time.sleep(9)\n"
    )
    document = traced(tmp_path, python(code))
    assert "sleep" in [group["name"] for group in document["thread_groups"]]
    assert "reaper" not in [group["name"] for group in document["thread_groups"]]


def test_the_report_may_go_where_nobody_reads(tmp_path):
    """Standard error that is full, and one that nobody reads; JSON to a pipe by its number."""
    with Path("/dev/full").open("w") as full:
        assert run("--", "true", capture_output=False, stderr=full).returncode == 125
    file = tmp_path / "report.json"
    read, write = os.pipe()
    os.close(read)
    done = run("--json", str(file), "--", "sh", "-c", "exit 7", capture_output=False, stderr=write)
    os.close(write)
    assert done.returncode == 7
    assert json.loads(file.read_text())["target"]["exit_status"] == 7
    read, write = os.pipe()
    running = start("run", "--json", f"/dev/fd/{write}", "--", "true", pass_fds=(write,))
    os.close(write)
    with os.fdopen(read) as stream:
        assert json.load(stream)["target"]["exit_status"] == 0
    assert running.communicate(timeout=30) and running.returncode == 0


# ---- many, short, and odd ----


def test_2000_short_children(tmp_path):
    code = (
        "import os\n"
        "for _ in range(2000):\n"
        "    pid = os.fork()\n"
        "    if not pid: os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
    )
    document = traced(tmp_path, python(code))
    assert_books_close(document)
    assert sum(group["threads"] for group in document["thread_groups"]) == 2001
    assert calls(document)["wait4"] == 2000
    assert document["ledgers"]["wall"]["parts"]["external"] < 0.05 * document["window_ns"]


def test_no_follow_leaves_children_out(tmp_path):
    document = traced(
        tmp_path, ("sh", "-c", "for i in 1 2 3; do /bin/true; done; true"), "--no-follow"
    )
    assert sum(group["threads"] for group in document["thread_groups"]) == 1
    assert calls(document)["execve"] == 1, "the command's own"


def test_20000_threads_in_sequence(tmp_path):
    code = (
        "import _thread\n"
        "lock = _thread.allocate_lock(); lock.acquire()\n"
        "for _ in range(20000):\n"
        "    _thread.start_new_thread(lock.release, ()); lock.acquire()\n"
    )
    document = traced(tmp_path, python(code))
    assert_books_close(document)
    assert sum(group["threads"] for group in document["thread_groups"]) == 20001


def test_exec_by_another_thread_than_the_first_goes_on(tmp_path):
    code = (
        "import os, threading, time\n"
        "t = threading.Thread(target=lambda: os.execvp('sh', ['sh', '-c', 'sleep 0.2; exit 5']))\n"
        "t.start(); time.sleep(10)"
    )
    document = traced(tmp_path, python(code), status=5)
    assert_books_close(document)
    assert document["window_ns"] > 200_000_000
    assert document["ledgers"]["wall"]["parts"]["sleep"] > 150_000_000, "the sleep of sh's child"


def test_vfork(tmp_path):
    """subprocess uses vfork: the parent waits until its child has called execve."""
    code = "import subprocess\nfor _ in range(20): subprocess.run(['true'], check=True)"
    document = traced(tmp_path, python(code))
    assert_books_close(document)
    assert calls(document)["execve"] == 1 + 20, "the first one is the command's own"
    assert switches(document) >= 40


def test_sigkill_in_the_window(tmp_path):
    file = tmp_path / "report.json"
    running = start("run", "--json", str(file), "--", *python(
        "import os, threading, time\n"
        "for _ in range(3): threading.Thread(target=time.sleep, args=(60,)).start()\n"
        "print(os.getpid(), flush=True)"
    ))  # fmt: skip
    os.kill(int(running.stdout.readline()), signal.SIGKILL)
    running.communicate(timeout=30)
    assert running.returncode == 137
    document = json.loads(file.read_text())
    assert_books_close(document)
    assert document["target"]["exit_status"] == -9


def test_a_script_that_sleeps_and_then_computes(tmp_path):
    """The path is the sleep and the work, with the lengths that the script measured itself."""
    code = (
        "import time\n"
        "a = time.monotonic_ns(); time.sleep(0.4)\n"
        "b = time.monotonic_ns()\n"
        "while time.monotonic_ns() < b + 400_000_000: pass\n"
        "print(b - a, time.monotonic_ns() - b)"
    )
    file = tmp_path / "report.json"
    done = run("--json", str(file), "--", *python(code))
    slept_ns, worked_ns = map(int, done.stdout.split())
    document = json.loads(file.read_text())
    assert_books_close(document)
    parts = document["ledgers"]["wall"]["parts"]
    ran = parts["user"] + parts["preempted"] + sum(
        ns for name, ns in parts.items() if name.startswith("syscall:")
    )  # fmt: skip
    start_up = document["window_ns"] - slept_ns - worked_ns
    assert near(parts["sleep"], slept_ns, slack=1_000_000)
    assert worked_ns * 0.99 <= ran <= worked_ns + start_up + 2_000_000
