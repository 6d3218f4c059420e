"""What goes wrong: a message, the right exit status, nothing left behind, never a traceback."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import jsonschema
import pytest
from processes import child_of, is_gone, loaded_programs
from programs import ROOT, TRACER, start

SCHEMA = json.loads((ROOT / "docs" / "schema" / "tracer.run-2.json").read_text())
SMALL = ("--tasks", "10", "--iters", "20", "--warmups", "2", "--no-baseline")
LONG = ("run", "thread-brigade", "--tasks", "17", "--iters", "3000000", "--no-baseline")


def in_its_window(pid: int) -> None:
    """Return when the long brigade has used so much time that its short warm-up is over."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        if (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > 0.3:
            return
        time.sleep(0.01)
    raise AssertionError("it does not run")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_gives_a_partial_report(number, tmp_path):
    file = tmp_path / "partial.json"
    running = start(*LONG, "--json", str(file))
    child = child_of(running.pid, "thread-brigade")
    in_its_window(child)
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert running.returncode == 128 + number
    assert is_gone(child, within_s=1)
    assert f"PARTIAL: ended by {number.name} after " in out
    assert "accounted " in out
    assert "us/hop" not in out, "how many hops there were is not known"
    assert "Traceback" not in err
    document = json.loads(file.read_text())
    jsonschema.Draft202012Validator(SCHEMA).validate(document)
    assert document["partial"] is True
    assert document["result"]["units"] is None
    assert document["window_ns"] > 100_000_000
    for name in ("threads", "cpu", "wall"):
        book = document["ledgers"][name]
        assert abs(book["residual_ns"]) <= 0.01 * book["total_ns"], name
    # one hop is one receive and one send by another thread
    calls = {call["name"]: call["calls"] for call in document["syscalls"]}
    sends = calls.get("sendto", 0) + calls.get("write", 0)
    assert abs(sends - calls["recvfrom"]) <= 18


def test_a_signal_before_the_full_run_reports_nothing(tmp_path):
    file = tmp_path / "report.json"
    file.write_text("old")
    running = start("run", "thread-brigade", "--iters", "20000", "--json", str(file))
    child = child_of(running.pid, "thread-brigade")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (130, "")
    assert err == "tracer: ended by SIGINT; what it had started was ended too\n"
    assert is_gone(child, within_s=1)
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("where", ["at the gate", "in the window"])
def test_kill_9_leaves_no_process_and_no_program(where):
    before = loaded_programs()
    if where == "at the gate":
        code = (
            "import time; from tracer.kernel.engine import Engine;"
            "from tracer.capture.child import Target; from tracer.model.spec import Spec;"
            "e = Engine(('sched',)); t = Target(Spec(('thread-brigade',)));"
            "e.arrays.reset(); e.arrays.seed(t.pid); e.attach();"
            "print(t.pid, flush=True); time.sleep(60)"
        )
        running = subprocess.Popen(
            [sys.executable, "-c", code], cwd=ROOT, text=True, stdout=subprocess.PIPE
        )
        assert running.stdout is not None
        child = int(running.stdout.readline())
    else:
        running = start(*LONG)
        child = child_of(running.pid, "thread-brigade")
        in_its_window(child)
    assert loaded_programs() - before
    running.kill()
    running.communicate(timeout=30)
    assert is_gone(child, within_s=1)
    deadline = time.monotonic() + 1
    while time.monotonic() < deadline and loaded_programs() - before:
        time.sleep(0.01)
    assert not loaded_programs() - before


def test_a_killed_workload_is_reported():
    running = start(*LONG)
    child = child_of(running.pid, "thread-brigade")
    in_its_window(child)
    os.kill(child, signal.SIGKILL)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (1, "")
    assert "thread-brigade ended before `end`, killed by SIGKILL" in err
    assert "Traceback" not in err


def test_under_sudo_the_workload_and_the_file_are_the_users(tmp_path):
    tmp_path.chmod(0o777)
    for directory in (tmp_path.parent, tmp_path.parent.parent):
        directory.chmod(0o755)
    file = tmp_path / "report.json"
    sudo = {"SUDO_UID": "65534", "SUDO_GID": "65534", "SUDO_USER": "nobody", "PLANTED": "yes"}
    running = start(*LONG, "--json", str(file), env={**os.environ, **sudo})
    child = child_of(running.pid, "thread-brigade")
    status = dict(
        line.split(":", 1) for line in Path(f"/proc/{child}/status").read_text().splitlines()
    )
    in_its_window(child)  # right after exec its environment cannot be read yet
    seen = Path(f"/proc/{child}/environ").read_text().split("\0")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert set(status["Uid"].split() + status["Gid"].split()) == {"65534"}
    assert status["Groups"].split() == [str(group) for group in os.getgrouplist("nobody", 65534)]
    assert int(status["CapEff"], 16) == 0
    assert "PLANTED=yes" in seen and "USER=nobody" in seen
    assert (file.stat().st_uid, file.stat().st_gid) == (65534, 65534)


def test_as_root_is_explicit():
    sudo = {"SUDO_UID": "65534", "SUDO_GID": "65534", "SUDO_USER": "nobody"}
    running = start(*LONG, "--as-root", env={**os.environ, **sudo})
    child = child_of(running.pid, "thread-brigade")
    uid = Path(f"/proc/{child}").stat().st_uid
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=30)
    assert uid == 0


def test_two_tracers_at_once_do_not_disturb_each_other(tmp_path):
    files = [tmp_path / name for name in ("a.json", "b.json")]
    both = [
        start("run", "thread-brigade", *SMALL[:2], "--iters", "2000", "--no-baseline",
              "--json", str(file))
        for file in files
    ]  # fmt: skip
    for running in both:
        _out, err = running.communicate(timeout=60)
        assert running.returncode == 0, err
    for file in files:
        document = json.loads(file.read_text())
        calls = {call["name"]: call["calls"] for call in document["syscalls"]}
        assert calls["recvfrom"] == 11 * 2000
        assert document["losses"]["total"] == 0


def test_a_full_disk_is_reported_and_the_old_file_kept(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "none", disk]).returncode:
        pytest.fail("cannot mount a small file system")
    try:
        file = disk / "report.json"
        file.write_text("old")
        running = start("run", "thread-brigade", *SMALL, "--json", str(file))
        out, err = running.communicate(timeout=60)
        assert running.returncode == 1
        assert "Where the time went" in out, "the report itself is not lost"
        assert f"cannot write {file}: No space left on device" in err
        assert file.read_text() == "old"
        assert list(disk.iterdir()) == [file]
    finally:
        subprocess.run(["umount", disk], check=True)


def test_standard_output_closed_full_or_read_in_part():
    words = ("run", "thread-brigade", *SMALL)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*TRACER, *words], cwd=ROOT, text=True, stdout=full,
                              stderr=subprocess.PIPE, check=False)  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "tracer: cannot write to standard output: No space left on device\n"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*TRACER, *words], cwd=ROOT, text=True, stdout=writer,
                          stderr=subprocess.PIPE, check=False)  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, ""), "whoever reads has enough"
    done = subprocess.run([*TRACER, *words], cwd=ROOT, text=True, stderr=subprocess.PIPE,
                          preexec_fn=lambda: os.close(1), check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def in_terminal(columns: int, *words: str, **env: str) -> str:
    """What a terminal of that width is sent."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    running = subprocess.Popen(
        [*TRACER, *words], cwd=ROOT, stdin=slave, stdout=slave, stderr=slave,
        env={**os.environ, "TERM": "xterm", **env},
    )  # fmt: skip
    os.close(slave)
    seen = bytearray()

    def read() -> None:
        try:
            while data := os.read(master, 65536):
                seen.extend(data)
        except OSError:
            pass  # EIO: the other side is closed

    reader = threading.Thread(target=read)
    reader.start()
    assert running.wait(90) == 0
    reader.join(10)
    os.close(master)
    return seen.decode()


#: What begins a colour on a terminal, and what ends it.
COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_narrow_terminal_gets_narrow_lines(columns):
    sent = in_terminal(columns, "run", "thread-brigade", *SMALL)
    report = COLOUR.sub("", sent.split("\x1b[K")[-1]).splitlines()
    assert any("Where the time went" in line for line in report)
    assert max(map(len, report)) <= columns
    if columns != 80:  # there it depends on the figures
        assert any("no room for" in line for line in report) == (columns < 80)


def test_progress_shows_the_time_left_and_leaves_no_trace():
    size = ("run", "thread-brigade", "--tasks", "50", "--cpus", str(max(os.sched_getaffinity(0))))
    words = (*size, "--iters", "400", "--no-baseline", "--json", "-")
    done = subprocess.run([*TRACER, *words], cwd=ROOT, capture_output=True, check=True)
    trip_ns = json.loads(done.stdout)["result"]["mean_ns"]
    # the time left is shown from 2 s on; this is more, for a host that becomes quicker
    sent = in_terminal(100, *size, "--iters", str(round(5e9 / trip_ns)), "--rounds", "1")
    steps = sent.split("\r\x1b[K")
    assert any(step.startswith("the full run, about ") for step in steps), steps[:-1]
    assert "thread-brigade  50 tasks" in steps[-1], "the line is taken away at the end"
    assert "\x1b" not in COLOUR.sub("", steps[-1]), "no escape but of colours"


def test_no_escapes_without_a_terminal_that_knows_them():
    sent = in_terminal(100, "run", "thread-brigade", *SMALL, TERM="dumb", NO_COLOR="1")
    assert "\x1b" not in sent
