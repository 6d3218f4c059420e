"""`tracer top` in a real terminal: it shows what runs, and leaves the terminal as it was."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from processes import descendants, is_gone, until
from programs import ROOT, TRACER, need

TARGET = """
import threading, time
def work():
    while True:
        time.sleep(0.002)
for n in range(3): threading.Thread(target=work, name=f'worker-{n}', daemon=True).start()
work()
"""


class Terminal:
    """A shell in tmux, 80 columns of 24 lines."""

    def __init__(self, directory: Path) -> None:
        self._tmux = ("tmux", "-S", str(directory / "tmux"), "-f", "/dev/null")
        self._do("new-session", "-d", "-x", "80", "-y", "24", "env", "PS1=READY> ", "sh", "-i")
        self._do("set-option", "-g", "remain-on-exit", "on")
        until(lambda: "READY>" in self.text(), 30)

    def _do(self, *words: str) -> str:
        return subprocess.run(
            [*self._tmux, *words], capture_output=True, text=True, check=True, cwd=ROOT
        ).stdout

    def text(self) -> str:
        return self._do("capture-pane", "-p", "-J")

    def type(self, text: str) -> None:
        self._do("send-keys", "-l", text)
        self._do("send-keys", "Enter")

    def key(self, name: str) -> None:
        self._do("send-keys", name)

    def shell(self) -> int:
        return int(self._do("display-message", "-p", "#{pane_pid}"))

    def is_alternate(self) -> bool:
        return self._do("display-message", "-p", "#{alternate_on}").strip() == "1"

    def sees(self, pattern: str, seconds: float = 90) -> str:
        """The screen once it has that."""
        until(lambda: re.search(pattern, self.text()) is not None, seconds)
        return self.text()

    def start(self, *words: str) -> int:
        """Run tracer top; its process."""
        self.type(" ".join(map(str, (*TRACER, "top", *words))))
        found: list[int] = []

        def runs() -> bool:
            found[:] = [p for p in descendants(self.shell()) if "top" in _words(p)]
            return bool(found)

        until(runs, 30)
        return found[0]

    def is_as_before(self, status: str) -> None:
        """The shell has the terminal again: its own screen, echo, lines, a cursor; `status` is the
        exit status."""
        until(lambda: not self.is_alternate(), 30)
        self.type("echo status=$?; stty -a | tr ';' '\\n' | grep -c -w -e icanon -e echo -e isig")
        text = self.sees(r"status=\d+\s+\d")
        assert f"status={status}" in text
        assert self._do("display-message", "-p", "#{cursor_flag}").strip() == "1"
        flags = subprocess.run(
            ["stty", "-a", "-F", self._do("display-message", "-p", "#{pane_tty}").strip()],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        assert {"icanon", "echo", "isig"} <= set(flags)

    def end(self) -> None:
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)


def _words(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def view_of(top: int) -> int:
    """The process that draws."""
    found: list[int] = []

    def runs() -> bool:
        found[:] = [p for p in descendants(top) if "tracer.report.live" in _words(p)]
        return bool(found)

    until(runs, 60)
    return found[0]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    need("tmux")
    made = Terminal(tmp_path)
    yield made
    made.end()


@pytest.fixture
def target() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", TARGET]) as process:
        yield process.pid
        process.kill()


def test_a_program_its_tables_and_what_is_saved(terminal: Terminal, target: int, tmp_path: Path):
    terminal.type(f"cd {tmp_path}")
    terminal.start(f"-p {target} --interval 0.5")
    text = terminal.sees(r"window [2-9]")
    assert f"process {target}" in text and "Where the time went" in text
    assert re.search(r"worker-\* +3", text)
    terminal.key("3")
    terminal.sees("clock_nanosleep")
    terminal.key("Space")
    terminal.sees("PAUSED")
    terminal.key("w")
    terminal.sees("saved: tracer report")
    (file,) = tmp_path.glob("tracer-top-*.json")
    window = json.loads(file.read_text())
    assert window["target"]["processes"][0]["pid"] == target
    terminal.key("Space")
    terminal.key("2")
    terminal.key("Down")
    terminal.key("Enter")
    terminal.sees(r"path of \d+ \(")
    terminal.key("q")
    terminal.is_as_before("0")


@pytest.mark.parametrize(("number", "status"), [("INT", "0"), ("TERM", "143"), ("HUP", "129")])
def test_a_signal_leaves_the_terminal_as_it_was(
    terminal: Terminal, target: int, number: str, status: str
):
    top = terminal.start(str(target), "--interval", "0.5")
    terminal.sees("window [1-9]")
    os.kill(top, getattr(signal, f"SIG{number}"))
    terminal.is_as_before(status)


def _killed_view(top: int) -> None:
    os.kill(view_of(top), signal.SIGKILL)


def _killed_tracer(top: int) -> None:
    os.kill(top, signal.SIGKILL)


@pytest.mark.parametrize(
    ("crash", "status", "said"),
    [(_killed_view, "1", "the live view failed"), (_killed_tracer, "137", "")],
)
def test_a_crash_leaves_the_terminal_as_it_was(
    terminal: Terminal, target: int, crash: Callable[[int], None], status: str, said: str
):
    top = terminal.start(str(target), "--interval", "0.5")
    terminal.sees("window [1-9]")
    view = view_of(top)
    crash(top)
    terminal.is_as_before(status)
    assert said in terminal.text() and "Traceback" not in terminal.text()
    assert is_gone(view, 10) and is_gone(top, 10)


def test_a_command_writes_to_a_file_and_ends_with_the_view(terminal: Terminal, tmp_path: Path):
    output = tmp_path / "out.txt"
    script = tmp_path / "noisy.py"
    script.write_text(
        "import sys, time\nprint('begun', sys.stdin.read() == '', flush=True)\n"
        "print('wrong', file=sys.stderr, flush=True)\nwhile True: time.sleep(0.003)\n"
    )
    top = terminal.start(f"--interval 0.5 --output {output} -- {sys.executable} {script}")
    text = terminal.sees("window [2-9]")
    assert "begun" not in text and "wrong" not in text
    assert output.read_text() == "begun True\nwrong\n"
    (command,) = [p for p in descendants(top) if str(script) in _words(p)]
    terminal.key("q")
    terminal.is_as_before("0")
    assert is_gone(command, 10)
    assert f"the output of the command is in {output}" in terminal.text()


def test_a_command_that_ends_and_one_that_is_not_there(terminal: Terminal, tmp_path: Path):
    terminal.start(f"--output {tmp_path}/o -- sh -c 'sleep 0.4; exit 7'")
    terminal.sees("the command has ended, exit status 7")
    terminal.key("q")
    terminal.is_as_before("7")
    terminal.type("clear")
    terminal.start(f"--output {tmp_path}/o -- /nonexistent/program")
    terminal.sees("cannot start /nonexistent/program")
    terminal.is_as_before("127")


def test_the_last_process_ends_and_another_group_is_chosen(terminal: Terminal):
    with subprocess.Popen(["sleep", "60"]) as short:
        terminal.start(str(short.pid), "--interval", "0.5")
        terminal.sees("window [1-9]")
        short.kill()
    terminal.sees("the last process has ended")
    terminal.key("g")
    terminal.sees("\N{BOX DRAWINGS LIGHT ARC DOWN AND RIGHT}")
    terminal.key("g")
    terminal.key("q")
    terminal.is_as_before("0")
