"""The command line, without root: what is refused and how, and what is handed on."""

from __future__ import annotations

import importlib
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

import workloads
from tracer.cli import main as entry

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tracer(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line in this process; exit status, standard output and error.

    A measurement never starts: to get as far as one is a failure of the test.
    """
    import tracer.measure

    def never(*_: object) -> None:
        raise AssertionError("a measurement was started")

    monkeypatch.setattr(tracer.measure, "measure", never)
    monkeypatch.setattr(entry.signal, "signal", lambda *_: signal.SIG_DFL)

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tracer", *words])
        with pytest.raises(SystemExit) as ended:
            entry.main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch, tracer: Run) -> Callable[..., dict[str, Any]]:
    """The option values that `tracer run` would work with."""
    module = importlib.import_module("tracer.cli.run")
    kept: dict[str, Any] = {}

    def instead(workload: workloads.Workload, values: Mapping[str, Any]) -> int:
        kept.clear()
        kept.update(values, workload=workload.name)
        return 0

    monkeypatch.setattr(module, "run", instead)

    def call(*words: str) -> dict[str, Any]:
        status, _out, err = tracer("run", *words)
        assert status == 0, err
        return kept

    return call


# ---- what is refused ----


@pytest.mark.parametrize(
    ("words", "near"),
    [
        (("run", "asinc-brigade"), "async-brigade"),
        (("run", "threadbrigade"), "thread-brigade"),
        (("runn", "async-brigade"), "run"),
        (("lst",), "list"),
        (("run", "async-brigade", "--probe", "schd"), "sched"),
        (("run", "async-brigade", "--probe", "sched,syscals"), "syscalls"),
        (("run", "async-brigade", "--iter", "5"), "--iters"),
        (("run", "async-brigade", "--task", "5"), "--tasks"),
        (("run", "async-brigade", "--no-baselin"), "--no-baseline"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(
    tracer: Run, words: tuple[str, ...], near: str
) -> None:
    status, out, err = tracer(*words)
    assert status == 2
    assert near in err
    assert out == ""


@pytest.mark.parametrize(
    "words",
    [
        ("run", "zzz"),
        ("zzz",),
        ("run", "async-brigade", "--probe", "zzz"),
        ("run", "async-brigade", "--zzz"),
        ("run", "async-brigade", "--probe", ""),
        ("run", "async-brigade", "--probe", "sched,"),
        ("run", "async-brigade", "surplus"),
        ("run", "async-brigade", "--flavor", "zzz"),
        ("run", "thread-brigade", "--flavor", "current-thread"),
        ("run", "--tasks", "5"),
        ("help", "zzz"),
        ("list", "surplus"),
    ],
)
def test_wrong_usage_ends_with_2_and_one_message(tracer: Run, words: tuple[str, ...]) -> None:
    status, out, err = tracer(*words)
    assert status == 2
    assert err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.parametrize("value", ["0", "-1", "x", "", "1.5", "1e3"])
@pytest.mark.parametrize("option", ["tasks", "iters", "rounds", "workers"])
def test_bad_counts(tracer: Run, option: str, value: str) -> None:
    status, _out, err = tracer("run", "async-brigade", f"--{option}={value}")
    assert status == 2
    assert f"--{option}" in err


@pytest.mark.parametrize("value", ["-1", "x", "1001"])
def test_bad_top(tracer: Run, value: str) -> None:
    assert tracer("run", "async-brigade", f"--top={value}")[0] == 2


@pytest.mark.parametrize("value", ["", "x", "3-1", "99999", "0,"])
def test_bad_cpus(tracer: Run, value: str) -> None:
    status, _out, err = tracer("run", "async-brigade", "--cpus", value)
    assert status == 2
    assert "--cpus" in err


@pytest.mark.parametrize("option", ["--tasks", "--probe", "--cpus", "--json"])
def test_an_option_without_its_value(tracer: Run, option: str) -> None:
    status, _out, err = tracer("run", "async-brigade", option)
    assert status == 2
    assert option in err


def test_an_ordinary_user_is_told_the_command(tracer: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("tracer.cli.run")
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    status, out, err = tracer("run", "async-brigade", "--iters", "10")
    assert status == 1
    assert out == ""
    assert "needs root" in err
    assert "sudo tracer run async-brigade --iters 10" in err


def test_wrong_usage_is_said_before_missing_rights(
    tracer: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = importlib.import_module("tracer.cli.run")
    monkeypatch.setattr(module.os, "geteuid", lambda: 1000)
    assert tracer("run", "async-brigade", "--probe", "zzz")[0] == 2


def test_a_json_file_that_cannot_be_written(tracer: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module("tracer.cli.run")
    monkeypatch.setattr(module.os, "geteuid", lambda: 0)
    status, _out, err = tracer("run", "async-brigade", "--json", "/nonexistent/file")
    assert status == 2
    assert "/nonexistent/file" in err


# ---- what is handed on ----


def test_defaults(parsed: Callable[..., dict[str, Any]]) -> None:
    values = parsed("async-brigade")
    assert values["workload"] == "async-brigade"
    assert (values["tasks"], values["iters"], values["warmups"]) == (500, 10_000, 100)
    assert (values["rounds"], values["top"], values["probe"]) == (5, 0, ())
    assert not values["light"]
    assert values["cpus"] is None
    assert values["workers"] is None


WORDS = (
    ("--tasks", "7"),
    ("--probe", "sched"),
    ("--iters=8",),
    ("--light",),
    ("--cpus", "0"),
    ("--warmups", "0"),
    ("--top", "3"),
    ("--probe", "syscalls"),
    ("--no-follow",),
    ("--json", "-"),
)


@pytest.mark.parametrize("turn", range(len(WORDS)))
@pytest.mark.parametrize("backwards", [False, True])
def test_options_in_any_order(
    parsed: Callable[..., dict[str, Any]], turn: int, backwards: bool
) -> None:
    words = [*WORDS[turn:], *WORDS[:turn]]
    if backwards:
        words.reverse()
    values = parsed("thread-brigade", *(word for group in words for word in group))
    assert (values["tasks"], values["iters"], values["warmups"], values["top"]) == (7, 8, 0, 3)
    assert sorted(values["probe"]) == ["sched", "syscalls"]
    assert values["light"]
    assert values["no_follow"]
    assert not values["no_baseline"]
    assert (values["cpus"], values["json"]) == ("0", "-")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (("sched",), ("sched",)),
        (("syscalls,sched",), ("sched", "syscalls")),
        (("syscalls", "sched"), ("sched", "syscalls")),
        (("sched,sched",), ("sched",)),
        ((" sched , syscalls ",), ("sched", "syscalls")),
        (("all",), ("sched", "syscalls")),
        (("sched,all",), ("sched", "syscalls")),
    ],
)
def test_probes(text: tuple[str, ...], names: tuple[str, ...]) -> None:
    from tracer import probes

    assert set(names) <= set(probes.chosen(text))
    if "all" not in ",".join(text):
        assert probes.chosen(text) == names
    else:
        assert probes.chosen(text) == tuple(probes.available())


def test_a_workloads_command() -> None:
    workload = workloads.available()["async-brigade"]
    values = {option.name: option.default for option in workload.options}
    argv = workload.argv({**values, "tasks": 3})
    assert argv[0].endswith("/async-brigade")
    words = list(argv[1:])
    assert dict(zip(words[::2], words[1::2], strict=True)) == {
        "--tasks": "3",
        "--iters": "10000",
        "--warmups": "100",
        "--tokens": "1",
        "--work": "0",
        "--transport": "socketpair",
        "--flavor": "multi-thread",
    }


# ---- what is printed ----


def test_list(tracer: Run) -> None:
    status, out, _err = tracer("list")
    assert status == 0
    for name in ("async-brigade", "thread-brigade", "sched", "syscalls"):
        assert name in out
    assert max(map(len, out.splitlines())) <= 100


def test_help_words(tracer: Run) -> None:
    from tracer.words import WORDS as MEANINGS

    status, out, _err = tracer("help", "words")
    assert status == 0
    assert set(MEANINGS) <= set(out.splitlines())


def test_version(tracer: Run) -> None:
    from tracer import __version__

    status, out, _err = tracer("--version")
    assert status == 0
    assert out.startswith(f"tracer {__version__}, bcc ")


@pytest.mark.parametrize(
    "words",
    [("--help",), ("-h",), ("run", "--help"), ("run", "async-brigade", "-h"), ("list", "-h")],
)
def test_help(tracer: Run, words: tuple[str, ...]) -> None:
    status, out, _err = tracer(*words)
    assert status == 0
    assert out.startswith("Usage: tracer")


@pytest.mark.parametrize("words", [(), ("run",)])
def test_without_a_command_the_help_is_shown(tracer: Run, words: tuple[str, ...]) -> None:
    status, out, err = tracer(*words)
    assert status in (0, 2)
    assert "Usage: tracer" in out + err
    assert "Commands:" in out + err


def test_python_m_tracer() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tracer", "run", "asinc-brigade"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "async-brigade" in done.stderr
    assert done.stdout == ""


def test_output_into_a_closed_pipe() -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", f"{sys.executable} -m tracer help words | true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
