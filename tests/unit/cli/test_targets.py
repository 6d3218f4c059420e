"""How running processes are named on the command line."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest

from tracer.cli import _targets as targets
from tracer.errors import TracerError
from tracer.host import cgroups, groups, named
from tracer.host.named import Running


@click.command(params=[*targets.target_options(), targets.who_argument(),
                       click.Option(["--no-follow"], is_flag=True)])  # fmt: skip
def probe(**values: Any) -> Any:
    return targets.processes_of(values, "tracer attach")


def parsed(*words: str) -> tuple[tuple[int, ...], Path | None]:
    found: tuple[tuple[int, ...], Path | None] = probe.main(list(words), standalone_mode=False)
    return found


def process(pid: int, parent: int = 1, age_s: float = 90, name: str = "nginx") -> Running:
    began_s = time.clock_gettime(time.CLOCK_BOOTTIME) - age_s
    return Running(pid, parent, "www", began_s, name, (f"/usr/sbin/{name}", "-g", "x\x1b[2J"))


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> list[Running]:
    """The processes whose program is called nginx."""
    found: list[Running] = []

    def by_name(name: str) -> Sequence[Running]:
        return [one for one in found if one.name == name]

    monkeypatch.setattr(named, "by_name", by_name)
    monkeypatch.setattr(named, "similar", lambda name: ["nginx"] if name in "nginx" else [])
    return found


def test_numbers_in_each_spelling() -> None:
    assert parsed("12", "13") == ((12, 13), None)
    assert parsed("-p", "12", "14", "-p", "13,15", "--pid", "12") == ((12, 13, 15, 14), None)
    assert parsed("-p12", "-p", "13 14") == ((12, 13, 14), None)


@pytest.mark.parametrize("words", [("-p", "x"), ("-p", "0"), ("-p", ""), ("0",), ("",),
                                   ("-p", "\N{SUPERSCRIPT TWO}")])  # fmt: skip
def test_what_is_no_number(words: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        parsed(*words)


def test_nothing_named_and_too_much() -> None:
    with pytest.raises(click.UsageError, match="name processes"):
        parsed()
    with pytest.raises(click.UsageError, match="two control groups"):
        parsed("--cgroup", "a", "--unit", "b")


def test_one_of_a_name(running: list[Running]) -> None:
    running.append(process(7))
    assert parsed("nginx") == ((7,), None)
    assert parsed("5", "nginx") == ((5, 7), None)


def test_workers_come_with_what_forked_them(running: list[Running]) -> None:
    running += [process(7), process(8, parent=7), process(9, parent=7)]
    assert parsed("nginx") == ((7,), None)
    with pytest.raises(TracerError, match="3 programs called nginx run"):
        parsed("nginx", "--no-follow")


def test_several_are_a_list(running: list[Running]) -> None:
    running += [process(7, age_s=90_000), process(9, age_s=100)]
    with pytest.raises(TracerError) as error:
        parsed("nginx")
    lines = error.value.message.splitlines()
    assert lines[0] == "2 programs called nginx run:"
    assert lines[1].split() == ["pid", "user", "age", "command"]
    assert lines[3].split()[:5] == ["7", "www", "25", "h", "/usr/sbin/nginx"]
    assert lines[4].split()[:4] == ["9", "www", "100", "s"]
    assert "\x1b" not in error.value.message, "a command line is the program's own text"
    assert "tracer attach 7 (all of them: tracer attach 7 9)" in error.value.hint
    assert error.value.exit_code == 2


def test_very_many_are_cut(running: list[Running]) -> None:
    running += [process(pid) for pid in range(10, 60)]
    with pytest.raises(TracerError) as error:
        parsed("nginx")
    assert error.value.message.endswith("and 30 more")
    assert error.value.hint == "name one by its number: tracer attach 10"


def test_none_of_a_name(running: list[Running]) -> None:
    for name, hint in (("ngin", "did you mean: nginx?"), ("apache", "ps -e")):
        with pytest.raises(TracerError, match=f"no program called {name} runs") as error:
            parsed(name)
        assert hint in error.value.hint and error.value.exit_code == 2


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (119, "119 s"), (600, "10 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_ages(seconds: float, text: str) -> None:
    assert targets.age(seconds) == text


def test_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "_ROOT", tmp_path)
    (tmp_path / "cgroup.procs").write_text("")
    made = []
    for path in ("system.slice/a.service", f"docker/{'ab' * 32}", f"docker/{'ac' * 32}"):
        made.append(tmp_path / path)
        made[-1].mkdir(parents=True)
        (made[-1] / "cgroup.procs").write_text("")
    assert parsed("--cgroup", "system.slice/a.service") == ((), made[0])
    assert parsed("--unit", "a", "5") == ((5,), made[0])
    assert parsed("--container", "ab") == ((), made[1])
    monkeypatch.setattr(groups, "_LEAST_ID", 1)
    with pytest.raises(TracerError) as error:
        parsed("--container", "a")
    assert "2 containers have an id that begins with a:" in error.value.message
    assert all(str(directory) in error.value.message for directory in made[1:])
    assert error.value.hint.endswith(f"tracer attach --cgroup {made[1]}")
    (made[2] / "cgroup.procs").write_text(f"{os.getppid()}\n")
    with pytest.raises(TracerError) as error:
        parsed("--container", "a")
    assert "first" in error.value.message and "no room" not in error.value.message
    assert error.value.hint.endswith(f"tracer attach --cgroup {made[2]}"), "that has processes"


# ---- tracer top ----


def test_what_top_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    from tracer.cli.top import command

    for words, message in (
        ((), "name processes: tracer top PID"),
        (("--",), "the command is missing"),
        (("1", "--", "true"), "give one of the two"),
        (("--unit", "a", "--", "true"), "give one of the two"),
        (("--path-of", "7", "--", "true"), "has no such thread"),
        (("--interval", "0", "1"), "is not a time in seconds"),
        (("--folded", "x", "1"), "No such option"),
    ):
        with pytest.raises(click.UsageError) as error:
            command.main(list(words), standalone_mode=False)
        assert message in error.value.format_message()
    with pytest.raises(TracerError, match="needs a terminal") as refused:
        command.main(["1"], standalone_mode=False)
    assert refused.value.exit_code == 2 and "tracer attach --interval" in refused.value.hint
    assert not capsys.readouterr().out


def test_without_textual_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from tracer.cli import _screen

    monkeypatch.setattr(_screen.os, "isatty", lambda _fd: True)
    monkeypatch.setenv("TERM", "xterm")
    pytest.importorskip("textual")
    _screen.require_terminal()
    monkeypatch.setitem(sys.modules, "textual", None)
    with pytest.raises(TracerError, match="needs textual") as error:
        _screen.require_terminal()
    assert "pip install -e '.[look]'" in error.value.hint
